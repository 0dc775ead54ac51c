"""What an examination of the site asks of the server: how it is itself, and what is held by whom."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType

from reelmill.dispatch.connection import PAGE, told
from reelmill.dispatch.present import Present
from reelmill.dispatch.statistics import VRAM_PREFIX

#: Prefect's label of the worker that has a run.
WORKER_LABEL: Final = "prefect.worker.name"

_HELD: Final = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
_HALF_A_SECOND: Final = 0.5  # HTTP tells whole seconds, cut off


@dataclass(frozen=True)
class ServerState:
    """The Prefect server itself."""

    version: str
    ahead: float  # seconds its clock is ahead of ours, give or take a half; less than 0: behind


@dataclass(frozen=True)
class HeldRun:
    """A run that some worker has, or had."""

    id: uuid.UUID
    name: str
    pool: str | None  # None: started by hand, in a notebook
    worker: str | None  # None: its worker did not come to say who it was
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


class Health(Present):
    """Looking at what keeps the queue going."""

    @told
    def server(self) -> ServerState:
        """Its version and clock.

        Raises:
            PlatformError: it is away.
        """
        route: Any = "/admin/version"
        before = time.time()
        answer = self._client.request("GET", route)
        between = (before + time.time()) / 2
        said = parsedate_to_datetime(answer.headers["date"]).timestamp() + _HALF_A_SECOND
        return ServerState(version=str(answer.json()), ahead=said - between)

    @told
    def held(self) -> Sequence[HeldRun]:
        """Every run that is under way, so far as the server knows.

        Raises:
            PlatformError: the server is away.
        """
        chosen = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_HELD))))
        runs: list[FlowRun] = []
        while True:
            page = self._client.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=len(runs))
            runs += page
            if len(page) < PAGE:
                break
        return [
            HeldRun(
                id=run.id,
                name=run.name,
                pool=run.work_pool_name,
                worker=str(run.labels.get(WORKER_LABEL) or "") or None,
                state=job.state,
                since=run.state.timestamp if run.state is not None else datetime.now(UTC),
                vram_mb=job.vram_mb,
            )
            for run, job in zip(runs, self._jobs(runs), strict=True)
        ]

    @told
    def vram_limits(self) -> Sequence[VramLimit]:
        """Every budget of GPU memory of the site.

        Raises:
            PlatformError: the server is away.
        """
        now = datetime.now(UTC).timestamp() + self.server().ahead
        return [
            VramLimit(limit.name, limit.limit, limit.active_slots, now - limit.updated.timestamp())
            for limit in self._client.read_global_concurrency_limits(limit=PAGE)
            if limit.name.startswith(VRAM_PREFIX) and limit.updated is not None
        ]

    @told
    def count_vram(self, name: str, used_mb: int) -> None:
        """Put the server's count of a budget right; only for one whose leases have all run out.

        Raises:
            PlatformError: the server is away.
        """
        self._client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active_slots=used_mb))
