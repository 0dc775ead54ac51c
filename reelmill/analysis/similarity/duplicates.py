"""Which videos show the same, and which is a clip of which: pure, over their perceptual hashes.

Candidates come from an index, never from all pairs (``candidate_pairs``), and each is compared in full, in a time
linear in its length. Of videos that match nothing, nothing is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reelmill.analysis.similarity.candidate_pairs import AT_ONCE, CLOSE, candidate_pairs
from reelmill.analysis.similarity.perceptual_hash import NOTHING, Hashes, HashesOfVideos, distances

#: Which share of the seconds that show anything must be close.
_SHARE: Final = 0.7
#: Which share of the shorter video must lie inside the other.
_COVERED: Final = 0.9
#: So many frames more than ``_DISTINCT_BITS`` bits from each other must agree: one slide on show proves nothing.
_DISTINCT: Final = 3
_DISTINCT_BITS: Final = 5
#: Seconds and share of the length by which two encodes of the same video may differ.
_LENGTH_OFF: Final = (2, 0.02)


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


def find_duplicates(videos: HashesOfVideos, *, at_once: int = AT_ONCE) -> Duplicates:
    """Find sets of encodes of the same video, and clips that lie inside longer ones.

    Seconds that show nothing (``perceptual_hash.NOTHING``) count neither way unless the other shows something; and at
    least three different frames must agree, so neither black nor a slide on show for an hour matches anything.

    What one sample a second cannot show: a clip that begins between two seconds of the whole is found where frames
    half a second apart are alike, as in most films, and may be missed in steady fast motion of everything in sight; in
    a scene that hardly moves its offset may be a second or two off.

    Args:
        videos: perceptual hashes, each of shape (seconds,); ``HashFile`` holds those of a large library.
        at_once: see ``candidate_pairs``.

    Returns:
        Places in ``videos``.
    """
    parent: dict[int, int] = {}
    inside: list[ContainedClip] = []
    for one, other, offsets in candidate_pairs(videos, at_once=at_once):
        ours, theirs = videos[one], videos[other]
        # The best of a pair counts for it: of a scene that hardly moves many offsets look alike.
        compared, offset = min(
            ((agreement(ours, theirs, offset), offset) for offset in offsets),
            key=lambda rated: (rated[0].apart, -rated[0].overlap),
        )
        lengths = len(ours), len(theirs)
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


def _root(parent: Mapping[int, int], member: int) -> int:
    while member in parent:
        member = parent[member]
    return member


def _join(parent: dict[int, int], one: int, other: int) -> None:
    """Join two sets; ``parent`` has those members alone that are joined to one before them."""
    first, second = sorted((_root(parent, one), _root(parent, other)))
    for member in (one, other):  # the way is short next time
        while member in parent:
            parent[member], member = first, parent[member]
    if first != second:
        parent[second] = first


def _sets(parent: Mapping[int, int]) -> tuple[tuple[int, ...], ...]:
    members: dict[int, list[int]] = {}
    for member in sorted(parent):
        members.setdefault(_root(parent, member), []).append(member)
    return tuple((root, *joined) for root, joined in sorted(members.items()))


def _clips(parent: Mapping[int, int], inside: Sequence[ContainedClip]) -> tuple[ContainedClip, ...]:
    """Each once, at its best offset, sets represented by their first member."""
    best: dict[tuple[int, int], ContainedClip] = {}
    for clip in inside:
        pair = _root(parent, clip.clip), _root(parent, clip.whole)
        if pair[0] != pair[1] and (pair not in best or best[pair].share < clip.share):
            best[pair] = ContainedClip(*pair, clip.offset, clip.share)
    return tuple(best[pair] for pair in sorted(best))
