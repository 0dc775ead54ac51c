"""When the frames and the audio of a file are shown and heard, and whether a copy has them when its source does."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.geometry import OF_FILM
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_report import AudioTiming, DecodeReport, Tally
from reelmill.ffmpeg.reading.decode_request import DecodeRequest
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, main_video, open_media
from reelmill.ffmpeg.reading.source_reading import SourceReading
from reelmill.ffmpeg.reading.tracks import decodable_audio
from reelmill.ffmpeg.verify.source_levels import TrackLevels

#: Half of what Matroska rounds times to, for each of two files, in seconds.
ROUNDING: Final = 0.001
#: A rate counts as constant where no frame stands longer than this times the usual.
_STEADY: Final = 1.5


@dataclass(frozen=True)
class Timing:
    """When frames begin, sorted, and when audio is heard; seconds on the file's own clock."""

    frames: array[float]
    audio: tuple[AudioTiming | None, ...]
    errors: tuple[str, ...] = ()
    reaches: float | None = None  # the end of whatever ends last, subtitles included; None where not read
    start: float = 0.0  # of the file on that clock, where it was read

    @property
    def first(self) -> float:
        """When the first frame begins."""
        return self.frames[0] if self.frames else 0.0

    @property
    def last(self) -> float:
        """When the last frame begins."""
        return self.frames[-1] if self.frames else 0.0

    @property
    def steady(self) -> bool:
        """Whether every frame but the last stands about equally long."""
        steps = sorted(after - before for before, after in pairwise(self.frames))
        return not steps or steps[-1] <= _STEADY * steps[len(steps) // 2] + ROUNDING


def timing_of(report: DecodeReport) -> Timing:
    """What decoding a whole file found of its times."""
    return Timing(array("d", sorted(report.times)), report.audio, report.errors)


def decoded_timing(path: Path) -> Timing:
    """The same, by decoding ``path``: slow, and true of every file."""
    return timing_of(check_whole(path))


def packet_timing(path: Path, layouts: tuple[str | None, ...]) -> tuple[Timing, TrackLevels]:
    """The times of a file by its packets, and how loud its audio is, in one reading: it may be on a slow disk.

    A packet need not hold a frame that decodes (hidden ones of VP8, damage), so what is missing after this is a
    suspicion; ``decoded_timing`` is certain.

    Args:
        path: the file.
        layouts: what each audio track is mixed to, or None; where there is none, only the first audio packets of each
            track are decoded, and levels mean nothing.

    Returns:
        The times, with those of the container, and the levels of each audio track.
    """
    tally, levels = Tally(request=DecodeRequest(levels=bool(layouts), layouts=layouts)), bool(layouts)
    frames, errors, reaches = array("d"), list[str](), None
    with open_media(path) as container:
        start = (container.start_time or 0) / 1_000_000
        video = main_video(container)
        tracks = [stream for _, stream in decodable_audio(container)]
        audio = {stream.index: _AudioTally() for stream in tracks}
        tally.follow_audio(tracks)
        for packet in _packets(container, errors):
            index, timed = packet.stream.index, packet.pts is not None and packet.time_base is not None
            if index in audio and (levels or (timed and not audio[index].begun)):
                tally.decode(packet)
            if packet.pts is None or packet.time_base is None:
                continue
            at = float(packet.pts * packet.time_base)
            end = at + float((packet.duration or 0) * packet.time_base)
            reaches = end if reaches is None else max(reaches, end)
            if video is not None and index == video[1].index and packet.size and not packet.is_discard:
                frames.append(at)
            if index in audio:
                audio[index].add(at, end, tally.heard_from(index))
    timings = tuple(track.timing() for track in audio.values())
    times = Timing(array("d", sorted(frames)), timings, tuple(errors), reaches, start)
    return times, TrackLevels(layouts, tally.report().levels)


def read_timing(reading: SourceReading, path: Path, layouts: tuple[str | None, ...]) -> tuple[Timing, TrackLevels]:
    """``packet_timing`` of a file that has been read: only the copy of its audio and subtitles is read again.

    Args:
        reading: what was found.
        path: the file.
        layouts: see ``packet_timing``.

    Returns:
        See ``packet_timing``.
    """
    heard, levels = Timing(array("d"), ()), TrackLevels(layouts, ())
    if reading.beside is not None:
        heard, levels = packet_timing(reading.beside, layouts)
    with open_media(path) as container:
        start = (container.start_time or 0) / 1_000_000
    reaches = reading.reaches
    if not reading.all_tracks and reaches is not None and heard.reaches is not None:
        reaches = max(reaches, heard.reaches)
    return replace(heard, frames=reading.times, reaches=reaches, start=start), levels


class _AudioTally:
    """One audio track by its packets."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._end = self._hole = self._hole_at = 0.0
        self._packets = 0
        self._open = False  # the first packet does not say how long it stands: until the second, then

    @property
    def begun(self) -> bool:
        """Whether something of it has decoded."""
        return self._start is not None

    def add(self, at: float, end: float, first: float | None) -> None:
        """Add a packet that stands from ``at`` to ``end``; ``first`` is when the first sample so far is heard."""
        if self._start is None:
            self._start = first
        elif at - self._end > self._hole and not self._open:
            self._hole, self._hole_at = at - self._end, self._end
        self._open, self._packets = self._packets == 0 and end <= at, self._packets + 1
        self._end = max(self._end, end) if self._start is not None else end

    def timing(self) -> AudioTiming | None:
        """When it is heard; None where nothing decodes."""
        if self._start is None:
            return None
        return AudioTiming(self._start, max(self._start, self._end), self._hole, self._hole_at)


def _packets(container: InputContainer, errors: list[str]) -> Iterator[Packet[Any]]:
    streams = [stream for stream in container.streams if stream.type in ("video", "audio", "subtitle")]
    try:
        yield from demuxed(container, streams)
    except FFmpegError as error:
        errors.append(f"the file cannot be read further ({error.strerror or error})")


def frame_shift(source: Timing, made: Timing, at: float) -> float:
    """How much later than in the source the frame on show ``at`` seconds after the first is shown in a copy.

    Returns:
        Seconds; 0 where the two have not as many frames, since no frame is known to be another then.
    """
    if len(source.frames) != len(made.frames) or not source.frames:
        return 0.0
    low, high = 0, len(source.frames) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if source.frames[middle] - source.first <= at else (low, middle - 1)
    return (made.frames[low] - made.first) - (source.frames[low] - source.first)


def first_fields(source: Timing, made: Timing) -> Timing:
    """The times of a copy that has a frame for each field of its source, as those of whole frames (pure).

    Args:
        source: of the original, which is interlaced.
        made: of the copy.

    Returns:
        The times at which the source's frames begin; ``made`` as it is where it has not one for each of them, or has
        more than a second one each.
    """
    if not len(source.frames) < len(made.frames) <= 2 * len(source.frames):
        return made
    kept, place = array("d"), 0
    for time in source.frames:
        wanted = time - source.first + made.first
        while place + 1 < len(made.frames) and made.frames[place] < wanted - 2 * ROUNDING:
            place += 1
        if abs(made.frames[place] - wanted) > 2 * ROUNDING:
            return made
        kept.append(made.frames[place])
    return replace(made, frames=kept)


def frame_length(info: MediaInfo) -> float:
    """Seconds that a frame usually stands."""
    rate = info.video.frame_rate or Fraction(25)
    return float(1 / (rate * OF_FILM if info.video.telecined else rate))


def time_faults(source: Timing, made: Timing, length: float) -> Iterator[Finding]:
    """What is wrong with a copy's times (pure).

    Args:
        source: of the original.
        made: of the copy.
        length: seconds that a frame usually stands; no time may be off by more.

    Yields:
        Each of them.
    """
    limit = length + ROUNDING
    wanted, got = source.last - source.first, made.last - made.first
    if abs(got - wanted) > limit:
        yield Finding(FindingKind.LAST_FRAME, got=got, wanted=wanted, limit=limit, against_source=True)
    if len(source.frames) != len(made.frames):
        return
    pairs = zip(source.frames, made.frames, strict=True)
    off, at = max(((abs((b - made.first) - (a - source.first)), a - source.first) for a, b in pairs), default=(0, 0))
    if off > limit:
        yield Finding(FindingKind.FRAME_TIME, got=off, limit=limit, at=at)
