"""Are audio and video of a copy in sync as they are in its source?

What counts is when a player plays the frames and samples of both files: edit lists, encoder delay and priming included.
The audio itself is compared at the start, in the middle and at the end, so that a shift which the times do not show is
found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.decode_report import AudioTiming
from reelmill.ffmpeg.reading.probe import open_media
from reelmill.ffmpeg.verify.audio_lag import AudioPosition, NoLag, measured_lag
from reelmill.ffmpeg.verify.film_segments import FilmSegment
from reelmill.ffmpeg.verify.timing import Timing, frame_shift

Place = Literal["start", "middle", "end"]

#: How far audio may stand from its frames compared with the source, in seconds.
LIMIT: Final = 0.020
#: A packet of audio that may be priming or padding at the usual rates, in seconds; at a low rate it is longer.
_PADDING: Final = 0.025
#: Seconds of audio that are compared at each place, at most and at least.
_LONGEST: Final = 2.0
_SHORTEST: Final = 0.3
#: How often audio is compared at a place before it counts as silent.
_TRIES: Final = 6
#: By such a share of its length drifting audio is longer or shorter, at most: by 0.09 where 44,100 samples a second are
#: played as 48,000.
_STRETCHED: Final = 0.1
#: How many segments of a film are compared at most.
_SEGMENTS: Final = 3


@dataclass(frozen=True)
class Offset:
    """How much later than in the source audio comes, compared with the video, in seconds; negative: earlier."""

    track: int  # audio track, from 0
    place: Place
    seconds: float
    heard: bool  # found by comparing the audio itself; else by when it begins and ends
    at: float = 0.0  # seconds after the first frame of the source
    unsure: float = 0.0  # seconds of priming or padding that a decoder cannot always distinguish from silence


@dataclass(frozen=True)
class SyncResult:
    """What comparing found."""

    offsets: tuple[Offset, ...]
    faults: tuple[Finding, ...]


def synchrony(source_path: Path, source: Timing, made_path: Path, made: Timing) -> SyncResult:
    """Compare each audio track of a copy with that of its source, at three places.

    Args:
        source_path: the original.
        source: its times.
        made_path: the copy.
        made: its times.

    Returns:
        Every offset that could be measured, and what is wrong.
    """
    offsets: list[Offset] = []
    faults: list[Finding] = []
    for track, (origin, wanted, got) in enumerate(_pairs(source, made)):
        number = None if len(made.audio) == 1 else track + 1
        if got is None:
            faults.append(Finding(FindingKind.AUDIO_UNDECODABLE, track=number))
            continue
        files = _TrackOfFile(source_path, source, wanted, origin), _TrackOfFile(made_path, made, got, track)
        for place in ("start", "middle", "end"):
            found = _offset_at(place, *files)
            if isinstance(found, Finding):
                faults.append(replace(found, track=number))
            elif found is not None:
                offsets.append(found)
        faults += [replace(hole, at=got.hole_at - made.first) for hole in _holes(number, wanted, got)]
    late = [offset for offset in offsets if abs(offset.seconds) > _allowed(offset)]
    faults += [_late(offset, len(made.audio)) for offset in late]
    faults += _drifts(offsets, late, len(made.audio))
    return SyncResult(tuple(offsets), tuple(faults))


def segment_lags(path: Path, first: float, segments: Sequence[FilmSegment], length: float) -> Iterator[Finding]:
    """What of a film's audio comes at another time than in its sources, or is another's.

    Args:
        path: the film.
        first: when its first frame is shown, on its own clock.
        segments: what it was put together from; of those that are heard a few are compared, each in its middle and at
            its end, by when audio that drifts is farthest off.
        length: seconds that a frame stands; segments begin on one.

    Yields:
        One, at the first segment where that is so.
    """
    heard = [segment for segment in segments if segment.heard and segment.length >= _SHORTEST]
    allowed = allowed_lag(length)
    for segment in heard[:: max(1, len(heard) // _SEGMENTS)][:_SEGMENTS]:
        found = _segment_lag(path, first, segment, allowed)
        if found is not None:
            yield found
            return


def _segment_lag(path: Path, first: float, segment: FilmSegment, allowed: float) -> Finding | None:
    with open_media(segment.path) as container:
        start = (container.start_time or 0) / 1_000_000
    lags = []
    for begin, compared in _places_of(segment):
        at = segment.shown(begin)
        places = AudioPosition(segment.path, 0, start + begin), AudioPosition(path, 0, first + at)
        lag = measured_lag(*places, compared)
        if lag in (NoLag.SILENT, NoLag.GONE, NoLag.UNKNOWN) or (not isinstance(lag, NoLag) and abs(lag) <= allowed):
            continue
        late = _lateness(lag, *places, compared, allowed)
        if late is not None:
            return replace(late, at=at, until=at + compared)
        lags.append(lag)
    if len(lags) > 1 and NoLag.OTHER in lags:  # in step nowhere, and late by nothing that both halves are late by
        return Finding(FindingKind.OTHER_AUDIO, at=segment.at, until=segment.at + segment.length)
    return None


def _places_of(segment: FilmSegment) -> Iterator[tuple[float, float]]:
    """Where the audio of a segment is compared: begin and length, in seconds."""
    compared = min(_LONGEST, segment.length)
    yield segment.begin + (segment.length - compared) / 2, compared
    compared = min(_LONGEST, segment.length / 3)
    if compared >= 2 * _SHORTEST:  # both halves are heard alone, too
        yield segment.end - compared, compared


def allowed_lag(length: float) -> float:
    """How far the audio of a film may be off, in seconds, where a frame stands for ``length`` of them."""
    return LIMIT + _PADDING + length


def _lateness(
    lag: float | NoLag, source: AudioPosition, made: AudioPosition, compared: float, allowed: float
) -> Finding | None:
    """How audio is late, if both of its halves show it: what repeats itself is like itself elsewhere by chance."""
    half = compared / 2
    later = [replace(place, begin=place.begin + half) for place in (source, made)]
    before, after = measured_lag(source, made, half), measured_lag(later[0], later[1], half)
    if isinstance(before, NoLag) or isinstance(after, NoLag) or before * after <= 0:
        return None
    late = (before + after) / 2 if isinstance(lag, NoLag) else lag  # what drifts is alike for short alone
    apart = max(late, before, after) - min(late, before, after)
    if abs(late) <= allowed or apart > LIMIT + _STRETCHED * half:
        return None
    return Finding(FindingKind.OUT_OF_SYNC if apart <= LIMIT else FindingKind.DRIFTING, got=late, limit=allowed)


def _pairs(source: Timing, made: Timing) -> list[tuple[int, AudioTiming, AudioTiming | None]]:
    """Each audio track of a source in which something decodes, with its number there, and that of the copy."""
    wanted = [(number, timing) for number, timing in enumerate(source.audio) if timing is not None]
    return [(number, timing, got) for (number, timing), got in zip(wanted, made.audio, strict=False)]


def _allowed(offset: Offset) -> float:
    return LIMIT + offset.unsure


def _late(offset: Offset, tracks: int) -> Finding:
    track = None if tracks == 1 else offset.track + 1
    return Finding(FindingKind.OUT_OF_SYNC, got=offset.seconds, limit=_allowed(offset), track=track, place=offset.place)


def _drifts(offsets: Sequence[Offset], late: Sequence[Offset], tracks: int) -> Iterator[Finding]:
    """Tracks that are late by more and more, or less and less: heard at two places, and not by the same."""
    for track in dict.fromkeys(offset.track for offset in late):
        heard = [offset for offset in offsets if offset.track == track and offset.heard]
        lags = [offset.seconds for offset in heard]
        if len(heard) > 1 and max(lags) - min(lags) > LIMIT and sorted(lags) in (lags, lags[::-1]):
            farthest = max(heard, key=lambda offset: abs(offset.seconds))
            number = None if tracks == 1 else track + 1
            yield Finding(FindingKind.DRIFTING, got=farthest.seconds, limit=LIMIT, track=number, at=farthest.at)


def unexplained_holes(source: Timing, made: Timing) -> bool:
    """Whether an audio track of a copy has a hole that its source, so far as is known, has not."""
    return any(got is not None and any(_holes(None, wanted, got)) for _, wanted, got in _pairs(source, made))


def _holes(track: int | None, wanted: AudioTiming, got: AudioTiming) -> Iterator[Finding]:
    if got.hole > wanted.hole + LIMIT:
        lengths = got.hole, wanted.hole
        yield Finding(FindingKind.AUDIO_HOLE, *lengths, limit=LIMIT, track=track, against_source=True)


@dataclass(frozen=True)
class _TrackOfFile:
    """An audio track of a file."""

    path: Path
    times: Timing
    timing: AudioTiming
    track: int  # among those that have a decoder, from 0


def _offset_at(place: Place, source: _TrackOfFile, made: _TrackOfFile) -> Offset | Finding | None:
    """The offset at a place, what is wrong with the audio there, or None where nothing can be known."""
    for begin, length in _places_to_compare(source.timing, place):
        after = begin - source.times.first
        lag = measured_lag(
            AudioPosition(source.path, source.track, begin),
            AudioPosition(made.path, made.track, made.times.first + after),
            length,
        )
        if lag in (NoLag.SILENT, NoLag.UNKNOWN):
            continue
        if lag is NoLag.GONE:
            return Finding(FindingKind.MUTED, at=after, until=after + length)
        if lag is NoLag.OTHER:
            return Finding(FindingKind.OTHER_AUDIO, at=after, until=after + length)
        shift = frame_shift(source.times, made.times, after + length / 2)
        return Offset(made.track, place, lag - shift, heard=True, at=after)
    return _offset_by_times(place, source, made)


def _places_to_compare(timing: AudioTiming, place: Place) -> Iterator[tuple[float, float]]:
    """Where to listen, as begin and length in seconds: from the place on inward, until something is heard."""
    whole = timing.end - timing.start
    length = min(_LONGEST, max(_SHORTEST, whole / 3))
    for attempt in range(_TRIES):
        far = attempt * length
        if far + length > max(whole, length):
            return
        if place == "start":
            yield timing.start + far, length
        elif place == "end":
            yield max(timing.start, timing.end - length - far), length
        else:
            side = (attempt + 1) // 2 * (-1) ** attempt
            begin = timing.start + (whole - length) / 2 + side * length
            yield max(timing.start, begin), length


def _offset_by_times(place: Place, source: _TrackOfFile, made: _TrackOfFile) -> Offset | None:
    if place == "middle":
        return None
    if place == "start":
        seconds = (made.timing.start - made.times.first) - (source.timing.start - source.times.first)
    else:
        seconds = (made.timing.end - made.times.last) - (source.timing.end - source.times.last)
    return Offset(made.track, place, seconds, heard=False, unsure=max(_PADDING, made.timing.packet))
