"""Which videos show the same, and which is a clip of which: pure, over their perceptual hashes.

Complexity: candidates come from an index, never from all pairs. For n seconds in all, 15 sorts of n keys and at most
``15 * _WINDOW * n`` comparisons of 64 bits, then one comparison of every candidate, linear in its length. 10,000
videos of 5 minutes are 3 million seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelmill.analysis.similarity.perceptual_hash import NOTHING, Hashes, distances

_Ints = NDArray[np.int64]

#: Up to so many of 64 bits differ between two encodes of one frame; between two frames it is 32 on average.
CLOSE: Final = 12
#: Which share of the seconds that show anything must be close.
_SHARE: Final = 0.7
#: Which share of the shorter video must lie inside the other.
_COVERED: Final = 0.9
#: So many frames more than ``_DISTINCT_BITS`` bits from each other must agree: one slide on show proves nothing.
_DISTINCT: Final = 3
_DISTINCT_BITS: Final = 5
#: Seconds and share of the length by which two encodes of the same video may differ.
_LENGTH_OFF: Final = (2, 0.02)
#: Bits of the six blocks a hash is cut into; two blocks that agree make a pair of seconds worth a comparison.
_BLOCKS: Final = (11, 11, 11, 11, 10, 10)
#: With how many of those behind it, in the order of a key, a second is compared.
_WINDOW: Final = 16
#: So many close seconds make a pair worth a comparison.
_VOTES: Final = 2
#: How many of the most voted offsets of a pair are compared.
_OFFSETS: Final = 5
#: A hash that differs from the second before in no more bits is not indexed again.
_STILL: Final = 2
_OFFSET_LIMIT: Final = 1 << 21  # more than twice as many seconds as a video may have, for offsets in a packed number


@dataclass(frozen=True)
class ContainedClip:
    """One video inside another, both as places in the list given."""

    clip: int
    whole: int
    offset: int  # seconds of ``whole`` at which ``clip`` begins
    share: float  # of the seconds that show anything, 0 to 1


@dataclass(frozen=True)
class Duplicates:
    """What was found. Among the clips a set of the same videos is represented by its first member."""

    sets: tuple[tuple[int, ...], ...]  # the same video, two members at least, each ascending
    clips: tuple[ContainedClip, ...]


@dataclass(frozen=True)
class Agreement:
    """How two videos compare, the second moved by an offset."""

    overlap: int  # seconds
    share: float  # of the overlapping seconds that show anything, those that are close
    apart: float  # bits, on average over those seconds; 64 where only one of the two shows anything
    distinct: int  # different frames among them, counted up to ``_DISTINCT``


def find_duplicates(videos: Sequence[Hashes]) -> Duplicates:
    """Find sets of encodes of the same video, and clips that lie inside longer ones.

    Seconds that show nothing (``perceptual_hash.NOTHING``) count neither way unless the other shows something; and at
    least three different frames must agree, so neither black nor a slide on show for an hour matches anything.

    What one sample a second cannot show: a clip that begins between two seconds of the whole is found where frames
    half a second apart are alike, as in most films, and may be missed in steady fast motion of everything in sight; in
    a scene that hardly moves its offset may be a second or two off.

    Args:
        videos: perceptual hashes, each of shape (seconds,).

    Returns:
        Places in ``videos``.
    """
    parent = list(range(len(videos)))
    inside: list[ContainedClip] = []
    for one, other, offsets in _candidates(videos):
        # The best of a pair counts for it: of a scene that hardly moves many offsets look alike.
        compared, offset = min(
            ((agreement(videos[one], videos[other], offset), offset) for offset in offsets),
            key=lambda rated: (rated[0].apart, -rated[0].overlap),
        )
        lengths = len(videos[one]), len(videos[other])
        if not _agree(compared, min(lengths)):
            continue
        if abs(lengths[0] - lengths[1]) <= max(_LENGTH_OFF[0], _LENGTH_OFF[1] * max(lengths)):
            if abs(offset) <= 1:
                _join(parent, one, other)
        elif lengths[0] < lengths[1]:
            inside.append(ContainedClip(one, other, max(0, offset), compared.share))
        else:
            inside.append(ContainedClip(other, one, max(0, -offset), compared.share))
    return Duplicates(_sets(parent), _clips(parent, inside))


def agreement(one: Hashes, other: Hashes, offset: int) -> Agreement:
    """Compare ``one[second]`` with ``other[second + offset]``, or a second to either side where that is closer."""
    first = max(0, -offset)
    length = min(len(one) - first, len(other) - first - offset)
    if length <= 0:
        return Agreement(0, 0.0, 64.0, 0)
    ours = one[first : first + length]
    padded = np.pad(other, 1)  # what lies beside the ends shows nothing
    theirs = np.stack([padded[first + offset + beside :][:length] for beside in (1, 0, 2)])
    apart = np.where((theirs != NOTHING) & (ours != NOTHING), distances(ours[None], theirs), 64)
    close = apart.min(axis=0) <= CLOSE
    shown = (ours != NOTHING) | (theirs[0] != NOTHING)
    if not shown.any():
        return Agreement(length, 0.0, 64.0, 0)
    share = min(1.0, float(close.sum() / shown.sum()))
    return Agreement(length, share, float(apart[0][shown].mean()), _distinct(ours[close]))


def _agree(compared: Agreement, shorter: int) -> bool:
    covered = compared.overlap >= min(_COVERED * shorter, shorter - 1)
    return covered and compared.share >= _SHARE and compared.distinct >= _DISTINCT


def _distinct(values: Hashes) -> int:
    """How many hashes are far from all those counted before, up to ``_DISTINCT``."""
    count = 0
    while len(values) and count < _DISTINCT:
        count += 1
        values = values[distances(values, values[0]) > _DISTINCT_BITS]
    return count


def _candidates(videos: Sequence[Hashes]) -> Iterator[tuple[int, int, list[int]]]:
    """Pairs of videos with the offsets (second of the other less second of the one) that are worth a comparison."""
    hashes, owners, seconds = _indexed_hashes(videos)
    first, second = _close_pairs(hashes, owners)
    pair = owners[first] * len(videos) + owners[second]
    votes, counts = np.unique(
        pair * _OFFSET_LIMIT + (seconds[second] - seconds[first] + _OFFSET_LIMIT // 2), return_counts=True
    )
    # Adjacent offsets vote together: two encodes may differ by a fraction of a second.
    together = counts + sum(_counts_at(votes, counts, votes + beside) for beside in (-1, 1))
    votes, together = votes[together >= _VOTES], together[together >= _VOTES]
    order = np.lexsort((-together, votes // _OFFSET_LIMIT))
    for number, votes_of_pair in groupby(votes[order].tolist(), key=lambda vote: vote // _OFFSET_LIMIT):
        one, other = divmod(number, len(videos))
        yield one, other, [vote % _OFFSET_LIMIT - _OFFSET_LIMIT // 2 for vote in islice(votes_of_pair, _OFFSETS)]


def _counts_at(votes: _Ints, counts: _Ints, wanted: _Ints) -> _Ints:
    """The count of each wanted vote, 0 where nobody voted so; ``votes`` ascend."""
    places = np.minimum(np.searchsorted(votes, wanted), max(0, len(votes) - 1))
    return np.where(votes[places] == wanted, counts[places], 0) if len(votes) else counts


def _indexed_hashes(videos: Sequence[Hashes]) -> tuple[Hashes, _Ints, _Ints]:
    """Hashes worth indexing, with the video and the second each is of."""
    hashes, owners, seconds = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for owner, values in enumerate(videos):
        indexed = values != NOTHING
        indexed[1:] &= distances(values[1:], values[:-1]) > _STILL
        places = np.flatnonzero(indexed)
        hashes.append(values[places])
        owners.append(np.full(len(places), owner, np.int64))
        seconds.append(places.astype(np.int64))
    return np.concatenate(hashes), np.concatenate(owners), np.concatenate(seconds)


def _close_pairs(hashes: Hashes, owners: _Ints) -> tuple[_Ints, _Ints]:
    """Places of hashes of different videos at most ``CLOSE`` bits apart that agree in two of six blocks.

    After Norouzi, Punjani and Fleet (2012), "Fast search in Hamming space with multi-index hashing": hashes that differ
    in up to 4 bits always agree in two blocks, of those that differ in 8 bits every third pair does. A match has many
    seconds, so a few of them suffice.

    Args:
        hashes: those worth indexing.
        owners: the video that each is of.

    Returns:
        Two arrays of places in ``hashes``, pair by pair.
    """
    found = [np.zeros(0, np.int64)]
    for key in _keys(hashes):
        order = np.argsort(key, kind="stable")  # within a key by video
        key, owner = key[order], owners[order]
        if len(key) > 1:  # of one video one second a key, so that a window holds different videos
            first = np.concatenate([[True], (key[1:] != key[:-1]) | (owner[1:] != owner[:-1])])
            order, key = order[first], key[first]
        for step in range(1, _WINDOW + 1):
            places = np.flatnonzero(key[step:] == key[:-step])
            if not places.size:
                break
            one, other = order[places], order[places + step]
            close = distances(hashes[one], hashes[other]) <= CLOSE
            found.append(one[close] * len(hashes) + other[close])
    both = np.unique(np.concatenate(found))
    return both // max(1, len(hashes)), both % max(1, len(hashes))


def _keys(hashes: Hashes) -> Iterator[NDArray[np.uint32]]:
    """For each two of the six blocks, those bits of every hash as one number."""
    starts = np.cumsum([0, *_BLOCKS[:-1]])
    blocks = [
        ((hashes >> np.uint64(start)) & np.uint64((1 << bits) - 1)).astype(np.uint32)
        for start, bits in zip(starts, _BLOCKS, strict=True)
    ]
    for one, other in combinations(blocks, 2):
        yield (one << np.uint32(11)) | other


def _root(parent: list[int], member: int) -> int:
    while parent[member] != member:
        parent[member] = parent[parent[member]]
        member = parent[member]
    return member


def _join(parent: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(parent, one), _root(parent, other)))
    parent[second] = first


def _sets(parent: list[int]) -> tuple[tuple[int, ...], ...]:
    members: dict[int, list[int]] = {}
    for member in range(len(parent)):
        members.setdefault(_root(parent, member), []).append(member)
    return tuple(tuple(votes_of_pair) for votes_of_pair in members.values() if len(votes_of_pair) > 1)


def _clips(parent: list[int], inside: Sequence[ContainedClip]) -> tuple[ContainedClip, ...]:
    """Each once, at its best offset, sets represented by their first member."""
    best: dict[tuple[int, int], ContainedClip] = {}
    for clip in inside:
        pair = _root(parent, clip.clip), _root(parent, clip.whole)
        if pair[0] != pair[1] and (pair not in best or best[pair].share < clip.share):
            best[pair] = ContainedClip(*pair, clip.offset, clip.share)
    return tuple(best[pair] for pair in sorted(best))
