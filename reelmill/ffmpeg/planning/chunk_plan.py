"""A source cut at keyframes into chunks of about half a minute, each encoded by itself: the plan, from its index."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from reelmill.ffmpeg.reading.packet_index import Index, Keyframe, NotCuttable
from reelmill.ffmpeg.reading.probe import MediaInfo

#: How long a chunk is meant to be: what a killed encode loses at most, and enough that starting one does not show.
CHUNK_SECONDS: Final = Fraction(30)
#: A last chunk shorter than this share of a whole one is added to the one before it.
_LEAST: Final = Fraction(1, 2)
#: In containers that are searched by reading time, ffmpeg seeks 3/23 s earlier where frames are reordered. In those
#: with an exact index that would land on the keyframe before.
_ASIDE: Final = Fraction(3, 23) + Fraction(1, 1000)
_INDEXED: Final = ("matroska", "flv")


@dataclass(frozen=True)
class Chunk:
    """Frames from ``begin`` up to, not with, ``end``, in ticks of the source."""

    number: int  # from 0
    begin: int
    end: int | None  # None: to the source's end
    seek: Fraction | None  # where ffmpeg is sent, in seconds on the file's own clock; None: its beginning
    frames: int
    ticks: int  # from its first frame to its last one's beginning
    shape: str  # of its times, see ``shape``
    since: int = 0  # ticks from the video's first frame to its own


def shape(times: Sequence[int | Fraction]) -> str:
    """A hash of when frames are shown, in ticks of their source, counted from the first of them."""
    text = ",".join(str(time - times[0]) for time in times)
    return hashlib.sha256(text.encode()).hexdigest()


def plan(
    index: Index,
    info: MediaInfo,
    *,
    length: Fraction = CHUNK_SECONDS,
    enterable: Callable[[Keyframe], bool] = lambda keyframe: keyframe.certain,
) -> tuple[Chunk, ...]:
    """How a source is cut; always the same way, whatever node asks (pure but for ``enterable``).

    Args:
        index: of its frames.
        info: its facts.
        length: seconds of a chunk.
        enterable: whether decoding from a keyframe on gives the same frames as decoding from the start.

    Returns:
        Two chunks at least, in the order of their frames.

    Raises:
        NotCuttable: it must be encoded in one go, and why.
    """
    if info.video.interlaced:
        raise NotCuttable("it is interlaced, and deinterlacing looks at the frames before and after")
    if index.entry is None:
        raise NotCuttable("it does not begin with a keyframe")
    if index.times[0] < index.entry:
        raise NotCuttable("it begins with frames that need an earlier one")
    cuts = _cuts(index, length, enterable)
    if not cuts:
        raise NotCuttable(_why_one(index, length))
    aside = _ASIDE if info.container.startswith(_INDEXED) else Fraction(0)
    begins, ends = (index.times[0], *cuts), (*cuts, None)
    seeks = (None, *(_seek(index, cut, aside) for cut in cuts))
    return tuple(
        _chunk(index, number, begin, end, seek)
        for number, (begin, end, seek) in enumerate(zip(begins, ends, seeks, strict=True))
    )


def _cuts(index: Index, length: Fraction, enterable: Callable[[Keyframe], bool]) -> list[int]:
    """When the keyframes are shown at which chunks begin: each the first a chunk's length after the one before."""
    step, last = length / index.time_base, index.times[-1] + index.hold
    begin, cuts = index.times[0], list[int]()
    latest, read = index.times[0], 0
    for keyframe in index.keyframes:
        latest = max((latest, *index.order[read : keyframe.place]))
        read = keyframe.place
        apart = latest < keyframe.time  # nothing read before it is shown after it
        late, early = keyframe.time - begin >= step, last - keyframe.time >= step * _LEAST
        if apart and late and early and enterable(keyframe):
            begin = keyframe.time
            cuts.append(begin)
    return cuts


def _why_one(index: Index, length: Fraction) -> str:
    seconds = (index.times[-1] + index.hold - index.times[0]) * index.time_base
    if seconds < length * (1 + _LEAST):
        return f"it is short ({float(seconds):.1f} s)"
    if len(index.keyframes) <= 1:
        return "it has a single keyframe, at its start"
    return "it has no keyframe in between at which it may be cut"


def _chunk(index: Index, number: int, begin: int, end: int | None, seek: Fraction | None) -> Chunk:
    first = bisect_left(index.times, begin)
    last = len(index.times) if end is None else bisect_left(index.times, end)
    times = index.times[first:last]
    since = times[0] - index.times[0]
    return Chunk(number, begin, end, seek, len(times), times[-1] - times[0], shape(times), since)


def _seek(index: Index, cut: int, aside: Fraction) -> Fraction:
    """Where ffmpeg finds the keyframe of ``cut``: ``aside`` past it where no other is near; in whole microseconds."""
    near = any(0 < (other.time - cut) * index.time_base <= 2 * aside for other in index.keyframes)
    return Fraction(math.ceil((cut * index.time_base + (0 if near else aside)) * 1_000_000), 1_000_000)


def identity(chunk: Chunk) -> dict[str, Any]:
    """What a chunk's content depends on, besides its source and how it is encoded."""
    return {"begin": chunk.begin, "end": chunk.end, "frames": chunk.frames, "shape": chunk.shape}
