"""The deployment that a job type's runs are made from: found by its flow and its pool, whatever its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse

from reelmill.dispatch.server.connection import Connection, read_pages
from reelmill.errors import UnknownName
from reelmill.queue.job_type import deployment_names

#: Tag of a deployment that another has replaced; it stays until its last job is over.
REPLACED: Final = "reelmill:replaced"

#: Where a job type has several pools, the one that may use a GPU is meant.
_POOLS: Final = ("gpu_encode", "gpu_ai", "cpu")


class Deployments:
    """Finds deployments on the server."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def of(self, job_type: str, pool: str | None = None) -> DeploymentResponse:
        """The deployment of a job type.

        Args:
            job_type: its own name.
            pool: where its jobs wait; None takes the one that may use a GPU, where there are several.

        Returns:
            The deployment.

        Raises:
            UnknownName: there is none.
        """
        read = self._connection.client.read_deployments
        flow = FlowFilter(name=FlowFilterName(any_=[job_type]))
        every = read_pages(lambda limit, offset: read(flow_filter=flow, limit=limit, offset=offset))
        found = preferred(every, job_type, pool)
        if found is None:
            raise UnknownName(_refusal(job_type, pool), job_type)
        return found

    def job_types(self) -> list[str]:
        """The job types that have a deployment in a pool, by name."""
        client = self._connection.client
        every = read_pages(lambda limit, offset: client.read_deployments(limit=limit, offset=offset))
        flows = read_pages(lambda limit, offset: client.read_flows(limit=limit, offset=offset))
        deployed = {one.flow_id for one in every if one.work_pool_name is not None}
        return sorted({flow.name for flow in flows if flow.id in deployed})


def preferred(
    deployments: Iterable[DeploymentResponse], job_type: str, pool: str | None = None
) -> DeploymentResponse | None:
    """Choose among the deployments of a job type (pure).

    Args:
        deployments: of its flow.
        job_type: its own name.
        pool: that it must be in; None: any.

    Returns:
        The one that bears the job type's name comes first, then one that may use a GPU; of several in a pool, one in
        force before one that was replaced, and what `reelmill deploy` makes before what a person has added beside it.
        None: there is none.
    """

    def order(deployment: DeploymentResponse) -> tuple[bool, int, str, bool, bool, str]:
        name, in_pool = deployment.name, deployment.work_pool_name or ""
        rank = _POOLS.index(in_pool) if in_pool in _POOLS else len(_POOLS)
        ours = name in deployment_names(job_type, in_pool)
        return name != job_type, rank, in_pool, REPLACED in deployment.tags, not ours, name

    usable = [one for one in deployments if one.work_pool_name is not None and pool in (None, one.work_pool_name)]
    return min(usable, key=order, default=None)


def _refusal(job_type: str, pool: str | None) -> str:
    flow, slash, _ = job_type.partition("/")
    if slash:
        return (
            f"{job_type!r} names a deployment; a job is submitted by its type, {flow!r}, and the pool where it matters."
        )
    where = "" if pool is None else f" in the pool {pool}"
    return f"No job type {job_type!r} is deployed{where}; `reelmill deploy` deploys what prefect.yaml lists."
