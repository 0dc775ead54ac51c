"""Videos picked at random, the same for the same seed and library."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from sqlmodel import Session, col, select

from reelmill.catalogue.models import Video
from reelmill.errors import TooFewVideos
from reelmill.storage.media_root import OUTPUT_TYPES


class Criteria(NamedTuple):
    """Which videos a pick may take."""

    min_duration: float = 0  # seconds
    max_duration: float | None = None
    orientation: str | None = None  # None: any

    def __str__(self) -> str:
        words = [self.orientation] if self.orientation else []
        if self.max_duration is not None:
            words.append(f"{self.min_duration:g} to {self.max_duration:g} s long")
        elif self.min_duration:
            words.append(f"at least {self.min_duration:g} s long")
        return ", ".join(words)


_ANY: Final = Criteria()


def pick_sources(session: Session, count: int, seed: int | str, criteria: Criteria = _ANY) -> list[Video]:
    """Pick different valid videos, none of our own making, the same for the same seed and library.

    Args:
        session: of the catalogue.
        count: how many.
        seed: of the pick.
        criteria: which videos it may take.

    Returns:
        The videos, in the order they were picked.

    Raises:
        TooFewVideos: the library holds fewer that meet the criteria.
    """
    statement = (
        select(Video)
        .where(col(Video.is_valid), col(Video.missing_since).is_(None), col(Video.duration) > 0)
        .where(col(Video.directory_type).not_in(OUTPUT_TYPES))
        .order_by(col(Video.path))
    )
    usable = list(session.exec(statement))
    videos = [video for video in usable if _meets(video, criteria)]
    if len(videos) < count:
        kind = f" ({criteria})" if str(criteria) else ""
        way_out = "widen the criteria, or ask for fewer" if len(usable) >= count else "scan, or add some"
        among = f" among {len(usable)}" if kind else ""
        raise TooFewVideos(
            f"The job needs {count} valid videos{kind} and the library holds {len(videos)}{among}; {way_out}.",
            needed=count,
            held=len(videos),
        )
    return random.Random(seed).sample(videos, count)


def _meets(video: Video, criteria: Criteria) -> bool:
    duration = video.duration or 0.0
    longest = duration if criteria.max_duration is None else criteria.max_duration
    oriented = criteria.orientation is None or video.orientation == criteria.orientation
    return oriented and criteria.min_duration <= duration <= longest
