"""When the pictures and sounds of a file stand, and whether those of a copy stand where its source has them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.probe import MediaInfo, main_video, open_media
from reelmill.ffmpeg.tally import DecodeReport, Heard

#: Half of what Matroska rounds times to, for each of two files, in seconds.
ROUNDING: Final = 0.001
#: A rate counts as constant where no picture stands longer than this times the usual.
_STEADY: Final = 1.5


@dataclass(frozen=True)
class Timing:
    """When pictures begin, sorted, and where sounds are; seconds on the file's own clock."""

    pictures: array[float]
    sounds: tuple[Heard | None, ...]
    errors: tuple[str, ...] = ()
    reaches: float | None = None  # the end of whatever ends last, subtitles included; None where that was not looked at

    @property
    def first(self) -> float:
        """When the first picture begins."""
        return self.pictures[0] if self.pictures else 0.0

    @property
    def last(self) -> float:
        """When the last picture begins."""
        return self.pictures[-1] if self.pictures else 0.0

    @property
    def steady(self) -> bool:
        """Whether every picture but the last stands about equally long."""
        steps = sorted(after - before for before, after in pairwise(self.pictures))
        return not steps or steps[-1] <= _STEADY * steps[len(steps) // 2] + ROUNDING


def timing(report: DecodeReport) -> Timing:
    """What decoding a whole file found of its times."""
    return Timing(array("d", sorted(report.times)), report.sounds, report.errors)


def decoded(path: Path) -> Timing:
    """The same, by decoding ``path``: slow, and true of every file."""
    return timing(check_whole(path))


def promised(path: Path) -> Timing:
    """The times of a file by its packets; nothing but the first sound of each track is decoded.

    A packet need not hold a picture that decodes (hidden ones of VP8, damage), so what is missing after this is a
    suspicion; ``decoded`` gives the verdict.
    """
    pictures, errors, reaches = array("d"), list[str](), None
    with open_media(path) as container:
        found = main_video(container)
        sounds = {stream.index: _Track() for stream in container.streams.audio}
        for packet in _packets(container, errors):
            if packet.pts is None or packet.time_base is None:
                continue
            at = float(packet.pts * packet.time_base)
            end = at + float((packet.duration or 0) * packet.time_base)
            reaches = end if reaches is None else max(reaches, end)
            index = packet.stream.index
            if found is not None and index == found[1].index and packet.size and not packet.is_discard:
                pictures.append(at)
            if index in sounds:
                sounds[index].take(packet, at, end)
    return Timing(array("d", sorted(pictures)), tuple(t.heard() for t in sounds.values()), tuple(errors), reaches)


class _Track:
    """One sound track by its packets."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._end = self._hole = self._hole_at = 0.0

    def take(self, packet: Packet[Any], at: float, end: float) -> None:
        """Add a packet that stands from ``at`` to ``end``."""
        if self._start is None:
            self._start = _heard_first(packet)
        elif at - self._end > self._hole:
            self._hole, self._hole_at = at - self._end, self._end
        self._end = max(self._end, end) if self._start is not None else end

    def heard(self) -> Heard | None:
        """What was found."""
        if self._start is None:
            return None
        return Heard(self._start, max(self._start, self._end), self._hole, self._hole_at)


def _packets(container: InputContainer, errors: list[str]) -> Iterator[Packet[Any]]:
    kept = [stream for stream in container.streams if stream.type in ("video", "audio", "subtitle")]
    try:
        yield from container.demux(kept)
    except FFmpegError as error:
        errors.append(f"the file cannot be read further ({error.strerror or error})")


def _heard_first(packet: Packet[Any]) -> float | None:
    """When the first sample of a packet is heard; None where it is all priming or does not decode."""
    try:
        frames = packet.decode()
    except (EOFError, FFmpegError):
        return None
    times = [float(f.pts * f.time_base) for f in frames if f.pts is not None and f.time_base is not None]
    return min(times, default=None)


def moved(source: Timing, made: Timing, at: float) -> float:
    """How much later than in the source the picture on show ``at`` seconds after the first is shown in a copy.

    0 where the two have not as many pictures, since no picture is known to be another then.
    """
    if len(source.pictures) != len(made.pictures) or not source.pictures:
        return 0.0
    low, high = 0, len(source.pictures) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if source.pictures[middle] - source.first <= at else (low, middle - 1)
    return (made.pictures[low] - made.first) - (source.pictures[low] - source.first)


def frame(info: MediaInfo) -> float:
    """Seconds that a picture usually stands."""
    return float(1 / (info.video.frame_rate or Fraction(25)))


def time_faults(source: Timing, made: Timing, length: float) -> Iterator[str]:
    """What is wrong with a copy's times (pure).

    Args:
        source: of the original.
        made: of the copy.
        length: seconds that a picture usually stands; no time may be off by more.
    """
    limit = length + ROUNDING
    wanted, got = source.last - source.first, made.last - made.first
    if abs(got - wanted) > limit:
        yield f"its last picture begins after {got:.3f} s, that of the source after {wanted:.3f} s"
    if len(source.pictures) != len(made.pictures):
        return
    pairs = zip(source.pictures, made.pictures, strict=True)
    off, at = max(((abs((b - made.first) - (a - source.first)), a - source.first) for a, b in pairs), default=(0, 0))
    if off > limit:
        yield f"a picture stands {1000 * off:.0f} ms away from where the source has it, at {at:.2f} s"
