"""The nodes of the site: what they have, and what they are doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from reelmill.api.access.caller import Caller, requires
from reelmill.api.access.roles import Permission
from reelmill.api.errors import documented
from reelmill.api.naming import ApiModel, outside
from reelmill.api.services import Site
from reelmill.dispatch import Node, NodeStatus, WorkerState
from reelmill.dispatch.snapshot import SiteNow
from reelmill.errors import UnknownName

router = APIRouter(prefix="/api/media/nodes", tags=["nodes"])

Reader = Annotated[Caller, Depends(requires(Permission.MANAGE_JOBS))]


class GpuView(ApiModel):
    """GPU memory of one device, as jobs take it."""

    device: str  # gpu0, or virtual
    name: str | None  # as its maker calls it
    vram_total_mb: int
    vram_used_mb: int  # by jobs


class WorkerView(ApiModel):
    """One worker process."""

    name: str
    pool: str
    online: bool
    active_jobs: int
    max_jobs: int
    paused: str | None  # why it takes nothing new
    last_heartbeat: datetime | None


class NodeView(ApiModel):
    """One node."""

    name: str
    status: NodeStatus
    pools: list[str]
    active_jobs: int
    max_jobs: int
    paused: list[str]  # why its workers take nothing new
    workers: list[WorkerView]
    gpus: list[GpuView]
    hardware: dict[str, Any]
    load: dict[str, Any]
    last_heartbeat: datetime | None


class NodeList(ApiModel):
    """All nodes."""

    data: list[NodeView]


@router.get("")
def list_nodes(services: Site, _caller: Reader) -> NodeList:
    """Every node that has, or had, a worker here, in the order of their names."""
    now = services.dispatcher.snapshot.now()
    return NodeList(data=[node_view(node, _used(now)) for node in now.nodes])


@router.get("/{name}", responses=documented(404))
def read_node(name: str, services: Site, _caller: Reader) -> NodeView:
    """One node."""
    now = services.dispatcher.snapshot.now()
    nodes = {node.name: node for node in now.nodes}
    if name not in nodes:
        raise UnknownName(f"There is no node {name!r}.", name, tuple(nodes))
    return node_view(nodes[name], _used(now))


def _used(now: SiteNow) -> Mapping[str, int]:
    """How much of each budget of GPU memory jobs hold."""
    return {budget.name: budget.used_mb for budget in now.vram}


def node_view(node: Node, used: Mapping[str, int]) -> NodeView:
    """A node as the API shows it (pure).

    Args:
        node: as the dispatcher has it.
        used: MB of each budget of GPU memory that jobs hold, by the name of its limit.

    Returns:
        The node; what its workers publish of themselves is in camelCase, too.
    """
    names = _gpu_names(node.hardware)
    return NodeView(
        name=node.name,
        status=node.status,
        pools=list(node.pools),
        active_jobs=node.active_jobs,
        max_jobs=node.max_jobs,
        paused=list(node.paused),
        workers=[_worker_view(worker) for worker in node.workers],
        gpus=[
            GpuView(
                device=gpu.device,
                name=names.get(gpu.device),
                vram_total_mb=gpu.total_mb,
                vram_used_mb=used.get(gpu.limit_name, 0),
            )
            for gpu in node.vram
        ],
        hardware=_outside(node.hardware),
        load=_outside(node.load),
        last_heartbeat=node.last_heartbeat,
    )


def _gpu_names(hardware: Mapping[str, Any]) -> dict[str, str]:
    gpus: Sequence[Mapping[str, Any]] = hardware.get("gpus") or ()
    return {f"gpu{number}": str(gpu["name"]) for number, gpu in enumerate(gpus) if "name" in gpu}


def _worker_view(worker: WorkerState) -> WorkerView:
    facts = worker.facts
    return WorkerView(
        name=worker.name,
        pool=worker.pool,
        online=worker.online,
        active_jobs=0 if facts is None or not worker.online else facts.active_jobs,
        max_jobs=0 if facts is None else facts.max_jobs,
        paused=None if facts is None else facts.paused,
        last_heartbeat=worker.last_heartbeat,
    )


def _outside(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with the names of the API, at every depth but that of versions, which are keyed by names of programs."""
    return outside({name: fact if name == "versions" else _deeper(fact) for name, fact in facts.items()})


def _deeper(fact: Any) -> Any:
    if isinstance(fact, dict):
        return _outside(fact)
    return [_deeper(each) for each in fact] if isinstance(fact, list) else fact
