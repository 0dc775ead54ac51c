"""The queue as the Prefect server has it: reached, read, judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from reelmill.dispatch import dispatcher
from reelmill.doctor import site
from reelmill.doctor.database import clock
from reelmill.doctor.findings import Finding, fault, ok, warning
from reelmill.errors import PlatformError, UserError
from reelmill.settings import Settings
from reelmill.site_discovery import running_site


def check_queue(settings: Settings, pools: Sequence[str]) -> list[Finding]:
    """Everything about the server this process is pointed at, and what it knows.

    Args:
        settings: this node's.
        pools: the work pools a site must have.

    Returns:
        A finding for each check; one alone where the server is away or refuses us.
    """
    try:
        with dispatcher() as prefect:
            server = prefect.health.server()
            nodes, active, limits = prefect.nodes.all(), prefect.health.active_runs(), prefect.health.vram_limits()
            states, rules = prefect.pools.all(), prefect.rules.all()
    except PlatformError as error:
        return [fault("server", str(error), "`reelmill up`; the server's log says more, if it is up")]
    except UserError as error:
        return [fault("server", str(error), 'export PREFECT_API_AUTH_STRING="$(reelmill login)"')]
    return [
        ok("server", f"Prefect {server.version} answers."),
        clock("server", server.ahead),
        *_same_library(settings),
        *site.workers(pools, states, nodes),
        site.stuck(active, nodes, datetime.now(UTC), settings.silent_seconds),
        *site.leases(limits, active, nodes),
        *site.rules(rules),
    ]


def no_server() -> Finding:
    """The finding where no server is named."""
    sentence = "No site is up on this node, and no Prefect server is named."
    return fault("server", sentence, "`reelmill up`; or set PREFECT_API_URL to the site's server")


def _same_library(settings: Settings) -> list[Finding]:
    record = running_site()
    if record is None or record.media_root == str(settings.media_root):
        return []
    sentence = f"This shell's media root is {settings.media_root}, and the site's is {record.media_root}."
    return [warning("settings", sentence, f"export REELMILL_MEDIA_ROOT={record.media_root}")]
