"""What the web copies of a library save together. Each function takes a session."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text, true
from sqlmodel import Session, func, select

from reelmill.catalogue.filters.filter_conditions import Condition
from reelmill.catalogue.filters.tag_lookup import with_tags_looked_up
from reelmill.catalogue.filters.video_filter import clause
from reelmill.catalogue.models import USABLE_COPY, Video


@dataclass(frozen=True)
class Savings:
    """What some web copies save."""

    copies: int
    source_size: int  # bytes of what they were made of, as often as copies were
    size: int  # bytes of the copies; more than those of their sources where they save nothing


def savings_of(session: Session, condition: Condition | None = None) -> Savings:
    """What web copies save that are there and valid.

    Args:
        session: of the catalogue.
        condition: which, see ``parse_filter``; None: all.

    Returns:
        The sums; a copy that is larger than its source is taken off.
    """
    usable = text(USABLE_COPY)  # in the words of the index, which holds all that is summed up
    sums = func.count(), func.sum(Video.source_size), func.sum(Video.size)
    meant = true() if condition is None else clause(with_tags_looked_up(session, condition))
    copies, before, after = session.exec(select(*sums).select_from(Video).where(usable, meant)).one()
    return Savings(copies, int(before or 0), int(after or 0))
