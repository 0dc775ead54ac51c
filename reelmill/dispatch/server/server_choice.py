"""Which Prefect server is talked to: the one somebody chose, else this node's site, else a temporary one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import prefect.settings
from prefect.context import get_settings_context
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)

from reelmill.site_discovery import PrefectServer, record_of, running_site

#: Seconds until a temporary server must be there: 6 s is what it takes on an idle node, 25 s on a busy one, and
#: Prefect's own limit is 20 s.
_PATIENCE: Final = 300


@contextmanager
def chosen_server(*, temporary: bool = False) -> Iterator[bool]:
    """Put Prefect's settings in force for talking to the server that is meant.

    A choice somebody made stands: the environment's (a worker's, a shell's) or that of ``temporary_settings``; where it
    is this node's site, its login is added. Else it is this node's site where one is up. The active profile does
    not count: the one that ``reelmill up`` wrote may name a server that is gone.

    Args:
        temporary: without any server, let Prefect start one for as long as it is needed.

    Yields:
        Whether there is a server.
    """
    chosen = chosen_url()
    if chosen is None:
        server: PrefectServer | None = running_site()
    else:
        server = None if _chosen(PREFECT_API_AUTH_STRING) else record_of(chosen)
    in_force: AbstractContextManager[object] = nullcontext()
    if server is not None:
        in_force = temporary_settings(_settings(server))
    elif chosen is None and temporary:
        unless_set = {
            PREFECT_SERVER_ANALYTICS_ENABLED: False,
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: _PATIENCE,
        }
        in_force = temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}, unless_set, [PREFECT_API_URL])
    with in_force:
        yield chosen is not None or server is not None


def chosen_url() -> str | None:
    """The address that somebody chose; None where nobody did."""
    if os.environ.get("PREFECT_API_URL") or os.environ.get("PREFECT_PROFILE"):
        return PREFECT_API_URL.value() or ""  # a profile may name none: Prefect starts a server of its own
    return _chosen(PREFECT_API_URL)


def _chosen(setting: Any) -> str | None:
    """A setting in force that is not merely the active profile's."""
    in_force: str | None = setting.value()
    return in_force if in_force != get_settings_context().profile.settings.get(setting) else None


def _settings(server: PrefectServer) -> dict[Any, Any]:
    """What a client of this server sets."""
    return {getattr(prefect.settings, name): value for name, value in server.environment.items()}
