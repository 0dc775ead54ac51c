"""How alike two videos look, of the perceptual hashes that the catalogue has: nothing is decoded for it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import Final

import numpy as np
from sqlmodel import Session

from reelmill.catalogue.facts import findings
from reelmill.catalogue.models import PerceptualHashes, Video

#: Seconds by which one may begin before the other, tried to either side.
_BESIDE: Final = 1

Pair = tuple[uuid.UUID, uuid.UUID]


def likenesses(session: Session, pairs: Iterable[tuple[Video, Video]], offset: float = 0.0) -> dict[Pair, float]:
    """How alike videos look.

    Args:
        session: of the catalogue.
        pairs: records of the two of each; not more than a few hundred.
        offset: seconds of the second at which the first begins.

    Returns:
        By the ids of the two, which share of their seconds that show anything look alike, 0 to 1; pairs of which one
        was never hashed are left out.
    """
    # OpenCV changes the environment when it is imported.
    from reelmill.analysis.similarity.duplicates import agreement
    from reelmill.analysis.similarity.perceptual_hash import ALGORITHM

    wanted = list(pairs)
    stored = _stored(session, ALGORITHM, {video.id: video for pair in wanted for video in pair}.values())
    hashes = {video_id: np.frombuffer(found.hashes, "<u8").astype(np.uint64) for video_id, found in stored.items()}
    return {
        (one.id, other.id): max(
            agreement(hashes[one.id], hashes[other.id], round(offset) + beside).share
            for beside in range(-_BESIDE, _BESIDE + 1)
        )
        for one, other in wanted
        if one.id in hashes and other.id in hashes
    }


def _stored(session: Session, algorithm: str, videos: Collection[Video]) -> dict[uuid.UUID, PerceptualHashes]:
    """Of each video's own file, else of another that holds the same."""
    own = findings.perceptual_hashes(session, algorithm, [video.id for video in videos])
    contents = [video.content_id for video in videos if video.id not in own and video.content_id is not None]
    same = findings.perceptual_hashes_of_contents(session, algorithm, contents)
    return own | {
        video.id: same[video.content_id] for video in videos if video.id not in own and video.content_id in same
    }
