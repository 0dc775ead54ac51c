"""Calls to the Prefect server: through its absences, but neither in silence nor for ever against a fault of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import httpx
from prefect.client.orchestration import PrefectClient

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: How talking to the server goes wrong while it is away or restarts.
SERVER_TROUBLE: Final = (httpx.HTTPError, OSError)

#: Of those, what can only be the server's or the network's: this node's own disk fails by ``OSError``, too.
_AWAY: Final = (httpx.HTTPError, ConnectionError, TimeoutError, socket.gaierror)

_PAGE: Final = 200  # the most that the server gives at once
_LONGEST_PAUSE: Final = 5.0  # seconds between two tries
_WARN_AFTER: Final = 30.0  # seconds of trouble until a warning is logged, and as long until the next, doubled
_FEWEST_TRIES: Final = 3  # each of which Prefect's client makes of several requests
_GIVE_UP_AFTER: Final = 60.0  # seconds since the first try


def absent(error: object) -> bool:
    """Whether a failure is the server's absence, rather than its refusal or a fault of ours."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    return isinstance(error, _AWAY)


def in_words(error: Exception) -> str:
    """What a failed call means, for the worker's log."""
    if isinstance(error, httpx.HTTPStatusError) and not absent(error):
        return f"the Prefect server refuses what this worker asks ({error.response.status_code})"
    return f"the Prefect server does not answer ({type(error).__name__})"


class ServerCalls:
    """Makes calls that must get through, with one client."""

    def __init__(
        self,
        client: PrefectClient,
        logger: logging.Logger | Any,
        *,
        warn_after: float = _WARN_AFTER,
        give_up_after: float = _GIVE_UP_AFTER,
    ):
        """Make no call yet.

        Args:
            client: used for each call.
            logger: where long absences are logged.
            warn_after: seconds until the first such line.
            give_up_after: seconds after which a call that the server fails at, though it is ready, is given up.
        """
        self._client, self._logger = client, logger
        self._warn_after, self._give_up_after = warn_after, give_up_after

    async def until_answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call through the server's absences, for as long as they last.

        Args:
            call: made anew for each try.

        Returns:
            What the call returned.

        Raises:
            httpx.HTTPStatusError: the server answered, and refused; or it failed at this call time after time.
            ObjectNotFound: what the call is about was deleted.
        """
        patience, pause = self.patience(), 0.2
        while True:
            try:
                return await call()
            except SERVER_TROUBLE as error:
                await patience.bear(error)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    def patience(self) -> Patience:
        """For one call that the caller makes again and again itself."""
        return Patience(self._ready, self._logger, self._warn_after, self._give_up_after)

    async def _ready(self) -> bool:
        """Whether the server reports that it is up and reaches its database."""
        route: Any = "/ready"
        try:
            await self._client.request("GET", route)
        except SERVER_TROUBLE:
            return False
        return True


class Patience:
    """With the failures of one call: which of them waiting can help, and when they are logged.

    A server error is an absence too while the server cannot reach its database. One that comes again and again while
    the server reports that it is ready is a fault of this very call, and waiting cannot help it.
    """

    def __init__(
        self,
        ready: Callable[[], Awaitable[bool]],
        logger: logging.Logger | Any,
        warn_after: float,
        give_up_after: float,
    ):
        self._ready, self._logger, self._give_up_after = ready, logger, give_up_after
        self._began, self._warn_at, self._faults = asyncio.get_running_loop().time(), warn_after, 0

    async def bear(self, error: Exception) -> None:
        """Note a failure after which the call may be made again.

        Raises:
            Exception: the error itself, where that would not help.
        """
        if not absent(error):
            raise error
        waited = asyncio.get_running_loop().time() - self._began
        if _internal(error) and await self._ready():
            self._faults += 1
            if self._faults >= _FEWEST_TRIES and waited >= self._give_up_after:
                raise error
        if waited >= self._warn_at:
            self._warn_at *= 2
            self._logger.warning(
                "the Prefect server has not answered a call for %d s and is asked again: %s", waited, error
            )


def _internal(error: Exception) -> bool:
    code = httpx.codes.INTERNAL_SERVER_ERROR
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code == code


class _PageReader(Protocol[T_co]):
    """One of the server's lists, read in part."""

    async def __call__(self, *, limit: int, offset: int) -> Sequence[T_co]: ...


async def all_pages(read: _PageReader[T]) -> list[T]:
    """One of the server's lists, to its end."""
    found: list[T] = []
    while True:
        page = await read(limit=_PAGE, offset=len(found))
        found += page
        if len(page) < _PAGE:
            return found
