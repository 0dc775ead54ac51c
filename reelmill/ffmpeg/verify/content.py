"""Does a film show and play what it was made of? What is compared, and what is wrong with it.

Frames are taken from the sources before the film is decoded, so that those it must match are picked on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from reelmill.ffmpeg.finding import Finding
from reelmill.ffmpeg.reading.audio.audio_levels import Levels
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.decode_request import DecodeRequest
from reelmill.ffmpeg.verify.audio_lag import AudioPosition, NoLag, measured_lag
from reelmill.ffmpeg.verify.detail_asked import DetailAsked
from reelmill.ffmpeg.verify.drift import drift_fault
from reelmill.ffmpeg.verify.film_segments import FilmSegment
from reelmill.ffmpeg.verify.frames_beside import faults_beside
from reelmill.ffmpeg.verify.frames_compared import ExpectedFrame, expected_frames, frame_faults
from reelmill.ffmpeg.verify.matches.levels_match import level_faults
from reelmill.ffmpeg.verify.source_levels import TrackLevels, layouts_of, levels_between, track_levels
from reelmill.ffmpeg.verify.sync import LIMIT, allowed_lag
from reelmill.ffmpeg.verify.timing import Timing, frame_shift, timing_of

#: Seconds at both ends of a segment whose audio may be faded.
_SOFT: Final = 0.1
#: Seconds of audio that are compared where it seems to come at another time.
_COMPARED: Final = 2.0


@dataclass(frozen=True)
class Content:
    """What a film is compared with."""

    segments: tuple[FilmSegment, ...]
    expected_frames: tuple[ExpectedFrame, ...]
    layouts: tuple[str | None, ...]  # of the film's audio tracks

    @property
    def request(self) -> DecodeRequest:
        """What is wanted of the film while it is decoded."""
        return DecodeRequest(
            tuple(sample.request for sample in self.expected_frames), levels=bool(self.expected_frames and self.layouts)
        )


def content_of(film: Path, segments: Sequence[FilmSegment]) -> Content:
    """Take frames from the sources of a film.

    Args:
        film: the file.
        segments: what it was put together from.

    Returns:
        What the film is compared with.

    Raises:
        NotAVideo, FileMissing, InputError: one does not open.
    """
    return Content(tuple(segments), tuple(expected_frames(segments)), layouts_of(film) if segments else ())


def whole_segment(source: Path, wanted: Timing, *, mapped: bool, detail: DetailAsked) -> list[FilmSegment]:
    """The segment that a copy of a whole video is.

    Args:
        source: the video.
        wanted: its times.
        mapped: from high dynamic range to standard.
        detail: what its encode was asked to keep of it.

    Returns:
        One segment; none where the source has no frame.
    """
    if not wanted.frames:
        return []
    begin, end = wanted.first - wanted.start, wanted.last - wanted.start
    return [FilmSegment(source, begin, end + _SOFT, at=0.0, mapped=mapped, detail=detail, retimed=False)]


def shown_faults(film: Path, content: Content, report: DecodeReport, late: float = 0.0) -> Iterator[Finding]:
    """What is wrong with the frames of a film.

    Args:
        film: the file.
        content: what it is compared with.
        report: what decoding it found.
        late: how many seconds later than was thought the sources' frames begin.

    Yields:
        One of each kind.
    """
    if not report.frames:
        return
    compared = film, content.expected_frames, report.rasters, late
    faults = list(frame_faults(*compared))
    yield from faults or faults_beside(*compared)


def copy_audio_faults(
    source: Path, wanted: Timing, heard: TrackLevels, copy: Path, content: Content, made: DecodeReport
) -> Iterator[Finding]:
    """What is wrong with how loud the audio tracks of a copy are, and when; its source has as many.

    Args:
        source: the original.
        wanted: its times.
        heard: how loud it is, mixed as the copy would be if all of its tracks decoded.
        copy: the file.
        content: what the copy is compared with.
        made: what decoding the copy found.

    Yields:
        Each of them.
    """
    if not content.request.levels or made.start is None:
        return
    decoding = [number for number, timing in enumerate(wanted.audio) if timing is not None]  # the others are in no copy
    mixed = dict(zip(decoding, content.layouts, strict=False))
    layouts = tuple(mixed.get(number) for number in range(len(wanted.audio)))
    found = (heard if heard.layouts == layouts else track_levels(source, layouts)).levels
    own = layouts_of(source)
    for track, (number, now) in enumerate(zip(decoding, made.levels, strict=False)):
        was = found[number]
        if was is None or now is None:
            continue
        before = max(0.0, wanted.first - was.begin)  # what is heard before the first frame
        ends = was.end - wanted.first + before
        gain = 0.0 if track < len(own) and own[track] == mixed.get(number) else None  # mixing changes levels, too
        begins = wanted.first - before, float(made.start) - before
        compared = (was, begins[0]), (now, begins[1])
        tracks = AudioPosition(source, number, begins[0]), AudioPosition(copy, track, begins[1])
        measure = partial(_lag_at, *tracks, shift=partial(_shift_at, wanted, timing_of(made), before))
        faults = [
            *level_faults(*compared, ends, -before, gain),
            *(replace(drift, at=(drift.at or 0) - before) for drift in drift_fault(*compared, ends, measure, LIMIT)),
        ]
        yield from faults if len(decoding) == 1 else (replace(fault, track=track + 1) for fault in faults)


def _shift_at(wanted: Timing, made: Timing, before: float, at: float) -> float:
    """How much later a copy's frame is shown, ``before`` seconds less after the first one."""
    return frame_shift(wanted, made, at - before)


def _lag_at(source: AudioPosition, made: AudioPosition, at: float, shift: Callable[[float], float]) -> float | NoLag:
    """How much later a copy's audio comes around a moment, counted from both positions."""
    begin = at - _COMPARED / 2
    moved = [replace(place, begin=place.begin + begin) for place in (source, made)]
    lag = measured_lag(moved[0], moved[1], _COMPARED)
    return lag if isinstance(lag, NoLag) else lag - shift(at)


def film_audio_faults(film: Path, length: float, content: Content, made: DecodeReport) -> Iterator[Finding]:
    """What is wrong with how loud the one audio track of a film is, segment by segment, and when.

    Args:
        film: the file.
        length: seconds that a frame stands.
        content: what it is compared with.
        made: what decoding it found.

    Yields:
        Each of them.
    """
    levels = made.levels[0] if made.levels else None
    if levels is None or made.start is None:
        return
    for segment in content.segments:
        if segment.heard and segment.length > 2 * _SOFT:
            heard = AudioPosition(film, 0, float(made.start))
            yield from _segment_audio_faults(segment, content.layouts[0], levels, heard, allowed_lag(length))


def _segment_audio_faults(
    segment: FilmSegment, layout: str | None, levels: Levels, film: AudioPosition, limit: float
) -> Iterator[Finding]:
    begin, end = segment.begin + _SOFT, segment.end - _SOFT
    found = levels_between(segment.path, begin, end, layout)
    if found is not None:
        was, start = found
        at = segment.shown(begin)
        compared = (was, start + begin), (levels, film.begin + at)
        yield from level_faults(*compared, end - begin, at, segment.gain)
        tracks = AudioPosition(segment.path, 0, start + begin), replace(film, begin=film.begin + at)
        measure = partial(_lag_at, *tracks, shift=lambda _: 0.0)
        for drift in drift_fault(*compared, end - begin, measure, limit):
            yield replace(drift, at=(drift.at or 0) + at)
