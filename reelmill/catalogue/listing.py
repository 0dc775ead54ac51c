"""Videos listed by path, page by page, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlmodel import Session, col, func, select

from reelmill.catalogue.engine import session
from reelmill.catalogue.filter_conditions import And, Comparison, Condition, Flag, Not
from reelmill.catalogue.filter_fields import INVALID, MADE, MISSING
from reelmill.catalogue.models import Video
from reelmill.catalogue.video_filter import clause

#: Videos a page holds unless asked for otherwise.
PAGE = 500

#: Every video that is not of our own making, missing and invalid ones too.
ORIGINALS: Final = Not(Flag(MADE))


def narrowed(
    where: Condition | None = None,
    *,
    directory_type: str | None = None,
    invalid: bool = False,
    missing: bool = False,
    made: bool = False,
) -> Condition:
    """A condition on videos, from what people most often ask for (pure).

    Args:
        where: what else must hold, see ``parse_filter``.
        directory_type: only videos of this one; None: of any.
        invalid: only those that are not valid.
        missing: only those whose file the last scan did not find.
        made: only those that a job made.

    Returns:
        All of it together; it holds for every video where nothing is asked for.
    """
    flags = {INVALID: invalid, MISSING: missing, MADE: made}
    wanted: list[Condition] = [Flag(name) for name, asked in flags.items() if asked]
    if directory_type is not None:
        wanted.append(Comparison("directory_type", "=", directory_type))
    return And((*wanted, *(() if where is None else (where,))))


def list_videos(
    session: Session, condition: Condition, *, after: str = "", offset: int = 0, limit: int = PAGE
) -> list[Video]:
    """One page of videos, by path.

    Args:
        session: of the catalogue.
        condition: which, see ``narrowed`` and ``parse_filter``.
        after: the path of the last video of the page before.
        offset: how many videos after that are left out; whoever pages by ``after`` meets each video once, too, while
            others come and go.
        limit: the most videos on it.

    Returns:
        Their records; fewer than ``limit`` on the last page.
    """
    wanted = select(Video).where(clause(condition), col(Video.path) > after)
    return list(session.exec(wanted.order_by(col(Video.path)).offset(offset).limit(limit)))


def count_matching(session: Session, condition: Condition) -> int:
    """How many videos meet a condition."""
    return session.exec(select(func.count()).select_from(Video).where(clause(condition))).one()


def every_video(condition: Condition, *, page: int = PAGE) -> Iterator[Video]:
    """Every video that is meant, by path; each page is a transaction of its own, so that a long list holds none open.

    A video that is added or moved meanwhile is met where it stands, and none that stays is left out or met twice.

    Args:
        condition: which, see ``narrowed`` and ``parse_filter``.
        page: how many are read at once.

    Yields:
        Their records.

    Example:
        >>> for video in every_video(narrowed(invalid=True)):
        ...     print(video.path, video.validation_error)
    """
    after = ""
    while True:
        with session() as opened:
            videos = list_videos(opened, condition, after=after, limit=page)
        yield from videos
        if len(videos) < page:
            return
        after = videos[-1].path
