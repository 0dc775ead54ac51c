"""Ended jobs, added up: each ending is counted once, whoever comes to it first, and stays counted when its run is gone.

Names are kept as they are: which of them are time series of their own is decided where metrics are shown.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from reelmill.catalogue import metric_totals
from reelmill.catalogue.engine import session
from reelmill.catalogue.metric_totals import REMEMBERED, ArchivedTotal, Totals
from reelmill.dispatch.tables.endings import Ending
from reelmill.dispatch.totals import families
from reelmill.dispatch.totals.families import Family
from reelmill.queue.encode_labels import EncodeFigures
from reelmill.queue.job import JobStatus

#: An ending may be committed, or settled, so much later than others that were read before it.
_BACK: Final = timedelta(minutes=2)

#: One thread of a process adds at a time. It takes a second of the process's few connections to read by: threads that
#: waited for their turn with the first one in hand would leave it none.
_TURN: Final = threading.Lock()


class Amount(NamedTuple):
    """What is added to one total."""

    name: str
    labels: tuple[str, ...]
    value: float


class EndingReader(Protocol):
    """Reads how jobs ended; ``JobReader`` does."""

    def endings(self, after: datetime | None) -> Iterator[Ending]:
        """The endings that were written after a moment; all of them where none is given."""


class JobTally:
    """The totals of all jobs that have ended.

    Args:
        reader: of the site's jobs.
    """

    def __init__(self, reader: EndingReader):
        self._reader = reader

    def update(self) -> Totals:
        """Add what has ended since any process was last here: for a scrape, and before runs are removed.

        The first time on a site adds everything there is, archived jobs among it.

        Returns:
            All totals.

        Raises:
            PlatformError: the database does not answer.
        """
        with _TURN, session() as opened, metric_totals.locked(opened) as book:
            after = book.last_read()
            added: Counter[tuple[str, tuple[str, ...]]] = Counter()
            if after is None:
                for archived in book.archived():
                    _add(added, of_archived(archived))
            for ending in book.unseen(self._reader.endings(None if after is None else after - _BACK)):
                if after is None or ending.ended > after - REMEMBERED:
                    _add(added, amounts(ending))
            book.add(added)
            book.close()
            return book.totals()


def _add(added: Counter[tuple[str, tuple[str, ...]]], every: Iterator[Amount]) -> None:
    for name, labels, value in every:
        added[name, labels] += value  # type: ignore[assignment]  # a Counter of floats is one all the same


def amounts(ending: Ending) -> Iterator[Amount]:
    """What one ended job adds to the totals (pure)."""
    job_type = ending.type
    yield Amount(families.JOBS.name, (job_type, str(ending.status)), 1)
    if ending.retries:
        yield Amount(families.RETRIES.name, (job_type,), ending.retries)
    if ending.dead_letter:
        yield Amount(families.DEAD_LETTERS.name, (job_type,), 1)
    if ending.waited is not None:
        yield from _observed(families.WAIT, (job_type,), ending.waited)
    if ending.waited is not None and ending.status is not JobStatus.CANCELLED:
        yield from _observed(families.DURATION, (job_type,), ending.seconds)
    if ending.status is JobStatus.COMPLETED and ending.encode.engine:
        yield from _of_encode(ending.encode)


def _of_encode(encode: EncodeFigures) -> Iterator[Amount]:
    engine = encode.engine
    yield Amount(families.BY_ENGINE.name, (engine,), 1)
    for direction, count in (("in", encode.bytes_in), ("out", encode.bytes_out)):
        if count is not None:
            yield Amount(families.ENCODE_BYTES.name, (direction,), count)
    if encode.speed is not None:
        yield from _observed(families.SPEED, (engine,), encode.speed)
    if encode.vmaf is not None:
        yield from _observed(families.VMAF, (), encode.vmaf)
    if encode.joules is not None:
        yield from _observed(families.JOULES, (engine,), encode.joules)


def of_archived(archived: ArchivedTotal) -> Iterator[Amount]:
    """What jobs that were archived before the first scrape add to the totals (pure); how long each took is not kept."""
    job_type = archived.job_type
    yield Amount(families.JOBS.name, (job_type, archived.status), archived.jobs)
    yield Amount(families.RETRIES.name, (job_type,), archived.retries)
    yield Amount(families.DEAD_LETTERS.name, (job_type,), archived.dead_letters)
    if archived.engine and archived.status == JobStatus.COMPLETED:
        yield Amount(families.BY_ENGINE.name, (archived.engine,), archived.jobs)


def _observed(family: Family, labels: tuple[str, ...], value: float) -> Iterator[Amount]:
    yield Amount(family.name, (*labels, family.bucket(value)), 1)
    yield Amount(family.sum, labels, value)
