"""The nodes of the site, from the facts their workers publish and from when Prefect last heard of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from reelmill.dispatch.server.connection import translates_errors
from reelmill.dispatch.server.site_state import SiteState, online
from reelmill.queue.worker_facts import VirtualGpu, WorkerFacts, variable_name


class NodeStatus(StrEnum):
    """Whether a node takes jobs."""

    AVAILABLE = "available"
    BUSY = "busy"  # every worker that is online has all the jobs it may have, or takes nothing new
    OFFLINE = "offline"


@dataclass(frozen=True)
class WorkerState:
    """One worker, from the server and from its own facts."""

    name: str
    pool: str
    online: bool
    last_heartbeat: datetime | None
    facts: WorkerFacts | None  # None where it has published none


@dataclass(frozen=True)
class Node:
    """One node of the site, with all its workers."""

    name: str
    status: NodeStatus
    max_jobs: int
    active_jobs: int
    last_heartbeat: datetime | None
    pools: tuple[str, ...]
    workers: tuple[WorkerState, ...]
    paused: tuple[str, ...]  # why workers that are online take nothing new
    vram: tuple[VirtualGpu, ...]
    hardware: dict[str, Any]
    load: dict[str, Any]


class Nodes:
    """Lists the nodes."""

    def __init__(self, site: SiteState):
        self._site = site

    @translates_errors
    def all(self) -> list[Node]:
        """Every node that has, or had, a worker here.

        Returns:
            The nodes in the order of their names.

        Raises:
            PlatformError: the server is away.
        """
        facts = self._site.worker_facts()
        return nodes_of(
            WorkerState(
                name=worker.name,
                pool=pool,
                online=online(worker),
                last_heartbeat=worker.last_heartbeat_time,
                facts=facts.get(variable_name(worker.name)),
            )
            for pool in sorted(self._site.pools())
            for worker in self._site.workers(pool)
        )


def nodes_of(workers: Iterable[WorkerState]) -> list[Node]:
    """The nodes that these workers run on (pure)."""
    by_node: dict[str, list[WorkerState]] = {}
    for worker in workers:
        node = worker.facts.node if worker.facts is not None else worker.name.removesuffix(f"-{worker.pool}")
        by_node.setdefault(node, []).append(worker)
    return [_node(name, here) for name, here in sorted(by_node.items())]


def _node(name: str, workers: Sequence[WorkerState]) -> Node:
    heard = [worker.last_heartbeat for worker in workers if worker.last_heartbeat is not None]
    facts = [worker.facts for worker in workers if worker.facts is not None]
    live = [worker.facts for worker in workers if worker.online and worker.facts is not None]
    budgets = {gpu.limit_name: gpu for each in facts for gpu in each.vram}
    latest = next(iter(live or facts), None)
    return Node(
        name=name,
        status=_status(workers),
        max_jobs=sum(each.max_jobs for each in facts),
        active_jobs=sum(each.active_jobs for each in live),
        last_heartbeat=max(heard, default=None),
        pools=tuple(sorted({worker.pool for worker in workers})),
        workers=tuple(workers),
        paused=tuple(dict.fromkeys(each.paused for each in live if each.paused is not None)),
        vram=tuple(budgets.values()),
        hardware=latest.hardware if latest is not None else {},
        load=latest.load if latest is not None else {},
    )


def _status(workers: Sequence[WorkerState]) -> NodeStatus:
    live = [worker for worker in workers if worker.online]
    if not live:
        return NodeStatus.OFFLINE
    return NodeStatus.BUSY if all(_full(worker.facts) for worker in live) else NodeStatus.AVAILABLE


def _full(facts: WorkerFacts | None) -> bool:
    return facts is not None and (facts.paused is not None or facts.active_jobs >= facts.max_jobs)
