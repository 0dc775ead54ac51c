"""What a video looks like, in 64 bits a second that survive re-encoding: a perceptual hash of one frame a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from reelmill.analysis.frames.frame_reader import read_frames
from reelmill.ffmpeg.reading.orientation import mirrored, rotation, upright

Hashes = NDArray[np.uint64]  # shape (seconds,)
Thumbnails = NDArray[np.uint8]  # shape (seconds, _SIDE, _SIDE), luma


class HashesOfVideos(Protocol):
    """The hashes of each of many videos: a list, or a ``HashFile``."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Hashes]: ...
    def __getitem__(self, number: int, /) -> Hashes: ...


#: Which way of hashing; hashes of different ways must not be compared.
ALGORITHM: Final = "dct64-1"
#: The hash of a second that shows nothing to distinguish videos by: black, one colour, no frame at all.
NOTHING: Final = 0

_SIDE: Final = 64  # of the thumbnail of each second, in pixels
_SMALL: Final = 32  # of the thumbnail transformed
#: Luma up to which a bar is black: encoders ring a little beside the frame.
_BLACK: Final = 24
#: The widest bar, as a share of the side: an upright video in a wide frame has 34 %.
_WIDEST: Final = 0.4
#: Standard deviation of luma, coarse detail only, below which a frame shows nothing.
_FLAT: Final = 4.0


def _frequencies() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The 64 lowest frequencies of a two-dimensional transform, without the mean: rows, columns."""
    pairs = [(row, column) for row in range(12) for column in range(12) if row or column]
    pairs.sort(key=lambda pair: (pair[0] + pair[1], abs(pair[0] - pair[1]), pair))
    rows, columns = zip(*pairs[:64], strict=True)
    return np.array(rows), np.array(columns)


_ROWS, _COLUMNS = _frequencies()
_BITS: Final = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))


def hash_video(path: Path) -> Hashes:
    """Hash the frame on show at the beginning of each second.

    Returns:
        Shape (seconds,), up to the last frame.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    shown = list(_thumbnails(path))
    return hashes(np.stack(shown)) if shown else np.zeros(0, np.uint64)


def _thumbnails(path: Path) -> Iterator[Thumbnails]:
    """A second is the first frame that begins in it, else the one still on show."""
    due = 0
    thumbnail: Thumbnails | None = None
    for time, frame in read_frames(path, 0):
        second = max(0, int(time // 1))
        while thumbnail is not None and due < second:
            yield thumbnail
            due += 1
        if second >= due:
            thumbnail = _thumbnail(frame)
            while due <= second:  # several where a file's first frame begins late
                yield thumbnail
                due += 1


def _thumbnail(frame: VideoFrame) -> Thumbnails:
    luma = np.asarray(frame.to_ndarray(width=_SIDE, height=_SIDE, format="gray", interpolation="AREA"), np.uint8)
    return upright(luma, rotation(frame), mirrored=mirrored(frame))


def hashes(thumbnails: Thumbnails) -> Hashes:
    """The hash of each frame: the signs of its 64 lowest frequencies against their median.

    As in Zauner (2010), "Implementation and benchmarking of perceptual image hash functions", chapter 3.2.1, but with
    the lowest frequencies of all rather than a square of them. Neither size nor brightness nor contrast changes much of
    it, and black bars that stand all through are cut off first.

    Args:
        thumbnails: luma, shape (seconds, 64, 64).

    Returns:
        Shape (seconds,); ``NOTHING`` where a frame is nearly flat.
    """
    top, bottom = _inside(thumbnails.max(axis=(0, 2)))
    left, right = _inside(thumbnails.max(axis=(0, 1)))
    result = np.zeros(len(thumbnails), np.uint64)
    for second, thumbnail in enumerate(thumbnails):
        inside = thumbnail[top:bottom, left:right].astype(np.float32)
        small = cv2.resize(inside, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
        coefficients = cv2.dct(small)[_ROWS, _COLUMNS]
        # Orthonormal: the root of the summed squares is the deviation of luma, times the side.
        if np.linalg.norm(coefficients) / _SMALL >= _FLAT:
            result[second] = _BITS[coefficients > np.median(coefficients)].sum()
    return result


def _inside(brightest: NDArray[np.uint8]) -> tuple[int, int]:
    """First and end of what lies between black bars, given the brightest luma of each line of pixels over all time."""
    lit = np.flatnonzero(brightest > _BLACK)
    if not lit.size:
        return 0, len(brightest)
    first, end, most = int(lit[0]), int(lit[-1]) + 1, int(_WIDEST * len(brightest))
    # One line more: the edge of a bar falls inside a line.
    first = first + 1 if 0 < first <= most else 0
    end = end - 1 if 0 < len(brightest) - end <= most else len(brightest)
    return (first, end) if end - first >= len(brightest) // 8 else (0, len(brightest))


def distances(one: Hashes, other: Hashes) -> NDArray[np.uint8]:
    """In how many of 64 bits hashes differ, element by element."""
    return np.asarray(np.bitwise_count(one ^ other), np.uint8)
