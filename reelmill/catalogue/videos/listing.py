"""Videos listed by path, page by page, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, func, select

from reelmill.catalogue.engine import session
from reelmill.catalogue.filters.filter_conditions import And, Comparison, Condition, Flag, Not
from reelmill.catalogue.filters.filter_fields import INVALID, MADE, MISSING
from reelmill.catalogue.filters.video_filter import clause
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.explaining import rows_expected

#: Videos a page holds unless asked for otherwise.
PAGE = 500

#: Videos that are counted for people to know how many there are; of a million, counting 33,000 takes 100 ms.
COUNTED: Final = 10_000

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


@dataclass(frozen=True)
class Total:
    """How many videos there are."""

    count: int
    exact: bool = True  # False: the database's estimate

    def __str__(self) -> str:
        if self.exact:
            return f"{self.count:,}"
        return f"about {round(self.count, 2 - len(str(self.count))):,}"  # two digits: more would claim too much


def total_of(session: Session, condition: Condition, *, most: int = COUNTED) -> Total:
    """How many videos meet a condition, for people: what acts on them counts by ``count_matching``.

    Args:
        session: of the catalogue.
        condition: which, see ``narrowed`` and ``parse_filter``.
        most: so many are counted where the condition leaves any out; where it does not, all are.

    Returns:
        The number, or an estimate above ``most``.
    """
    if not any(condition.names()):  # an index alone has it
        return Total(count_matching(session, condition))
    meant = select(col(Video.id)).where(clause(condition))
    counted = session.exec(select(func.count()).select_from(meant.limit(most + 1).subquery())).one()
    if counted <= most:
        return Total(counted)
    return Total(max(counted, rows_expected(session, meant)), exact=False)


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
