"""Do sound and pictures of a copy belong together as they do in its source?

Both files are asked what they make a player show and hear: edit lists, encoder delay and priming included. The sound
itself is compared at the start, in the middle and at the end, so that a shift which the times do not tell is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from reelmill.ffmpeg.tally import Heard
from reelmill.ffmpeg.verify.sound import Match, compared
from reelmill.ffmpeg.verify.timing import Timing, moved

Place = Literal["start", "middle", "end"]

#: How far sound may stand from its pictures compared with the source, in seconds.
LIMIT: Final = 0.020
#: A packet of sound that may be priming or padding, which a decoder cannot always tell from silence.
_PADDING: Final = 0.025
#: Seconds of sound that are compared at each place, at most and at least.
_LONGEST: Final = 2.0
_SHORTEST: Final = 0.3
#: How many stretches are tried at a place before it counts as silent.
_TRIES: Final = 6


@dataclass(frozen=True)
class Offset:
    """How much later than in the source sound comes than its pictures, in seconds; negative: earlier."""

    track: int  # sound track, from 0
    place: Place
    seconds: float
    heard: bool  # found by comparing the sound itself; else by when it begins and ends


@dataclass(frozen=True)
class Sync:
    """What comparing found."""

    offsets: tuple[Offset, ...]
    faults: tuple[str, ...]


def synchrony(source_path: Path, source: Timing, made_path: Path, made: Timing) -> Sync:
    """Compare each sound track of a copy with that of its source, at three places.

    Args:
        source_path: the original.
        source: its times.
        made_path: the copy.
        made: its times.
    """
    offsets: list[Offset] = []
    faults: list[str] = []
    for track, (wanted, got) in enumerate(zip(source.sounds, made.sounds, strict=False)):
        if wanted is None:
            continue
        name = "its sound" if len(made.sounds) == 1 else f"sound track {track + 1}"
        if got is None:
            faults.append(f"{name} does not decode")
            continue
        files = (source_path, source, wanted), (made_path, made, got)
        for place in ("start", "middle", "end"):
            found = _at(track, place, *files)
            if isinstance(found, str):
                faults.append(f"{name} {found}")
            elif found is not None:
                offsets.append(found)
        faults += _holes(name, wanted, got)
    faults += [_said(offset, len(made.sounds)) for offset in offsets if abs(offset.seconds) > _allowed(offset)]
    return Sync(tuple(offsets), tuple(faults))


def _allowed(offset: Offset) -> float:
    return LIMIT if offset.heard else LIMIT + _PADDING


def _said(offset: Offset, tracks: int) -> str:
    name = "its sound" if tracks == 1 else f"sound track {offset.track + 1}"
    way = "late" if offset.seconds > 0 else "early"
    where = {"start": "at the start", "middle": "in the middle", "end": "at the end"}[offset.place]
    return f"{name} is {abs(1000 * offset.seconds):.0f} ms {way} {where}"


def unexplained_holes(source: Timing, made: Timing) -> bool:
    """Whether a sound track of a copy has a hole that its source, so far as is known, has not."""
    pairs = zip(source.sounds, made.sounds, strict=False)
    return any(a is not None and b is not None and any(_holes("", a, b)) for a, b in pairs)


def _holes(name: str, wanted: Heard, got: Heard) -> Iterator[str]:
    if got.hole > wanted.hole + LIMIT:
        yield f"{name} has a hole of {1000 * got.hole:.0f} ms at {got.hole_at:.2f} s"


File = tuple[Path, Timing, Heard]


def _at(track: int, place: Place, source: File, made: File) -> Offset | str | None:
    """The offset at a place, what is wrong with the sound there, or None where nothing can be said."""
    for begin, length in _stretches(source[2], place):
        after = begin - source[1].first
        match = compared(
            (source[0], begin), (made[0], made[1].first + after), track, length,
        )  # fmt: skip
        if match in (Match.SILENT, Match.UNKNOWN):
            continue
        if match is Match.GONE:
            return f"is silent {after:.2f} s in, where the source sounds"
        if match is Match.OTHER:
            return f"is not that of the source {after:.2f} s in, or far off"
        shift = moved(source[1], made[1], after + length / 2)
        return Offset(track, place, match - shift, heard=True)
    return _by_times(track, place, source[1:], made[1:])


def _stretches(sound: Heard, place: Place) -> Iterator[tuple[float, float]]:
    """Where to listen, as begin and length in seconds: from the place on inward, until something is heard."""
    whole = sound.end - sound.start
    length = min(_LONGEST, max(_SHORTEST, whole / 3))
    for attempt in range(_TRIES):
        far = attempt * length
        if far + length > max(whole, length):
            return
        if place == "start":
            yield sound.start + far, length
        elif place == "end":
            yield max(sound.start, sound.end - length - far), length
        else:
            side = (attempt + 1) // 2 * (-1) ** attempt
            begin = sound.start + (whole - length) / 2 + side * length
            yield max(sound.start, begin), length


def _by_times(track: int, place: Place, source: tuple[Timing, Heard], made: tuple[Timing, Heard]) -> Offset | None:
    if place == "middle":
        return None
    (times, wanted), (made_times, got) = source, made
    if place == "start":
        seconds = (got.start - made_times.first) - (wanted.start - times.first)
    else:
        seconds = (got.end - made_times.last) - (wanted.end - times.last)
    return Offset(track, place, seconds, heard=False)
