"""Videos picked at random, the same for the same seed and library, however many there are.

Few are listed, and picked from the list. Of many the ids are listed no more: they are random numbers of 128 bits,
evenly spread, so that a cell of equal width among them holds about so many videos. A cell is drawn, and a place in it
out of more places than any cell has videos; the video that stands there is taken, and where none does, both are drawn
again. So every video comes with the same chance, whichever ids are near its own, and a pick reads a few hundred entries
of one index.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session, col, select

from reelmill.catalogue.models import USABLE_SOURCE, Video
from reelmill.errors import TooFewVideos

#: Of all ids this share is counted, to know how many videos there are about.
_SAMPLE: Final = 256

#: So many in that share are many: 50,000 in all, and their number is known to a third, always.
_MANY: Final = 200

#: How many videos a cell holds, between this and its double; and the places that are drawn from. Of cells of 128
#: videos on average, none in 10 ** 15 holds more than 280.
_IN_A_CELL: Final = 64
_PLACES: Final = 320

#: So many cells are looked into at once, and so often, before the ids are taken for no random numbers.
_AT_ONCE: Final = 4
_ROUNDS: Final = 30

_IDS: Final = 1 << 128


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
    wanted = _wanted(criteria)
    sampled = _count(session, *wanted, col(Video.id) < _id(_IDS // _SAMPLE))
    picked = _drawn(session, wanted, count, random.Random(seed), sampled) if sampled >= _MANY else None
    if picked is None:
        picked = _listed(session, wanted, count, random.Random(seed), criteria)
    found = {video.id: video for video in session.exec(select(Video).where(col(Video.id).in_(picked)))}
    return [found[one] for one in picked]


_Clause = sqlalchemy.ColumnElement[bool]


def _wanted(criteria: Criteria) -> tuple[_Clause, ...]:
    """What a video must meet, the first of it in the words of the index."""
    clauses: list[_Clause] = [sqlalchemy.literal_column(f"({USABLE_SOURCE})", sqlalchemy.Boolean)]
    if criteria.min_duration:
        clauses.append(col(Video.duration) >= criteria.min_duration)
    if criteria.max_duration is not None:
        clauses.append(col(Video.duration) <= criteria.max_duration)
    if criteria.orientation is not None:
        clauses.append(col(Video.orientation) == criteria.orientation)
    return tuple(clauses)


def _count(session: Session, *clauses: _Clause) -> int:
    return session.exec(select(sqlalchemy.func.count()).select_from(Video).where(*clauses)).one()


def _listed(
    session: Session, wanted: Sequence[_Clause], count: int, generator: random.Random, criteria: Criteria
) -> list[uuid.UUID]:
    """Ids out of the list of all that are wanted, by path."""
    ids = session.exec(select(Video.id).where(*wanted).order_by(col(Video.path))).all()
    if len(ids) < count:
        usable = len(ids) if criteria == _ANY else _count(session, *_wanted(_ANY))
        kind = f" ({criteria})" if str(criteria) else ""
        way_out = "widen the criteria, or ask for fewer" if usable >= count else "scan, or add some"
        among = f" among {usable}" if kind else ""
        raise TooFewVideos(
            f"The job needs {count} valid videos{kind} and the library holds {len(ids)}{among}; {way_out}.",
            needed=count,
            held=len(ids),
        )
    return generator.sample(ids, count)


def _drawn(
    session: Session, wanted: Sequence[_Clause], count: int, generator: random.Random, sampled: int
) -> list[uuid.UUID] | None:
    """Ids out of cells, of which a share of all ids holds ``sampled``; None where they are no random numbers."""
    cells = 1 << max(0, (sampled * _SAMPLE // _IN_A_CELL).bit_length() - 1)
    picked: dict[uuid.UUID, None] = {}
    for _ in range(_ROUNDS):
        draws = [(generator.randrange(cells), generator.randrange(_PLACES)) for _ in range(_AT_ONCE * count)]
        for number in _standing_at(session, wanted, cells, draws):
            picked.setdefault(number)
            if len(picked) == count:
                return list(picked)
    return None


def _standing_at(
    session: Session, wanted: Sequence[_Clause], cells: int, draws: Sequence[tuple[int, int]]
) -> Iterator[uuid.UUID]:
    """The ids at these places of these cells, in this order; there are none where a cell has fewer."""
    width = _IDS // cells
    columns: tuple[list[Any], ...] = (
        [_id(cell * width) for cell, _ in draws],
        [_id((cell + 1) * width - 1) for cell, _ in draws],
        [place for _, place in draws],
    )
    listed = sqlalchemy.func.unnest(*map(_array, columns, _COLUMN_TYPES))
    drawn = listed.table_valued("first", "last", "place", with_ordinality="number", name="drawn").render_derived()
    video = sqlalchemy.inspect(Video).local_table.c
    standing = (
        sqlalchemy.select(video.id)
        .where(*wanted, video.id.between(drawn.c.first, drawn.c.last))
        .order_by(video.id)
        .offset(drawn.c.place)
        .limit(1)
        .lateral("standing")
    )
    chosen = sqlalchemy.select(standing.c.id).select_from(drawn).join(standing, sqlalchemy.true())
    yield from session.connection().execute(chosen.order_by(drawn.c.number)).scalars()


_COLUMN_TYPES: Final[tuple[Any, ...]] = (sqlalchemy.Uuid(), sqlalchemy.Uuid(), sqlalchemy.BigInteger())


def _array(values: Sequence[Any], kind: Any) -> sqlalchemy.ColumnElement[Any]:
    return sqlalchemy.cast(sqlalchemy.literal(list(values), ARRAY(kind)), ARRAY(kind))


def _id(number: int) -> uuid.UUID:
    """An id, or where ids begin and end; they are compared by their bytes, the first weighs most."""
    return uuid.UUID(int=number)
