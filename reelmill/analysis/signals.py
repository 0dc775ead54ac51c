"""What a video shows and sounds like, second by second, measured over one time range at a time.

Samples stand on one grid for the whole video: a second is the first picture that begins in it, else the one still on
show. Each looks back only to the second before, so the signals do not depend on how the video was split into ranges.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from reelmill.analysis.faces import faces
from reelmill.analysis.frames import pictures
from reelmill.analysis.ranges import Range
from reelmill.analysis.sound import SILENCE, Sound, heard

#: Which measuring this is: another one's results are not this one's.
VERSION: Final = "4"

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: dB below full scale under which a second counts as silent.
INAUDIBLE: Final = -60.0

#: The picture everything is measured on, in pixels.
_PLANE: Final = (160, 90)
_COARSE: Final = (32, 18)
_LOOK: Final = (4, 4)
_DARK: Final = 32  # luma below this is all but black
_BLACK_SHARE: Final = 0.98
#: What noise and coding stir in a still picture stays below.
_STIR: Final = 0.012


@dataclass(frozen=True)
class Signals:
    """One value a second, each array of shape (seconds,) unless said.

    A second without a picture of its own repeats the one on show; where the file holds none, before the first and
    after the last, what is seen is 0.
    """

    motion: Floats  # mean difference of luma to the second before, 0 to 1
    sharpness: Floats  # variance of the Laplacian of luma
    brightness: Floats  # mean luma, 0 to 255
    colourfulness: Floats  # Hasler and Süsstrunk (2003), "Measuring colourfulness in natural images"
    loudness: Floats  # RMS in dB below full scale, at least -100; all -100 without sound
    pauses: Floats  # see ``sound.Sound``
    voicing: Floats
    shown: Floats  # 1 where there is a picture, else 0
    stir: Floats  # largest difference of any part of the picture (32x18) to the second before, 0 to 1
    dark: Floats  # share of the picture that is all but black, 0 to 1
    faces: Floats  # how many faces look at the camera
    looks: Floats  # shape (seconds, 48): the picture as 4x4 colours, blue, green, red, each 0 to 1

    def __len__(self) -> int:
        return len(self.motion)

    @property
    def content(self) -> int:
        """Seconds up to the last in which anything is seen or heard; a container may promise more."""
        there = np.flatnonzero((self.shown > 0) | (self.loudness > SILENCE))
        return int(there[-1]) + 1 if there.size else 0

    @property
    def black(self) -> Flags:
        """Seconds that show nothing but black."""
        return np.asarray((self.shown > 0) & (self.dark >= _BLACK_SHARE))

    @property
    def frozen(self) -> Flags:
        """Seconds in which nothing has moved since the one before."""
        still = (self.shown > 0) & (self.stir < _STIR)
        still[:1] = False
        return np.asarray(still)

    @property
    def silent(self) -> Flags:
        """Seconds without a sound that anybody would hear."""
        return np.asarray(self.loudness < INAUDIBLE)

    def until(self, end: int) -> Signals:
        """The first ``end`` seconds."""
        return Signals(**{f.name: getattr(self, f.name)[:end] for f in fields(Signals)})


def packed(signals: Signals) -> bytes:
    """The signals as a compressed file of numpy's."""
    file = io.BytesIO()
    np.savez_compressed(file, **{f.name: getattr(signals, f.name) for f in fields(Signals)})
    return file.getvalue()


def unpacked(data: bytes) -> Signals:
    """What ``packed`` was given."""
    with np.load(io.BytesIO(data)) as file:
        return Signals(**{f.name: file[f.name] for f in fields(Signals)})


def join(parts: Sequence[Signals]) -> Signals:
    """The signals of ranges that follow one another, as one."""
    return Signals(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Signals)})


#: Signals that are heard, and those that are seen, one number a second.
_HEARD: Final = tuple(f.name for f in fields(Sound))
_SEEN: Final = tuple(f.name for f in fields(Signals) if f.name not in (*_HEARD, "looks"))


@dataclass(frozen=True)
class _Look:
    """What is kept of one sampled picture until the next."""

    coarse: Floats
    colours: Floats
    sharpness: float
    brightness: float
    colourfulness: float
    dark: float
    faces: int


def measure(part: Range) -> Signals:
    """Decode one range and measure it.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    path = Path(part.path)
    seen = {name: np.zeros(part.end - part.first, np.float32) for name in _SEEN}
    looks = np.zeros((part.end - part.first, 3 * _LOOK[0] * _LOOK[1]), np.float32)
    before: _Look | None = None
    # One second early: the first sample of a range looks back, too.
    for second, look in _looks(path, part.first - 1, part.end):
        if second >= part.first:
            column = second - part.first
            for name, value in _values(before, look).items():
                seen[name][column] = value
            looks[column] = look.colours
        before = look
    return Signals(**seen, **vars(heard(path, part.first, part.end)), looks=looks)


def _values(before: _Look | None, now: _Look) -> dict[str, float]:
    """What is seen in a second, by the names of ``Signals``."""
    motion, stir = (0.0, 0.0) if before is None else _difference(before, now)
    return {
        "motion": motion, "stir": stir, "sharpness": now.sharpness, "brightness": now.brightness,
        "colourfulness": now.colourfulness, "dark": now.dark, "faces": now.faces, "shown": 1,
    }  # fmt: skip


def _looks(path: Path, first: int, end: int) -> Iterator[tuple[int, _Look]]:
    """Each second of the range with what is on show then."""
    last: VideoFrame | None = None
    shown: _Look | None = None  # of ``last``, once somebody asked
    until = Fraction(0)
    due = max(0, first)
    for time, frame in pictures(path, due):
        second = int(time // 1)
        while last is not None and due < min(second, end):
            shown = shown or _look(last)
            yield due, shown
            due += 1
        if second >= end:
            return
        last, shown = frame, None
        # At least a second: the very last pictures may have been skipped, and not every container has durations.
        until = time + max(Fraction(1), (frame.duration or 0) * Fraction(frame.time_base or 0))
        if second >= due:
            shown = _look(frame)
            yield second, shown
            due = second + 1
    while last is not None and due < until and due < end:
        shown = shown or _look(last)
        yield due, shown
        due += 1


def _look(frame: VideoFrame) -> _Look:
    pixels = frame.to_ndarray(width=_PLANE[0], height=_PLANE[1], format="bgr24")
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    blue, green, red = (pixels[..., channel].astype(np.float32) for channel in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    small = cv2.resize(pixels, _LOOK, interpolation=cv2.INTER_AREA)
    return _Look(
        colours=(np.asarray(small, np.float32) / np.float32(255)).ravel(),
        dark=float((luma < _DARK).mean()),
        faces=faces(frame),
        coarse=np.asarray(cv2.resize(luma, _COARSE, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255),
        sharpness=float(cv2.Laplacian(luma, cv2.CV_32F).var()),
        brightness=float(luma.mean()),
        colourfulness=float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())),
    )


def _difference(before: _Look, now: _Look) -> tuple[float, float]:
    """Motion and stir."""
    moved = np.abs(now.coarse - before.coarse)
    return float(moved.mean()), float(moved.max())
