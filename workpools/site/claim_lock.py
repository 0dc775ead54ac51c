"""One worker at a time asks a pool for jobs: Prefect counts a pool's jobs at the poll and takes them later.

Between the two, another worker that asks would be given the same free slots, and past the rows that the first poll has
locked it would be given jobs of a later lane. So a worker holds the pool's claim lock from before its poll until the
server has accepted or refused PENDING for every job that the poll gave it.

The lock is PostgreSQL's, in the site's database: it queues those who wait in their order, and it frees the lock of
whoever ends. A holder that is silent for ``HOLD_SECONDS`` (stopped, or on a node that hangs) loses it, since
PostgreSQL ends a transaction that idles for so long; before each PENDING the holder makes sure that it still has the
lock. What remains: a request for PENDING that was sent under the lock, and that the server carries out only once the
lock was lost, may take one job too many, until that job has ended.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, Final
from uuid import UUID

import anyio
import anyio.to_thread
import psycopg
from psycopg import AsyncConnection, sql

from reelmill.catalogue.engine import database_url
from reelmill.errors import PlatformError
from reelmill.settings import Settings

#: First half of the key, which sets a pool's lock apart from every other advisory lock in the database.
NAMESPACE: Final = 7_221_002

#: How a connection finds that the other node is gone: after some 11 s.
_CONNECTION: Final[Mapping[str, Any]] = {
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 11_000,  # milliseconds
}


def site_database(settings: Settings) -> str:
    """The URL of the site's database, as psycopg takes it; starts the embedded server where no other is named."""
    return database_url(settings).replace("+psycopg", "", 1)


class PoolBusy(Exception):
    """Other workers held the claim lock for as long as this one waited."""


class Claim:
    """One worker's turn at a pool."""

    def __init__(self, connection: AsyncConnection):
        self._connection: AsyncConnection | None = connection
        self._answered: set[UUID] = set()
        self._news = asyncio.Event()

    async def still_holds(self) -> bool:
        """Whether the database confirms that the lock is still ours; the request also restarts its clock."""
        if self._connection is None:
            return False
        try:
            await self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return self._connection is not None  # the turn may have ended while we asked

    def answered(self, run_id: UUID) -> None:
        """Note that the server has accepted or refused PENDING for a job, or that it will not be asked."""
        self._answered.add(run_id)
        self._news.set()

    async def until_answered(self, run_ids: Iterable[UUID], seconds: float) -> bool:
        """Wait until the server counts these jobs.

        Args:
            run_ids: the jobs that the poll gave.
            seconds: how long to wait at most.

        Returns:
            Whether all of them were answered.
        """
        wanted = set(run_ids)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not wanted <= self._answered:
                    self._news.clear()
                    await self._news.wait()
        return wanted <= self._answered

    def end(self) -> None:
        """End the turn: from here on the claim covers nothing."""
        self._connection = None


class ClaimLock:
    """The claim lock of one pool, over one connection that is opened late and again after each failure."""

    #: How long a worker stands in the queue before it asks anew, in seconds.
    WAIT_SECONDS: ClassVar[float] = 10.0
    #: How long a holder may be silent, in seconds.
    HOLD_SECONDS: ClassVar[float] = 30.0

    def __init__(self, database_url: Callable[[], str], pool: str):
        """Name the lock; nothing is opened yet.

        Args:
            database_url: of the site's database; called in a thread, since it may have to start the server.
            pool: name of the work pool. Pools of one name share a lock, which costs time and breaks nothing.
        """
        self._database_url = database_url
        self._key = zlib.crc32(pool.encode()) - 2**31  # a signed integer of 32 bits
        self._connection: AsyncConnection | None = None

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Claim]:
        """Hold the lock while the block runs.

        Yields:
            This turn at the pool.

        Raises:
            PoolBusy: others held it all the time.
            PlatformError: the site's database does not answer.
        """
        claim = Claim(await self._acquire())
        try:
            yield claim
        finally:
            claim.end()
            with anyio.CancelScope(shield=True):
                await self._release()

    async def close(self) -> None:
        """Give up the connection, and the lock with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _acquire(self) -> AsyncConnection:
        try:
            return await self._acquired()
        except psycopg.errors.LockNotAvailable as error:
            await self._release()
            raise PoolBusy from error
        except psycopg.Error as error:
            await self.close()
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise PlatformError(f"The site's database does not answer: {reason[0]}") from error
        except asyncio.CancelledError:
            await self.close()
            raise

    async def _acquired(self) -> AsyncConnection:
        """The connection, once it has the lock."""
        reused = self._connection is not None
        connection = await self._connected()
        try:
            await connection.execute(self._statement())
        except psycopg.OperationalError:
            if not reused or not connection.closed:
                raise
            await self.close()  # the database was started anew since the last claim
            return await self._acquired()
        return connection

    async def _connected(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            url = await anyio.to_thread.run_sync(self._database_url)
            self._connection = await AsyncConnection.connect(
                url, autocommit=True, prepare_threshold=None, **_CONNECTION
            )
        return self._connection

    def _statement(self) -> sql.Composed:
        """All of it in one round trip."""
        return sql.SQL(
            "BEGIN; SET LOCAL lock_timeout = {wait}; SET LOCAL idle_in_transaction_session_timeout = {hold}; "
            "SELECT pg_advisory_xact_lock({namespace}, {key})"
        ).format(
            wait=sql.Literal(int(self.WAIT_SECONDS * 1000)),
            hold=sql.Literal(int(self.HOLD_SECONDS * 1000)),
            namespace=sql.Literal(NAMESPACE),
            key=sql.Literal(self._key),
        )

    async def _release(self) -> None:
        if self._connection is None:
            return
        try:
            await self._connection.rollback()
        except psycopg.Error:  # the database let go of it before
            await self.close()
