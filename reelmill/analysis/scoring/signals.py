"""What is seen and heard in a video, second by second, measured over one time range at a time.

Samples stand on one grid for the whole video: a second is the first frame that begins in it, else the one still on
show. Each looks back only to the second before, so the signals do not depend on how the video was split.
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

from reelmill.analysis.frames.frame_reader import read_frames
from reelmill.analysis.frames.time_ranges import TimeRange
from reelmill.analysis.scoring.audio_signals import SILENCE, AudioSignals, measure_audio
from reelmill.analysis.scoring.faces import faces
from reelmill.analysis.scoring.title_cards import title_card
from reelmill.errors import PlatformError

#: Which measuring this is: another one's results are not this one's.
VERSION: Final = "5"

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: dB below full scale under which a second counts as silent.
INAUDIBLE: Final = -60.0

#: The frame everything is measured on, in pixels.
_MEASURED_SIZE: Final = (160, 90)
_COARSE_SIZE: Final = (32, 18)
_LOOK_SIZE: Final = (4, 4)
_DARK: Final = 32  # luma below this is all but black
_BLACK_SHARE: Final = 0.98
#: What noise and coding stir in a still frame stays below.
_STIR: Final = 0.012


@dataclass(frozen=True)
class Signals:
    """One value a second, each array of shape (seconds,) unless said.

    A second without a frame of its own repeats the one on show; where the file holds none, before the first and
    after the last, what is seen is 0.
    """

    motion: Floats  # mean difference of luma to the second before, 0 to 1
    sharpness: Floats  # variance of the Laplacian of luma
    brightness: Floats  # mean luma, 0 to 255
    colourfulness: Floats  # Hasler and Süsstrunk (2003), "Measuring colourfulness in natural images"
    loudness: Floats  # RMS in dB below full scale, at least -100; all -100 without audio
    pauses: Floats  # see ``audio_signals.AudioSignals``
    voicing: Floats
    shown: Floats  # 1 where there is a frame, else 0
    stir: Floats  # largest difference of any cell of the frame (32x18) to the second before, 0 to 1
    dark: Floats  # share of the frame that is all but black, 0 to 1
    faces: Floats  # how many faces look at the camera
    title_card: Floats  # how much the frame looks like a title card, 0 to 1; see ``title_cards``
    looks: Floats  # shape (seconds, 48): the frame as 4x4 colours, blue, green, red, each 0 to 1

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
        """Seconds in which nobody would hear anything."""
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


def join(signals: Sequence[Signals]) -> Signals:
    """The signals of time ranges that follow one another, as one.

    Args:
        signals: in order, some perhaps measured on other nodes.

    Returns:
        The signals of all.

    Raises:
        PlatformError: a node of an earlier version, which measures less, has measured some.
    """
    lacking = [f.name for f in fields(Signals) for one in signals if not hasattr(one, f.name)]
    if lacking:
        raise PlatformError(
            f"A node of another version of Reelmill has measured this video without its {lacking[0]}; "
            "update that node, and run the job again."
        )
    return Signals(**{f.name: np.concatenate([getattr(one, f.name) for one in signals]) for f in fields(Signals)})


#: Signals that are heard, and those that are seen, one number a second.
_HEARD: Final = tuple(f.name for f in fields(AudioSignals))
_SEEN: Final = tuple(f.name for f in fields(Signals) if f.name not in (*_HEARD, "looks"))


@dataclass(frozen=True)
class _Features:
    """What is measured of one sampled frame, and compared with the next."""

    coarse: Floats
    colours: Floats
    sharpness: float
    brightness: float
    colourfulness: float
    dark: float
    faces: int
    title_card: float


def measure(time_range: TimeRange) -> Signals:
    """Decode one time range and measure it.

    Returns:
        The signals of its seconds.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    path = Path(time_range.path)
    seen = {name: np.zeros(time_range.end - time_range.first, np.float32) for name in _SEEN}
    looks = np.zeros((time_range.end - time_range.first, 3 * _LOOK_SIZE[0] * _LOOK_SIZE[1]), np.float32)
    before: _Features | None = None
    # One second early: the first sample of a range looks back, too.
    for second, features in _features_by_second(path, time_range.first - 1, time_range.end):
        if second >= time_range.first:
            column = second - time_range.first
            for name, value in _values(before, features).items():
                seen[name][column] = value
            looks[column] = features.colours
        before = features
    return Signals(**seen, **vars(measure_audio(path, time_range.first, time_range.end)), looks=looks)


def _values(before: _Features | None, now: _Features) -> dict[str, float]:
    """What is seen in a second, by the names of ``Signals``."""
    motion, stir = (0.0, 0.0) if before is None else _difference(before, now)
    return {
        "motion": motion, "stir": stir, "sharpness": now.sharpness, "brightness": now.brightness,
        "colourfulness": now.colourfulness, "dark": now.dark, "faces": now.faces, "title_card": now.title_card,
        "shown": 1,
    }  # fmt: skip


def _features_by_second(path: Path, first: int, end: int) -> Iterator[tuple[int, _Features]]:
    """Each second of the range with what is on show then."""
    last: VideoFrame | None = None
    shown: _Features | None = None  # of ``last``, once they are needed
    until = Fraction(0)
    due = max(0, first)
    for time, frame in read_frames(path, due):
        second = int(time // 1)
        while last is not None and due < min(second, end):
            shown = shown or _features(last)
            yield due, shown
            due += 1
        if second >= end:
            return
        last, shown = frame, None
        # At least a second: the very last frames may have been skipped, and not every container has durations.
        until = time + max(Fraction(1), (frame.duration or 0) * Fraction(frame.time_base or 0))
        if second >= due:
            shown = _features(frame)
            yield second, shown
            due = second + 1
    while last is not None and due < until and due < end:
        shown = shown or _features(last)
        yield due, shown
        due += 1


def _features(frame: VideoFrame) -> _Features:
    width, height = _MEASURED_SIZE
    pixels = np.asarray(frame.to_ndarray(width=width, height=height, format="bgr24"), np.uint8)
    luma = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    blue, green, red = (pixels[..., channel].astype(np.float32) for channel in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    found = faces(frame)
    small = cv2.resize(pixels, _LOOK_SIZE, interpolation=cv2.INTER_AREA)
    return _Features(
        colours=(np.asarray(small, np.float32) / np.float32(255)).ravel(),
        dark=float((luma < _DARK).mean()),
        faces=found,
        title_card=0.0 if found else title_card(pixels, luma),
        coarse=np.asarray(cv2.resize(luma, _COARSE_SIZE, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255),
        sharpness=float(cv2.Laplacian(luma, cv2.CV_32F).var()),
        brightness=float(luma.mean()),
        colourfulness=float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())),
    )


def _difference(before: _Features, now: _Features) -> tuple[float, float]:
    """Motion and stir."""
    moved = np.abs(now.coarse - before.coarse)
    return float(moved.mean()), float(moved.max())
