"""The site that commands talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reelmill.errors import PlatformError

if TYPE_CHECKING:
    from reelmill.dispatch import Actor, Dispatcher

Opener = Callable[[], AbstractContextManager["Dispatcher"]]

NO_SITE: Final = (
    "No site is up on this node: `reelmill up` starts one. Another node's is reached with PREFECT_API_URL=http://NODE:4200/api"
    " and, where it asks for a login, PREFECT_API_AUTH_STRING, which `reelmill login` prints there."
)


def open_dispatcher() -> AbstractContextManager[Dispatcher]:
    """The queue of the site that is meant: the one the environment names, else this node's.

    Returns:
        A context with its dispatcher.

    Raises:
        PlatformError: there is none.
    """
    return _opener.get()()


def this_person(reason: str | None = None) -> Actor:
    """Whoever types a command, for the audit and for the logs of jobs.

    Args:
        reason: why, as they gave it.

    Returns:
        The actor.
    """
    from reelmill.dispatch.runs.control import this_user  # late: Prefect takes a second to import

    return replace(this_user("cli"), reason=(reason or "").strip())


@contextmanager
def dispatcher_from(opener: Opener) -> Iterator[None]:
    """Let commands use another dispatcher: for tests, that of a site in memory.

    Example:
        >>> with dispatcher_from(MemorySite().dispatcher):
        ...     CliRunner().invoke(app, ["jobs", "list"])

    Args:
        opener: opens it.

    Yields:
        Nothing.
    """
    token = _opener.set(opener)
    try:
        yield
    finally:
        _opener.reset(token)


@contextmanager
def site_chosen() -> Iterator[None]:
    """Put Prefect's settings for the site that is meant in force.

    Yields:
        Nothing.

    Raises:
        PlatformError: there is none.
    """
    from reelmill.dispatch.server.server_choice import chosen_server  # late: Prefect takes a second to import

    with chosen_server() as there:
        if not there:
            raise PlatformError(NO_SITE)
        yield


@contextmanager
def _of_the_site() -> Iterator[Dispatcher]:
    from reelmill.dispatch import dispatcher

    with site_chosen(), dispatcher() as prefect:
        yield prefect


_opener: ContextVar[Opener] = ContextVar("opener", default=_of_the_site)
