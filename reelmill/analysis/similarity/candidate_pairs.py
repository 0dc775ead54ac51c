"""Which pairs of videos are worth a comparison, by an index over their perceptual hashes.

Complexity: for n seconds in all, 15 sorts of n keys and at most ``15 * _WINDOW * n`` comparisons of 64 bits. 10,000
videos of 5 minutes are 3 million seconds. More seconds than are held at once are read several times, and each time
those are compared whose keys fall into one share of all keys: memory has a bound, and nothing is left out for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import combinations, groupby, islice
from tempfile import SpooledTemporaryFile
from typing import IO, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from reelmill.analysis.similarity.perceptual_hash import NOTHING, Hashes, HashesOfVideos, distances

_Ints = NDArray[np.int64]
_Keys = NDArray[np.uint32]

#: Up to so many of 64 bits differ between two encodes of one frame; between two frames it is 32 on average.
CLOSE: Final = 12

#: Seconds of which an index is held, at about 60 bytes each.
AT_ONCE: Final = 3_000_000

#: Bits of the six blocks a hash is cut into; two blocks that agree make a pair of seconds worth a comparison.
_BLOCKS: Final = (11, 11, 11, 11, 10, 10)
_STARTS: Final = (0, 11, 22, 33, 44, 54)
#: With how many of those behind it, in the order of a key, a second is compared.
_WINDOW: Final = 16
#: So many close seconds make a pair worth a comparison.
_VOTES: Final = 2
#: How many of the most voted offsets of a pair are compared.
_OFFSETS: Final = 5
#: A hash that differs from the second before in no more bits is not indexed again.
_STILL: Final = 2
_OFFSET_LIMIT: Final = 1 << 21  # more than twice as many seconds as a video may have, for offsets in a packed number
#: Seconds that are read from ``videos`` at once.
_BLOCK: Final = 500_000
#: Spreads keys, of which adjacent ones are alike, over the shares (Knuth's multiplicative hash).
_SPREAD: Final = np.uint32(2_654_435_761)
#: Bytes of close pairs that are held, together, before they go to a temporary file.
_HELD: Final = 64_000_000


class _Seconds(NamedTuple):
    """Seconds worth indexing, by video."""

    hashes: Hashes
    owners: NDArray[np.int32]  # the video that each is of
    places: NDArray[np.int32]  # the second of it that each is

    def those(self, wanted: NDArray[np.intp]) -> Self:
        """Those at some places."""
        return type(self)(self.hashes[wanted], self.owners[wanted], self.places[wanted])


def candidate_pairs(videos: HashesOfVideos, *, at_once: int = AT_ONCE) -> Iterator[tuple[int, int, list[int]]]:
    """Pairs of videos with the offsets (second of the other less second of the one) that are worth a comparison.

    Args:
        videos: perceptual hashes, each of shape (seconds,); they are read in their order, several times where they
            are many.
        at_once: seconds of which an index is held.

    Yields:
        Two places in ``videos``, ascending, and offsets, the likeliest first.
    """
    blocks: list[_Seconds] | None = None
    shares = 1 + sum(len(hashes) for hashes in videos) // at_once
    if shares == 1:
        blocks = list(_blocks(videos))
    with ExitStack() as closed:
        close = _ClosePairs(closed, len(videos), 4 * shares - 3)
        for kind in combinations(range(len(_BLOCKS)), 2):
            for share in range(shares):
                close.add(*_of_share(blocks or _blocks(videos), kind, share, shares))
        for pairs, seconds in close.by_pair():
            yield from _voted(pairs, seconds, len(videos))


def _blocks(videos: HashesOfVideos) -> Iterator[_Seconds]:
    """Hashes worth indexing, of some videos at a time."""
    some: list[Hashes] = []
    first = length = 0
    for number, hashes in enumerate(videos):
        some.append(hashes)
        length += len(hashes)
        if length >= _BLOCK:
            yield _indexed(some, first)
            some, first, length = [], number + 1, 0
    if some:
        yield _indexed(some, first)


def _indexed(videos: Sequence[Hashes], first: int) -> _Seconds:
    lengths = np.array([len(hashes) for hashes in videos])
    hashes = np.concatenate(videos)
    ends = np.cumsum(lengths)
    places = np.arange(len(hashes)) - np.repeat(ends - lengths, lengths)
    moved = np.ones(len(hashes), bool)
    moved[1:] = (distances(hashes[1:], hashes[:-1]) > _STILL) | (places[1:] == 0)
    wanted = moved & (hashes != NOTHING)
    owners = np.repeat(np.arange(first, first + len(videos)), lengths)
    return _Seconds(hashes[wanted], owners[wanted].astype(np.int32), places[wanted].astype(np.int32))


def _of_share(
    blocks: Sequence[_Seconds] | Iterator[_Seconds], kind: tuple[int, int], share: int, shares: int
) -> tuple[_Seconds, NDArray[np.int32], NDArray[np.int32]]:
    """Close seconds among those whose keys are of one share, as places in what is returned with them."""
    chosen = [_Seconds(np.zeros(0, np.uint64), np.zeros(0, np.int32), np.zeros(0, np.int32))]
    keys = [np.zeros(0, np.uint32)]
    for block in blocks:
        key = _key(block.hashes, kind)
        if shares > 1:
            wanted = np.flatnonzero((key * _SPREAD >> np.uint32(8)) % np.uint32(shares) == share)
            key, block = key[wanted], block.those(wanted)
        chosen.append(block)
        keys.append(key)
    seconds = _Seconds(
        np.concatenate([block.hashes for block in chosen]),
        np.concatenate([block.owners for block in chosen]),
        np.concatenate([block.places for block in chosen]),
    )
    return seconds, *_close(seconds, np.concatenate(keys))


def _key(hashes: Hashes, kind: tuple[int, int]) -> _Keys:
    """Those bits of every hash that two of the six blocks have, as one number."""
    one, other = (
        ((hashes >> np.uint64(_STARTS[block])) & np.uint64((1 << _BLOCKS[block]) - 1)).astype(np.uint32)
        for block in kind
    )
    return (one << np.uint32(11)) | other


def _close(seconds: _Seconds, key: _Keys) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Places of hashes of different videos at most ``CLOSE`` bits apart whose keys agree.

    After Norouzi, Punjani and Fleet (2012), "Fast search in Hamming space with multi-index hashing": hashes that differ
    in up to 4 bits always agree in two blocks, of those that differ in 8 bits every third pair does. A match has many
    seconds, so a few of them suffice.

    Returns:
        Two arrays of places in ``seconds``, pair by pair.
    """
    order = np.argsort(key, kind="stable").astype(np.int32)  # within a key by video
    key, owner = key[order], seconds.owners[order]
    if len(key) > 1:  # of one video one second a key, so that a window holds different videos
        first = np.concatenate([[True], (key[1:] != key[:-1]) | (owner[1:] != owner[:-1])])
        order, key = order[first], key[first]
    ones, others = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for step in range(1, _WINDOW + 1):
        places = np.flatnonzero(key[step:] == key[:-step])
        if not places.size:
            break
        one, other = order[places], order[places + step]
        close = distances(seconds.hashes[one], seconds.hashes[other]) <= CLOSE
        ones.append(one[close])
        others.append(other[close])
    return np.concatenate(ones), np.concatenate(others)


class _ClosePairs:
    """Pairs of close seconds of two videos: in memory while they are few, else in temporary files.

    Args:
        closed: closes the files.
        videos: how many there are.
        files: over how many files the pairs are spread, by the first video of each.
    """

    def __init__(self, closed: ExitStack, videos: int, files: int) -> None:
        self._videos = videos
        self._files: list[IO[bytes]] = []
        for _ in range(files):
            self._files.append(closed.enter_context(SpooledTemporaryFile(_HELD // files)))  # noqa: SIM115

    def add(self, seconds: _Seconds, ones: NDArray[np.int32], others: NDArray[np.int32]) -> None:
        """Add pairs, given as places in ``seconds``."""
        first, second = seconds.owners[ones].astype(np.int64), seconds.owners[others].astype(np.int64)
        both = seconds.places[ones].astype(np.int64) * _OFFSET_LIMIT + seconds.places[others]
        rows = np.stack([first * self._videos + second, both], axis=1)
        place = first * len(self._files) // max(1, self._videos)
        for number in np.unique(place).tolist():
            self._files[number].write(rows[place == number].tobytes())

    def by_pair(self) -> Iterator[tuple[_Ints, _Ints]]:
        """Each pair once: the videos as a number, and their seconds as one; a file at a time, by the videos.

        Yields:
            Two arrays of the same shape.
        """
        for file in self._files:
            file.seek(0)
            rows = np.frombuffer(file.read(), np.int64).reshape(-1, 2)
            rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
            once = np.ones(len(rows), bool)
            once[1:] = (rows[1:] != rows[:-1]).any(axis=1)
            yield rows[once, 0], rows[once, 1]


def _voted(pairs: _Ints, seconds: _Ints, videos: int) -> Iterator[tuple[int, int, list[int]]]:
    """Those pairs of videos for which enough of their seconds vote."""
    offsets = seconds % _OFFSET_LIMIT - seconds // _OFFSET_LIMIT
    votes, counts = np.unique(pairs * _OFFSET_LIMIT + (offsets + _OFFSET_LIMIT // 2), return_counts=True)
    # Adjacent offsets vote together: two encodes may differ by a fraction of a second.
    together = counts + sum(_counts_at(votes, counts, votes + beside) for beside in (-1, 1))
    votes, together = votes[together >= _VOTES], together[together >= _VOTES]
    order = np.lexsort((-together, votes // _OFFSET_LIMIT))
    for number, votes_of_pair in groupby(votes[order].tolist(), key=lambda vote: vote // _OFFSET_LIMIT):
        one, other = divmod(number, videos)
        yield one, other, [vote % _OFFSET_LIMIT - _OFFSET_LIMIT // 2 for vote in islice(votes_of_pair, _OFFSETS)]


def _counts_at(votes: _Ints, counts: _Ints, wanted: _Ints) -> _Ints:
    """The count of each wanted vote, 0 where nobody voted so; ``votes`` ascend."""
    places = np.minimum(np.searchsorted(votes, wanted), max(0, len(votes) - 1))
    return np.where(votes[places] == wanted, counts[places], 0) if len(votes) else counts
