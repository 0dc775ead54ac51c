"""What an examination of the site reads of the server: how it is itself, and who has which runs and GPU memory."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import Connection, read_pages, translates_errors
from reelmill.dispatch.statistics import VRAM_PREFIX
from reelmill.queue.worker_facts import WORKER_LABEL

_ACTIVE: Final = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
_HALF_A_SECOND: Final = 0.5  # the HTTP header has whole seconds, cut off


@dataclass(frozen=True)
class ServerState:
    """The Prefect server itself."""

    version: str
    ahead: float  # seconds its clock is ahead of ours, give or take a half; less than 0: behind


@dataclass(frozen=True)
class ActiveRun:
    """A run that some worker has, or had."""

    id: uuid.UUID
    name: str
    pool: str | None  # None: started by hand, in a notebook
    worker: str | None  # None: its worker wrote no name on it
    state: str  # Prefect's own name for it
    since: datetime
    vram_mb: int


@dataclass(frozen=True)
class VramLimit:
    """GPU memory of one device, as the server counts it."""

    name: str  # vram-<node>-<device>
    total_mb: int
    used_mb: int
    unchanged: float  # seconds since it last changed, by the server's clock


class Health:
    """Reads what keeps the queue going, and puts the count of GPU memory right."""

    def __init__(self, connection: Connection, views: JobViews):
        self._connection, self._views = connection, views

    @translates_errors
    def server(self) -> ServerState:
        """The server's version and clock.

        Returns:
            Its version, and how far ahead its clock is.

        Raises:
            PlatformError: it is away.
        """
        route: Any = "/admin/version"
        before = time.time()
        response = self._connection.client.request("GET", route)
        between = (before + time.time()) / 2
        its_clock = parsedate_to_datetime(response.headers["date"]).timestamp() + _HALF_A_SECOND
        return ServerState(version=str(response.json()), ahead=its_clock - between)

    def responds(self, seconds: float = 2.0) -> bool:
        """Whether the server responds just now: asked once, while every other question is asked anew for a minute.

        Args:
            seconds: that it may take.

        Returns:
            Whether it is well.
        """
        route: Any = "/health"
        try:
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
                return self._connection.client.request("GET", route, timeout=seconds).is_success
        except (httpx.TransportError, PrefectHTTPStatusError):
            return False

    @translates_errors
    def active_runs(self) -> list[ActiveRun]:
        """Every run that is under way, so far as the server knows.

        Returns:
            The runs in no order.

        Raises:
            PlatformError: the server is away.
        """
        chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_ACTIVE))))
        read = self._connection.client.read_flow_runs
        runs = read_pages(lambda limit, offset: read(flow_run_filter=chosen, limit=limit, offset=offset))
        return [
            ActiveRun(
                id=run.id,
                name=run.name,
                pool=run.work_pool_name,
                worker=str(run.labels.get(WORKER_LABEL) or "") or None,
                state=job.state,
                since=run.state.timestamp if run.state is not None else self._connection.clock.now(),
                vram_mb=job.vram_mb,
            )
            for run, job in zip(runs, self._views.of(runs), strict=True)
        ]

    @translates_errors
    def vram_limits(self) -> list[VramLimit]:
        """Every budget of GPU memory of the site.

        Returns:
            The budgets as the server counts them.

        Raises:
            PlatformError: the server is away.
        """
        now = self._connection.clock.now().timestamp() + self.server().ahead
        read = self._connection.client.read_global_concurrency_limits
        return [
            VramLimit(limit.name, limit.limit, limit.active_slots, now - limit.updated.timestamp())
            for limit in read_pages(lambda limit, offset: read(limit=limit, offset=offset))
            if limit.name.startswith(VRAM_PREFIX) and limit.updated is not None
        ]

    @translates_errors
    def correct_vram(self, name: str, used_mb: int) -> None:
        """Put the server's count of a budget right; only for one whose leases have all run out.

        Args:
            name: of the budget's limit, vram-<node>-<device>.
            used_mb: what living runs hold of it.

        Raises:
            PlatformError: the server is away.
        """
        update = GlobalConcurrencyLimitUpdate(active_slots=used_mb)
        self._connection.client.update_global_concurrency_limit(name, update)
