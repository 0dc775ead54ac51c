"""Small JPEGs for a person's eyes, as bytes; what a run's page shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.probe import main_video, open_media

#: Longer side of a preview, in pixels.
SIDE: Final = 480
#: What a preview may take, since it travels inside an artifact; the quality is lowered until it fits.
MAX_BYTES: Final = 60_000
_QUALITIES: Final = (75, 50, 30, 15)
_TILE: Final = 120  # height of one picture of a strip, in pixels
_TILES: Final = 16


def encode(pixels: NDArray[np.uint8], *, side: int = SIDE) -> bytes:
    """A BGR picture, its longer side shrunk to ``side`` pixels, as JPEG."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    for quality in _QUALITIES:
        _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if jpeg.size <= MAX_BYTES:
            break
    return jpeg.tobytes()


def of_picture(path: Path) -> bytes:
    """A preview of a picture file.

    Raises:
        NotAVideo: it is no picture.
    """
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise NotAVideo(f"{path.name} is not a picture.")
    return encode(np.asarray(pixels, np.uint8))


def of_video(path: Path, at: float) -> bytes:
    """A preview of a video: the picture on show at ``at`` seconds.

    Raises:
        NotAVideo: no picture decodes.
    """
    return encode(_picture(path, at))


def strip(path: Path, times: Sequence[float]) -> bytes:
    """A row of pictures (several rows from five on) of a video at these seconds, each with its time written on it.

    Raises:
        NotAVideo: no picture decodes.
    """
    return encode(_rows([_tile(path, at) for at in times[:_TILES]], 4), side=2 * SIDE)


def sheet(path: Path, times: Sequence[float]) -> bytes:
    """A contact sheet: a picture for each of these seconds, eight a row, as a JPEG of its full size.

    Raises:
        NotAVideo: no picture decodes.
    """
    _, jpeg = cv2.imencode(".jpg", _rows([_tile(path, at) for at in times], 8), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return jpeg.tobytes()


def _tile(path: Path, at: float) -> NDArray[np.uint8]:
    """One small picture with its time on it."""
    picture = _picture(path, at)
    height, width = picture.shape[:2]
    tile = cv2.resize(picture, (max(1, round(width * _TILE / height)), _TILE), interpolation=cv2.INTER_AREA)
    label = f"{int(at) // 60}:{int(at) % 60:02}"
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(tile, label, (4, _TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, thickness, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)


def _rows(tiles: list[NDArray[np.uint8]], most: int) -> NDArray[np.uint8]:
    """Pictures of one size side by side, at most so many a row; what is left of the last row is black."""
    columns = min(most, len(tiles))
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[first : first + columns]) for first in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def _picture(path: Path, at: float) -> NDArray[np.uint8]:
    """BGR pixels, upright, in true proportions."""
    with open_media(path) as container:
        found = main_video(container)
        if found is not None:
            stream = found[1]
            start = (container.start_time or 0) / av.time_base
            container.seek(round((at + start) * av.time_base), backward=True)
            shown: VideoFrame | None = None
            for picture in container.decode(stream):
                if shown is not None and (picture.time or 0.0) - start > at:
                    break
                shown = picture
            if shown is not None:
                return _upright(shown, stream)
    raise NotAVideo(f"{path.name} holds no picture that decodes.")


def _upright(picture: VideoFrame, stream: VideoStream) -> NDArray[np.uint8]:
    pixels = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
    aspect = stream.sample_aspect_ratio or 1
    if aspect != 1:
        size = (max(1, round(picture.width * aspect)), picture.height)
        pixels = np.asarray(cv2.resize(pixels, size), np.uint8)
    return np.rot90(pixels, round(picture.rotation / 90))  # both count counter-clockwise
