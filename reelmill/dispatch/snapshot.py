"""The site at this moment: pools, lanes, nodes and GPU memory, read once for all who ask within two seconds."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.server.connection import Connection, server_errors
from reelmill.dispatch.server.site_state import SiteReading
from reelmill.dispatch.services.nodes import Node, Nodes
from reelmill.dispatch.services.numbers import Numbers
from reelmill.dispatch.services.pools import LaneState, Pools, PoolState
from reelmill.dispatch.statistics import Budget
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.errors import PlatformError, ReelmillError
from reelmill.parallel import begin
from reelmill.queue.waiting_reason import PoolNow

_SECONDS: Final = 2.0  # that a reading counts, or its failure
_PATIENCE: Final = 5.0  # seconds that somebody waits for the reading of another
_RECENT: Final = 10.0  # that a reading explains jobs which are listed while it is made anew

#: Questions to the server that are under way together; one of these threads waits for others.
_AT_ONCE: Final = 5


@dataclass(frozen=True)
class SiteNow:
    """One reading of the site."""

    pools: tuple[PoolState, ...]  # in the order of their names
    nodes: tuple[Node, ...]
    vram: tuple[Budget, ...]
    waiting: Mapping[str, PoolNow]  # what the reasons are made of why jobs wait, by pool
    read_at: datetime

    @property
    def lanes(self) -> Mapping[str, tuple[LaneState, ...]]:
        """The lanes of each pool, in the order in which they are served."""
        return {pool.name: pool.lanes for pool in self.pools}


class SiteSnapshot:
    """Reads the site for any number of threads: one of them at a time, the others wait for what it finds.

    A failure is theirs as well: were each to try for itself, a server that is away would hold up all of them in turn.

    Args:
        connection: to the site's server.
        numbers: of the site.
        audit: of the site; nothing is changed here.
    """

    def __init__(self, connection: Connection, numbers: Numbers, audit: Audit):
        self._connection, self._numbers, self._audit = connection, numbers, audit
        self._reader = JobReader(self.waiting, connection.clock)
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._found: SiteNow | ReelmillError | None = None
        self._found_at = -math.inf
        self._expired = 0  # how often

    def now(self) -> SiteNow:
        """The site, as it was at most two seconds ago.

        Returns:
            The reading.

        Raises:
            PlatformError: the server is away, or lets others wait already.
        """
        if not self._lock.acquire(timeout=_PATIENCE):
            raise PlatformError("The Prefect server takes long to show how the site is; try again in a while.")
        try:
            found = self._recent()
        finally:
            self._lock.release()
        if isinstance(found, ReelmillError):
            raise found.with_traceback(None)  # else it would grow with each who is shown it
        return found

    def expire(self) -> None:
        """Read the site anew for whoever asks next, as after a change that is to be seen at once."""
        self._expired += 1  # no lock, for which an event loop would stand still while the server takes its time
        self._read_at = -math.inf

    def waiting(self) -> Mapping[str, PoolNow]:
        """What the reasons are made of why jobs wait, for lists of jobs, which come from the database.

        Returns:
            It by pool; see ``now``. While the site is read anew, it is of the reading before where that is a recent
            one: no list waits for a slow server then.
        """
        found = self._found
        recent = self._connection.clock.monotonic() - self._found_at <= _RECENT
        return found.waiting if recent and self._lock.locked() and isinstance(found, SiteNow) else self.now().waiting

    def _recent(self) -> SiteNow | ReelmillError:
        clock = self._connection.clock
        if self._found is None or clock.monotonic() - self._read_at > _SECONDS:
            expired = self._expired
            try:
                self._found = self._read()
            except ReelmillError as error:
                self._found = error
            self._found_at = clock.monotonic()
            self._read_at = self._found_at if expired == self._expired else -math.inf
        return self._found

    def _read(self) -> SiteNow:
        with server_errors(), ThreadPoolExecutor(_AT_ONCE) as threads:
            site = SiteReading(self._connection, threads)
            vram, nodes = begin(threads, self._numbers.vram), begin(threads, Nodes(site).all)
            return SiteNow(
                pools=tuple(Pools(self._connection, site, self._reader, self._audit).all()),
                nodes=tuple(nodes.result()),
                vram=vram.result(),
                waiting=site.pools_now(site.pools()),
                read_at=self._connection.clock.now(),
            )
