"""The queue as the Prefect server tells of it: reached, read, judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from reelmill.dispatch import dispatcher
from reelmill.doctor import site
from reelmill.doctor.database import clock
from reelmill.errors import PlatformError
from reelmill.findings import Finding, fault, ok, warning
from reelmill.settings import Settings
from reelmill.site import running_site


def look(settings: Settings, pools: Sequence[str]) -> list[Finding]:
    """Everything about the server this process is pointed at, and what it knows.

    Args:
        settings: this machine's.
        pools: the work pools a site must have.
    """
    try:
        with dispatcher() as prefect:
            server = prefect.server()
            nodes, held, limits = prefect.nodes(), prefect.held(), prefect.vram_limits()
            lanes = prefect.lanes()
    except PlatformError as error:
        return [fault("server", str(error), "`reelmill up`; the server's log says more, if it is up")]
    return [
        ok("server", f"Prefect {server.version} answers."),
        clock("server", server.ahead),
        *_same_library(settings),
        *site.workers(pools, lanes, nodes),
        site.stuck(held, nodes, datetime.now(UTC), settings.silent_seconds),
        *site.leases(limits, held, nodes),
    ]


def away() -> Finding:
    """There is no server to look at."""
    sentence = "No site is up on this machine, and no Prefect server is named."
    return fault("server", sentence, "`reelmill up`; or set PREFECT_API_URL to the site's server")


def _same_library(settings: Settings) -> list[Finding]:
    record = running_site()
    if record is None or record.media_root == str(settings.media_root):
        return []
    sentence = f"This shell's media root is {settings.media_root}, and the site's is {record.media_root}."
    return [warning("settings", sentence, f"export REELMILL_MEDIA_ROOT={record.media_root}")]
