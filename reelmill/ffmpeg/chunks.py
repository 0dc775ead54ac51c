"""A source cut at keyframes into chunks of about half a minute, each encoded by itself: the plan, from its index."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from reelmill.ffmpeg.index import Index, Keyframe, NotCuttable
from reelmill.ffmpeg.probe import MediaInfo

#: How long a chunk is meant to be: what a killed encode loses at most, and enough that starting one does not show.
CHUNK_SECONDS: Final = Fraction(30)
#: A last chunk shorter than this share of a whole one is added to the one before it.
_LEAST: Final = Fraction(1, 2)
#: In containers that are searched by reading time, ffmpeg seeks 3/23 s earlier where pictures are reordered. In those
#: with an exact index that would land on the keyframe before.
_ASIDE: Final = Fraction(3, 23) + Fraction(1, 1000)
_INDEXED: Final = ("matroska", "flv")


@dataclass(frozen=True)
class Chunk:
    """Pictures from ``begin`` up to, not with, ``end``, in ticks of the source."""

    number: int  # from 0
    begin: int
    end: int | None  # None: to the source's end
    seek: Fraction | None  # where ffmpeg is sent, in seconds on the file's own clock; None: its beginning
    frames: int
    ticks: int  # from its first picture to its last one's beginning
    shape: str  # of its times, see ``shape``


def shape(times: Sequence[int | Fraction]) -> str:
    """A hash of when pictures are shown, in ticks of their source, counted from the first of them."""
    text = ",".join(str(time - times[0]) for time in times)
    return hashlib.sha256(text.encode()).hexdigest()


def plan(
    index: Index,
    info: MediaInfo,
    *,
    length: Fraction = CHUNK_SECONDS,
    enterable: Callable[[Keyframe], bool] = lambda keyframe: keyframe.certain,
) -> tuple[Chunk, ...]:
    """How a source is cut; always the same way, whatever machine asks (pure but for ``enterable``).

    Args:
        index: of its pictures.
        info: its facts.
        length: seconds of a chunk.
        enterable: whether decoding from a keyframe on gives the same pictures as decoding from the start.

    Raises:
        NotCuttable: it must be encoded in one go, and why.
    """
    if info.video.interlaced:
        raise NotCuttable("it is interlaced, and deinterlacing looks at the pictures before and after")
    if not index.keyframes or index.order[0] != index.keyframes[0].time:
        raise NotCuttable("it does not begin with a keyframe")
    if index.times[0] != index.order[0]:
        raise NotCuttable("it begins with pictures that need an earlier one")
    begins = _begins(index, length, enterable)
    if len(begins) == 1:
        raise NotCuttable(_why_one(index, length))
    ends = [*(keyframe.time for keyframe in begins[1:]), None]
    return tuple(
        _chunk(index, info, number, keyframe, end)
        for number, (keyframe, end) in enumerate(zip(begins, ends, strict=True))
    )


def _begins(index: Index, length: Fraction, enterable: Callable[[Keyframe], bool]) -> list[Keyframe]:
    """The keyframes at which chunks begin: each the first that stands a chunk's length after the one before."""
    step, last = length / index.time_base, index.times[-1] + index.hold
    begins = [index.keyframes[0]]
    latest, read = index.order[0], 0
    for keyframe in index.keyframes[1:]:
        latest = max(latest, *index.order[read : keyframe.place])
        read = keyframe.place
        apart = latest < keyframe.time  # nothing read before it is shown after it
        late, early = keyframe.time - begins[-1].time >= step, last - keyframe.time >= step * _LEAST
        if apart and late and early and enterable(keyframe):
            begins.append(keyframe)
    return begins


def _why_one(index: Index, length: Fraction) -> str:
    seconds = (index.times[-1] + index.hold - index.times[0]) * index.time_base
    if seconds < length * (1 + _LEAST):
        return f"it is short ({float(seconds):.1f} s)"
    if len(index.keyframes) == 1:
        return "it has a single keyframe, at its start"
    return "it has no keyframe in between at which it may be cut"


def _chunk(index: Index, info: MediaInfo, number: int, keyframe: Keyframe, end: int | None) -> Chunk:
    first = bisect_left(index.times, keyframe.time)
    last = len(index.times) if end is None else bisect_left(index.times, end)
    times = index.times[first:last]
    aside = _ASIDE if info.container.startswith(_INDEXED) else Fraction(0)
    seek = _seek(index, keyframe, aside) if number else None
    return Chunk(number, keyframe.time, end, seek, len(times), times[-1] - times[0], shape(times))


def _seek(index: Index, keyframe: Keyframe, aside: Fraction) -> Fraction:
    """Where ffmpeg finds the keyframe: ``aside`` past it, where no other is near; rounded up to a microsecond."""
    near = any(0 < (other.time - keyframe.time) * index.time_base <= 2 * aside for other in index.keyframes)
    at = keyframe.time * index.time_base + (0 if near else aside)
    return Fraction(math.ceil(at * 1_000_000), 1_000_000)


def identity(chunk: Chunk) -> dict[str, Any]:
    """What a chunk's content depends on, besides its source and how it is encoded."""
    return {"begin": chunk.begin, "end": chunk.end, "frames": chunk.frames, "shape": chunk.shape}
