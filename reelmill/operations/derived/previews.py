"""Small JPEGs for a person's eyes, as bytes; what a run's page shows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from reelmill.analysis.frames.seek_reader import SeekingReader, keyframes
from reelmill.analysis.frames.tiles import draw
from reelmill.analysis.storyboard_layout import tile_size
from reelmill.errors import NotAVideo, ReelmillError
from reelmill.ffmpeg.reading.orientation import believable, mirrored, rotation, upright
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.reading.seeking import Footage
from reelmill.ffmpeg.verify import ImageSource
from reelmill.operations.result_card import ResultImage
from reelmill.report import Report
from reelmill.troubles import Flaw

#: Longer side of a preview, in pixels.
SIDE: Final = 480
#: The same of one in a row of a table, many of which travel in one artifact.
_SMALL_SIDE: Final = 112
#: What a preview may take, since it travels inside an artifact; the quality is lowered until it fits.
MAX_BYTES: Final = 60_000
_QUALITIES: Final = (75, 50, 30, 15)
_TILE: Final = 120  # height of one frame of a strip, in pixels
_TILES: Final = 16
#: What may come up where an image is drawn, the errors of the libraries that draw with it.
NOT_DRAWN: Final = (ReelmillError, FFmpegError, cv2.error, OSError, ValueError, LookupError, ArithmeticError)


class PreviewFrame(NamedTuple):
    """A frame as it is shown."""

    pixels: NDArray[np.uint8]  # blue, green and red, in true proportions
    source: ImageSource  # what an image of it must show


def encode(pixels: NDArray[np.uint8], *, side: int = SIDE) -> bytes:
    """A BGR image, its longer side shrunk to ``side`` pixels, as JPEG."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    for quality in _QUALITIES:
        _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if jpeg.size <= MAX_BYTES:
            break
    return jpeg.tobytes()


def attempted(draw: Callable[[], bytes], what: str, report: Report) -> bytes | None:
    """Draw a preview of what is published already, whose job must not fail over it.

    Args:
        draw: makes the JPEG.
        what: it shows, for people.
        report: where a line on what could not be shown, and why, is logged.

    Returns:
        The JPEG; None where it cannot be drawn.
    """
    try:
        return draw()
    except NOT_DRAWN as error:
        report.line(f"not shown: {what} ({error})")
        return None


def data_url(root: Path, report: Report, image: ResultImage) -> str | None:
    """The image that a result card shows, as an address that holds the whole of it.

    Args:
        root: the folder that its path is relative to.
        report: where a line on what could not be shown, and why, is logged.
        image: what it shows.

    Returns:
        A ``data:`` URL; None where the image cannot be drawn.
    """
    jpeg = attempted(partial(_of_result, root / image.path, image), image.caption, report)
    return None if jpeg is None else f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _of_result(path: Path, image: ResultImage) -> bytes:
    if image.small:
        return of_keyframe(path, image.times[0])
    if not image.times:
        return of_image(path)
    return of_video(path, image.times[0]) if len(image.times) == 1 else strip(path, image.times)


def of_image(path: Path) -> bytes:
    """A preview of an image file.

    Returns:
        A JPEG.

    Raises:
        NotAVideo: it is no image.
    """
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise NotAVideo(f"{path.name} is not an image.")
    return encode(np.asarray(pixels, np.uint8))


def of_video(path: Path, at: float) -> bytes:
    """A preview of a video: the frame on show at ``at`` seconds.

    Returns:
        A JPEG.

    Raises:
        NotAVideo: no frame decodes.
    """
    return encode(frame_on_show(path, at).pixels)


def of_keyframe(path: Path, at: float) -> bytes:
    """A small preview of a video: the keyframe nearest before ``at`` seconds.

    Returns:
        A JPEG.

    Raises:
        NotAVideo: it does not decode.
    """
    track = probe(path).video
    with SeekingReader(path, keyframes(path).times) as reader:
        still = reader.at(Fraction(at))
    if still is None:
        raise NotAVideo(f"{path.name} holds no frame that decodes.", path, Flaw.NO_FRAMES)
    return encode(draw(still.frame, track, tile_size(*track.display_size)), side=_SMALL_SIDE)


def strip(path: Path, times: Sequence[float]) -> bytes:
    """A row of frames (several rows from five on) of a video at these seconds, each with its time written on it.

    Returns:
        A JPEG.

    Raises:
        NotAVideo: no frame decodes.
    """
    return encode(rows([_tile(path, at) for at in times[:_TILES]], 4), side=2 * SIDE)


def _tile(path: Path, at: float) -> NDArray[np.uint8]:
    return tile(frame_on_show(path, at).pixels, at)


#: The share of a tile's height, at its foot, in which its time is written.
WRITTEN: Final = 0.16


def tile(pixels: NDArray[np.uint8], at: float) -> NDArray[np.uint8]:
    """A small frame with its time, in seconds, written on it."""
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (max(1, round(width * _TILE / height)), _TILE), interpolation=cv2.INTER_AREA)
    label = f"{int(at) // 60}:{int(at) % 60:02}"
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(small, label, (4, _TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, thickness, cv2.LINE_AA)
    return np.asarray(small, np.uint8)


def rows(tiles: list[NDArray[np.uint8]], most: int) -> NDArray[np.uint8]:
    """Images of one height side by side, at most so many a row; what is left of the last row is black.

    Their width may change within a recording; narrower ones are filled with black.

    Returns:
        BGR pixels.
    """
    columns, widest = min(most, len(tiles)), max(tile.shape[1] for tile in tiles)
    tiles = [np.pad(tile, ((0, 0), (0, widest - tile.shape[1]), (0, 0))) for tile in tiles]
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[first : first + columns]) for first in range(0, len(tiles), columns)])


def frame_on_show(path: Path, at: float) -> PreviewFrame:
    """Decode a frame.

    Returns:
        The one on show at ``at`` seconds, upright.

    Raises:
        NotAVideo: no frame decodes.
    """
    with Footage(path) as footage:
        found = footage.on_show(Fraction(at))
        if found is None:
            raise NotAVideo(f"{path.name} holds no frame that decodes.", path, Flaw.NO_FRAMES)
        return PreviewFrame(_upright(found[1], footage.stream), ImageSource.of(found[1], at))


def _upright(frame: VideoFrame, stream: VideoStream) -> NDArray[np.uint8]:
    pixels = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    aspect = believable(Fraction(stream.sample_aspect_ratio or 1))
    if aspect != 1:
        size = (max(1, round(frame.width * aspect)), frame.height)
        pixels = np.asarray(cv2.resize(pixels, size), np.uint8)
    return upright(pixels, rotation(frame), mirrored=mirrored(frame))
