"""Work pools: how full they are, drained and opened again."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import Field

from reelmill.api.errors import documented
from reelmill.api.naming import ApiModel
from reelmill.api.routes.jobs import Admin
from reelmill.api.routes.reasons import OptionalReason, actor_of
from reelmill.api.services import Services, Site
from reelmill.api.texts import Text
from reelmill.dispatch import PoolState
from reelmill.errors import UnknownName

router: Final = APIRouter(prefix="/api/media/pools", tags=["pools"])

PoolName = Annotated[Text, Path(alias="name", description="of the pool", examples=["gpu_encode"])]


class LaneItem(ApiModel):
    """One lane of a pool."""

    name: str = Field(examples=["live-high"])
    priority: int | None = Field(description="1 (first) to 10; null for a queue that is no lane of Reelmill's")
    paused: bool
    waiting: int = Field(description="jobs that are due and do not run")


class PoolItem(ApiModel):
    """One work pool."""

    name: str
    limit: int | None = Field(description="jobs at once over all nodes; null where there is none")
    active: int = Field(description="jobs that have a slot")
    paused: bool = Field(description="drained: nothing new begins")
    waiting: int
    lanes: list[LaneItem] = Field(description="in the order in which they are served")


class PoolItems(ApiModel):
    """All pools, in the order of their names."""

    data: list[PoolItem]


@router.get("", summary="Work pools with their lanes")
def list_pools(services: Site, _caller: Admin) -> PoolItems:
    """Every pool, as it was at most two seconds ago."""
    return PoolItems(data=[pool_item(pool) for pool in services.dispatcher.snapshot.now().pools])


@router.post("/{name}/drain", summary="Let a pool begin nothing new", responses=documented(404, 422))
def drain_pool(services: Site, caller: Admin, name: PoolName, reason: OptionalReason = None) -> PoolItem:
    """What runs goes on to its end; one that is drained already stays so."""
    services.dispatcher.pools.drain(name, actor_of(caller, reason))
    return _changed(services, name)


@router.post("/{name}/undrain", summary="Let a pool begin jobs again", responses=documented(404, 422))
def undrain_pool(services: Site, caller: Admin, name: PoolName, reason: OptionalReason = None) -> PoolItem:
    """The jobs that wait in it begin as slots are free."""
    services.dispatcher.pools.undrain(name, actor_of(caller, reason))
    return _changed(services, name)


def pool_item(pool: PoolState) -> PoolItem:
    """A pool as the API shows it (pure)."""
    lanes = [
        LaneItem(name=lane.name, priority=lane.priority, paused=lane.paused, waiting=lane.waiting)
        for lane in pool.lanes
    ]
    return PoolItem(
        name=pool.name,
        limit=pool.limit,
        active=pool.active,
        paused=pool.drained,
        waiting=pool.waiting,
        lanes=lanes,
    )


def _changed(services: Services, name: str) -> PoolItem:
    """A pool right after it was changed, for this caller and for whoever asks next."""
    services.dispatcher.snapshot.expire()
    for pool in services.dispatcher.snapshot.now().pools:
        if pool.name == name:
            return pool_item(pool)
    raise UnknownName(f"The pool {name!r} was deleted this moment.", name)
