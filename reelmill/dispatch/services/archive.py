"""Old jobs leave the server: written to a file, then removed, and counted for ever.

It goes in portions, each in these steps. What is killed in between is finished by whoever comes next:

=====================================  =============================================
the last thing that happened           what is found, and what comes of it
=====================================  =============================================
the runs were claimed                  no file: the claim is dropped, they are chosen again
the file was renamed into place        the file: its runs are removed
its runs were marked as written        the same
some of them were removed              the others are removed
all were counted, their rows went      nothing is left to do
=====================================  =============================================

A run is removed only while it ended when it had ended as it was claimed, so that one which is tried again meanwhile
stays; what the file holds of it is then its past. Metrics have counted it by then, whether or not anybody has scraped
the site. One process of a site archives at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from reelmill.catalogue import advisory_lock, archived_runs, batches
from reelmill.catalogue.advisory_lock import AdvisoryLock
from reelmill.catalogue.engine import session
from reelmill.clock import Clock
from reelmill.dispatch.audit import Audit
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.runs.job_filter import FINAL_TYPES
from reelmill.dispatch.server.connection import Connection, translates_errors
from reelmill.dispatch.tables import old_runs, run_records
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.old_runs import Age
from reelmill.dispatch.tables.read_only import read_only
from reelmill.dispatch.totals.tally import JobTally
from reelmill.errors import PlatformError, UserError
from reelmill.queue.actor import Actor
from reelmill.queue.job import JobStatus
from reelmill.settings import get_settings
from reelmill.storage import line_file

#: No younger job is archived: until then, people look for it.
YOUNGEST: Final = timedelta(days=1)

#: Runs that one file is of.
PORTION: Final = 500

_LOCK: Final = "archive of jobs"
_AT_ONCE: Final = 50  # the most runs that the server removes in one go


@dataclass(frozen=True)
class ArchivedPortion:
    """What one file of the archive holds."""

    file: Path
    jobs: int  # that were removed from the server


class RunServer(Protocol):
    """Whoever removes runs."""

    def remove(self, ended: Mapping[uuid.UUID, datetime]) -> None:
        """Remove those of some runs that have not been touched since they ended; their times are given."""


class PrefectRuns:
    """The runs of the Prefect server."""

    def __init__(self, connection: Connection):
        self._connection = connection

    @translates_errors
    def remove(self, ended: Mapping[uuid.UUID, datetime]) -> None:
        """See ``RunServer.remove``."""
        ids = sorted(ended, key=lambda run_id: ended[run_id])
        for start in range(0, len(ids), _AT_ONCE):
            chosen = ids[start : start + _AT_ONCE]
            self._connection.post(
                "/flow_runs/bulk_delete",
                flow_runs={
                    "id": {"any_": [str(run_id) for run_id in chosen]},
                    "state": {"type": {"any_": list(FINAL_TYPES)}},
                    "end_time": {"before_": ended[chosen[-1]].isoformat()},
                },
                limit=_AT_ONCE,
            )


class Archive:
    """Counts and archives the jobs of a site that ended long ago.

    Never archived are jobs that wait or run, those of batches that go on, and, unless they are asked for, those that
    are out of retries, because somebody is to see to them.

    Args:
        server: that removes the runs.
        require_site: raises where the database at hand is not that server's.
        tally: counts the runs before they go.
        audit: where it is written down.
        clock: what time it is.
    """

    def __init__(
        self, server: RunServer, require_site: Callable[[], None], tally: JobTally, audit: Audit, clock: Clock
    ):
        self._server, self._require_site, self._tally = server, require_site, tally
        self._audit, self._clock = audit, clock

    def count(self, older_than: timedelta, *, dead_letters: bool = False) -> Mapping[JobStatus, int]:
        """How many jobs would be archived; nothing is done.

        Args:
            older_than: how long ago they ended at least; a day or more.
            dead_letters: those that are out of retries, too.

        Returns:
            The counts above 0.

        Raises:
            UserError: that is too young.
            PlatformError: the database or the server is away, or the database is another site's.
        """
        age = self._age(older_than, dead_letters)
        self._require_site()
        with read_only() as connection:
            return old_runs.count(connection, age)

    def write(
        self,
        older_than: timedelta,
        *,
        dead_letters: bool = False,
        portions: int | None = None,
        by: Actor | None = None,
        on_portion: Callable[[ArchivedPortion], None] = lambda _: None,
    ) -> int:
        """Archive jobs, those that ended first before the others, and finish what was killed on the way.

        Args:
            older_than: how long ago they ended at least; a day or more.
            dead_letters: those that are out of retries, too.
            portions: so many files at most; None: until nothing old is left.
            by: who wants that; None: whoever runs this process.
            on_portion: called after each file.

        Returns:
            How many jobs the server has no more.

        Raises:
            UserError: that is too young, or another process is at it.
            PlatformError: the database, the server or the disk is away, or the database is another site's.
            LockLost: another process took over.
        """
        age, files = self._age(older_than, dead_letters), 0
        self._require_site()
        with _alone() as lock:
            self._recover()
            jobs = self._remove(lock)
            try:
                while portions is None or files < portions:
                    portion = self._write_portion(age, lock)
                    if portion is None:
                        break
                    files, jobs = files + 1, jobs + portion.jobs
                    on_portion(portion)
            finally:
                if jobs:
                    days = older_than / timedelta(days=1)
                    self._audit.record("jobs.archive", by or this_user(), jobs=jobs, files=files, older_than_days=days)
        return jobs

    def _age(self, older_than: timedelta, dead_letters: bool) -> Age:
        if older_than < YOUNGEST:
            raise UserError("Jobs are archived a day after their end at the earliest; give 1d or more.")
        now = self._clock.now()
        with session() as opened:
            kept_tags = tuple(batches.unfinished_tags(opened))
        try:
            return Age(now - older_than, now, dead_letters, kept_tags)
        except OverflowError:  # before the first year
            raise UserError("That is longer ago than time is counted; no job is so old.") from None

    def _write_portion(self, age: Age, lock: AdvisoryLock) -> ArchivedPortion | None:
        """Write one file and remove its runs; None where nothing old is left."""
        settings = get_settings()
        path = line_file.next_path(settings.archive_dir, f"{age.now:%Y-%m-%d}")
        file = _here(path)
        with read_only() as connection:
            runs = old_runs.choose(connection, age, PORTION, file)
        if not runs:
            return None
        with session() as opened:
            archived_runs.claim(opened, runs)
        with read_only() as connection, _disk_errors(path):
            ids = [run.id for run in runs]
            line_file.write(path, run_records.records(connection, ids, age.now, settings.max_retries))
        with session() as opened:
            archived_runs.mark_written(opened, file)
        return ArchivedPortion(path, self._remove(lock))

    def _recover(self) -> None:
        """Settle what was begun and not finished: a file under its name is complete."""
        with session() as opened:
            for file in archived_runs.unwritten_files(opened):
                path = _path_here(file)
                if path is not None and path.exists():
                    archived_runs.mark_written(opened, file)
                else:
                    archived_runs.release(opened, file)
        for partial in get_settings().archive_dir.glob(f"*{line_file.PARTIAL}"):
            partial.unlink(missing_ok=True)

    def _remove(self, lock: AdvisoryLock) -> int:
        """Remove from the server what is in complete files; returns how many jobs that were."""
        with session() as opened:
            ended = archived_runs.written(opened)
        if not ended:
            return 0
        with read_only() as connection:
            _, revived = old_runs.present(connection, ended)
        self._tally.update()
        lock.check()
        self._server.remove({run_id: end for run_id, end in ended.items() if run_id not in revived})
        with read_only() as connection:
            there, revived = old_runs.present(connection, ended)
        with session() as opened:
            return archived_runs.settle(opened, ended.keys() - there, revived)


def archive_of(connection: Connection, reader: JobReader, tally: JobTally, audit: Audit) -> Archive:
    """The archive of a server's site.

    Args:
        connection: to the server.
        reader: of the database at hand.
        tally: of that database.
        audit: where it is written down.

    Returns:
        The service.
    """

    @translates_errors
    def require_site(connected: Connection) -> None:
        if not reader.serves(connected.pool_ids()):
            raise PlatformError(
                "Jobs are archived where the site's database is at hand: run this on the node where the site is up, or "
                "set REELMILL_DATABASE_URL to what `reelmill login --database` prints there."
            )

    return Archive(PrefectRuns(connection), lambda: require_site(connection), tally, audit, connection.clock)


@contextmanager
def _alone() -> Iterator[AdvisoryLock]:
    lock = advisory_lock.try_acquire(_LOCK)
    if lock is None:
        raise UserError("Another process of this site archives jobs just now; it leaves nothing for this one.")
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlatformError(f"The archive {path} cannot be written: {reason}; no job was removed for it.") from error


def _here(path: Path | str) -> str:
    """How a file of this node is named in the catalogue."""
    return f"{get_settings().node_name}:{path}"


def _path_here(file: str) -> Path | None:
    """The path of a file that is named so; None where it is another node's."""
    return Path(file.removeprefix(_here(""))) if file.startswith(_here("")) else None
