"""What a video shows and sounds like, second by second, measured over one time range at a time.

Samples stand on one grid for the whole video (one at each full second), and each looks back only to the sample before
it, so the signals do not depend on how the video was split into ranges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from reelmill.analysis.sound import loudness
from reelmill.ffmpeg.probe import main_video, open_media

Floats = NDArray[np.float32]

#: The picture everything is measured on, in pixels.
_PLANE: Final = (160, 90)
_COARSE: Final = (32, 18)
_BINS: Final = 16  # of each channel's histogram


@dataclass(frozen=True)
class Range:
    """Seconds ``first`` up to, not including, ``end`` of a file; small enough to travel to another machine."""

    path: str
    first: int
    end: int


@dataclass(frozen=True)
class Signals:
    """One value a second, each array of shape (seconds,).

    A second without a picture of its own repeats the last one; before the first picture everything is 0.
    """

    motion: Floats  # mean difference of luma to the second before, 0 to 1
    change: Floats  # distance of colours and layout to the second before, 0 to 1
    sharpness: Floats  # variance of the Laplacian of luma
    brightness: Floats  # mean luma, 0 to 255
    colourfulness: Floats  # Hasler and Süsstrunk (2003), "Measuring colourfulness in natural images"
    loudness: Floats  # RMS in dB below full scale, at least -100; all -100 without sound

    def __len__(self) -> int:
        return len(self.motion)


def join(parts: Sequence[Signals]) -> Signals:
    """The signals of ranges that follow one another, as one."""
    return Signals(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Signals)})


@dataclass(frozen=True)
class _Look:
    """What is kept of one sampled picture until the next."""

    coarse: Floats
    histogram: Floats
    sharpness: float
    brightness: float
    colourfulness: float


def measure(part: Range) -> Signals:
    """Decode one range and measure it.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    path = Path(part.path)
    count = part.end - part.first
    names = [field.name for field in fields(Signals)][:5]
    values = np.zeros((len(names), count), np.float32)
    before: _Look | None = None
    # One second early: the first sample of a range looks back, too.
    for second, look in _looks(path, part.first - 1, part.end):
        if second >= part.first:
            motion, change = (0.0, 0.0) if before is None else _difference(before, look)
            column = second - part.first
            values[:, column] = motion, change, look.sharpness, look.brightness, look.colourfulness
        before = look
    return Signals(**dict(zip(names, values, strict=True)), loudness=loudness(path, part.first, part.end))


def _looks(path: Path, first: int, end: int) -> Iterator[tuple[int, _Look]]:
    """Each second of the range with what is on show then; a second without a new picture shows the last one."""
    shown: _Look | None = None
    due = max(0, first)
    for time, frame in _pictures(path, due):
        if time < due:
            continue
        second = int(time)
        while shown is not None and due < min(second, end):
            yield due, shown
            due += 1
        if second >= end:
            return
        shown = _look(frame)
        yield second, shown
        due = second + 1
    while shown is not None and due < end:
        yield due, shown
        due += 1


def _pictures(path: Path, first: int) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Decoded pictures from the keyframe before ``first`` seconds on, with their time from the start of the video."""
    with open_media(path) as container:
        found = main_video(container)
        if found is None:
            return
        stream = found[1]
        stream.thread_type = "AUTO"
        # Pictures no other refers to, and smoothing between blocks, change nothing that is measured here.
        stream.codec_context.skip_frame = "NONREF"
        stream.codec_context.options = {"skip_loop_filter": "all"}
        offset = Fraction(container.start_time or 0, av.time_base)
        if first > 0:
            try:
                container.seek(int((first + offset) * av.time_base), backward=True)
            except FFmpegError:
                container.seek(0)
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except (FFmpegError, EOFError):
                continue
            if packet is None:
                return
            for frame in frames:
                if frame.pts is not None and frame.time_base is not None:
                    yield frame.pts * frame.time_base - offset, frame


def _look(frame: VideoFrame) -> _Look:
    pixels = frame.to_ndarray(width=_PLANE[0], height=_PLANE[1], format="bgr24")
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    histogram = np.concatenate(
        [np.histogram(pixels[..., channel], bins=_BINS, range=(0, 256))[0] for channel in range(3)]
    )
    blue, green, red = (pixels[..., channel].astype(np.float32) for channel in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    return _Look(
        coarse=np.asarray(cv2.resize(luma, _COARSE, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255),
        histogram=(histogram / (3 * luma.size)).astype(np.float32),
        sharpness=float(cv2.Laplacian(luma, cv2.CV_32F).var()),
        brightness=float(luma.mean()),
        colourfulness=float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())),
    )


def _difference(before: _Look, now: _Look) -> tuple[float, float]:
    motion = float(np.abs(now.coarse - before.coarse).mean())
    colours = float(np.abs(now.histogram - before.histogram).sum()) / 2
    return motion, (colours + min(1.0, 2 * motion)) / 2
