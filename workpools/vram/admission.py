"""GPU memory before a run starts: taken from the server's budget under a lease, placed by the pure policy."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final

import anyio.to_thread
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from reelmill.hardware.gpu import Gpu, gpus
from reelmill.queue.placement import Decision, GpuMemory, Impossible, JobShare, Placement, Wait, place
from reelmill.queue.vram_budget import budgets
from reelmill.queue.worker_facts import VirtualGpu
from reelmill.settings import Settings
from workpools.guard import guarded
from workpools.processes.forkserver import end_by_identifier
from workpools.processes.worker_lock import alive
from workpools.server_calls import ServerCalls, absent
from workpools.vram.vram_ledger import Lease, LedgerEntries, VramLedger, WaitingEntry

_LEASE_SECONDS: Final = 60.0  # the shortest the server gives
_RENEW_SECONDS: Final = 20.0
_RENEW_AGAIN: Final = 2.0  # after the server did not answer


@dataclass
class Grant:
    """One admitted job's lease on a GPU; ``lost`` is set if the server no longer knows of it."""

    lease_id: uuid.UUID
    run_id: uuid.UUID
    lease: Lease
    gpu: str  # gpu0
    environment: dict[str, str]  # for the run's process
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class Admission:
    """The one way to GPU memory for all runs of a worker."""

    #: Seconds after which too much counted is wrong: longer than a dead holder's share can take to come back.
    LEAK_SECONDS: ClassVar[float] = 90.0

    def __init__(self, client: PrefectClient, settings: Settings, worker: str, logger: logging.Logger | Any):
        self._client, self._settings, self._worker, self._logger = client, settings, worker, logger
        self._calls = ServerCalls(client, logger)
        self._ledger = VramLedger(settings.worker_dir, settings.node_name)
        self._grants: dict[uuid.UUID, Grant] = {}
        self._excess_since: dict[str, float] = {}
        self.budgets: list[VirtualGpu] = []
        self.virtual = True  # whether the node has no GPU

    async def prepare(self) -> None:
        """Make the node's budgets known to the server, and clear away what dead workers of it left."""
        found = await anyio.to_thread.run_sync(gpus)
        self.virtual = not found
        self.budgets = budgets(self._settings.node_name, found, virtual_mb=self._settings.virtual_vram_mb)
        for budget in self.budgets:
            await self._calls.until_answered(partial(self._ensure, budget))
        async with self._ledger.open() as entries:
            await self._release_dead(entries, earlier=True)

    async def _ensure(self, budget: VirtualGpu) -> GlobalConcurrencyLimitResponse:
        """The server's limit for a budget, made anew where somebody deleted it."""
        read = partial(self._client.read_global_concurrency_limit_by_name, budget.limit_name)
        try:
            limit = await read()
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # made by another worker of this node, which comes up as well
                await self._client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=budget.limit_name, limit=budget.total_mb, active=True)
                )
            limit = await read()
        if limit.limit > budget.total_mb or not limit.active:  # an admin may give less than the GPU has, never more
            await self._client.update_global_concurrency_limit(
                budget.limit_name,
                GlobalConcurrencyLimitUpdate(limit=min(limit.limit, budget.total_mb), active=True),
            )
        return limit

    async def request(
        self, run_id: uuid.UUID, need_mb: int, priority: int, arrived: float
    ) -> Grant | Wait | Impossible:
        """Request memory once, keeping the place in the line.

        Args:
            run_id: of the flow run.
            need_mb: how much.
            priority: of its lane.
            arrived: when it first asked, by the node's monotonic clock.

        Returns:
            The grant, or why there is none now, or why there never will be one here.

        Raises:
            httpx.HTTPError: the server does not answer; the place in the line is kept.
        """
        async with self._ledger.open() as entries:
            await self._release_dead(entries)
            entries.waiting[str(run_id)] = WaitingEntry(self._worker, need_mb, priority, arrived)
            gpu_budgets = await self._gpu_budgets(entries)
            waiting = [entry.as_waiting(other) for other, entry in entries.waiting.items()]
            decision: Decision = place(gpu_budgets, waiting)[str(run_id)]
            if isinstance(decision, Placement):
                grant = await self._lease(run_id, need_mb, decision.gpu)
                if grant is None:
                    return Wait(f"{need_mb} MB of VRAM needed; what is free on {decision.gpu} was just taken")
                del entries.waiting[str(run_id)]
                entries.leases[str(grant.lease_id)] = grant.lease
                self._grants[run_id] = grant
                return grant
            if isinstance(decision, Impossible):
                del entries.waiting[str(run_id)]
            return decision

    async def leave(self, run_id: uuid.UUID) -> None:
        """Remove a run from the line and from the ledger, and give its lease back."""
        grant = self._grants.pop(run_id, None)
        async with self._ledger.open() as entries:
            entries.waiting.pop(str(run_id), None)
            if grant is not None:
                entries.leases.pop(str(grant.lease_id), None)
        if grant is not None:
            await self._release(grant.lease_id)

    async def started(self, grant: Grant, process: str) -> None:
        """Note which process group a lease is for, so that what it allocates is not taken for what others do."""
        async with self._ledger.open() as entries:
            if str(grant.lease_id) in entries.leases:
                entries.leases[str(grant.lease_id)] = Lease(
                    self._worker, grant.lease.limit_name, grant.lease.mb, process
                )

    async def renew_leases(self) -> None:
        """Renew all leases, for ever; one of the worker's endless tasks."""
        pause = _RENEW_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = _RENEW_SECONDS
            for grant in list(self._grants.values()):
                failure = await guarded(self._renew(grant))  # one that fails must not cost the others theirs
                if failure is None:
                    continue
                pause = _RENEW_AGAIN
                if absent(failure):
                    self._logger.debug("a lease of VRAM could not be renewed: %s", failure)
                else:
                    self._logger.error("a lease of VRAM could not be renewed", exc_info=failure)

    async def _renew(self, grant: Grant) -> None:
        try:
            await self._client.renew_concurrency_lease(grant.lease_id, lease_duration=_LEASE_SECONDS)
            return
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in (httpx.codes.GONE, httpx.codes.NOT_FOUND):
                raise
        async with self._ledger.open() as entries:
            entries.leases.pop(str(grant.lease_id), None)
            if grant.run_id not in self._grants:  # it ended meanwhile
                return
            again = await self._lease(grant.run_id, grant.lease.mb, grant.gpu)
            if again is None:
                self._grants.pop(grant.run_id, None)
                grant.lost.set()
                return
            grant.lease_id = again.lease_id
            entries.leases[str(grant.lease_id)] = grant.lease

    async def _lease(self, run_id: uuid.UUID, mb: int, gpu: str) -> Grant | None:
        budget = next(budget for budget in self.budgets if budget.device == gpu)
        try:
            response = await self._client.increment_concurrency_slots_with_lease(
                names=[budget.limit_name],
                slots=mb,
                mode="concurrency",
                lease_duration=_LEASE_SECONDS,
                holder=ConcurrencyLeaseHolder(type="flow_run", id=run_id),
            )
        except httpx.HTTPStatusError as error:
            if error.response.status_code in (httpx.codes.LOCKED, httpx.codes.UNPROCESSABLE_ENTITY):
                return None
            raise
        content = response.json()
        lease_id = uuid.UUID(content["lease_id"])
        if not content["limits"]:  # the server accepts names of limits it does not know: somebody deleted this one
            await self._release(lease_id)
            await self._ensure(budget)
            return None
        return Grant(lease_id, run_id, Lease(self._worker, budget.limit_name, mb), gpu, await self._environment(gpu))

    async def _environment(self, gpu_name: str) -> dict[str, str]:
        if self.virtual:
            return {}
        found = await anyio.to_thread.run_sync(gpus)
        (gpu_uuid,) = (gpu.uuid for gpu in found if f"gpu{gpu.index}" == gpu_name)
        return {"CUDA_VISIBLE_DEVICES": gpu_uuid}

    async def _release(self, lease_id: uuid.UUID) -> None:
        await self._calls.until_answered(lambda: self._client.release_concurrency_slots_with_lease(lease_id))

    async def _gpu_budgets(self, entries: LedgerEntries) -> list[GpuMemory]:
        real = {} if self.virtual else {f"gpu{gpu.index}": gpu for gpu in await anyio.to_thread.run_sync(gpus)}
        gpu_budgets = []
        for budget in self.budgets:
            if not self.virtual and budget.device not in real:
                continue  # the GPU fell off its bus
            limit = await self._ensure(budget)
            gpu = real.get(budget.device)
            leases = [lease for lease in entries.leases.values() if lease.limit_name == budget.limit_name]
            gpu_budgets.append(
                GpuMemory(
                    name=budget.device,
                    total_mb=min(limit.limit, budget.total_mb),
                    leased_mb=max(limit.active_slots, sum(lease.mb for lease in leases)),
                    free_mb=gpu.free_mb if gpu is not None else None,
                    shares=tuple(JobShare(lease.mb, used_by(gpu, lease.process)) for lease in leases) if gpu else (),
                )
            )
        return gpu_budgets

    async def _release_dead(self, entries: LedgerEntries, *, earlier: bool = False) -> None:
        """Give back at once what dead workers of this node had; their processes are ended first.

        Args:
            entries: of the ledger.
            earlier: whether all entries under our own name are of an earlier worker that went by it.
        """
        folder = self._settings.worker_dir
        left = entries.remove_dead(lambda worker: not (earlier and worker == self._worker) and alive(folder, worker))
        for lease_id, lease in left.items():
            if lease.process is not None:
                with suppress(ValueError):
                    end_by_identifier(lease.process)
            await self._release(uuid.UUID(lease_id))

    async def audit(self) -> None:
        """Correct the server's count: a server killed between its two commits, of count and of lease, leaves it wrong.

        Raises:
            httpx.HTTPError: the server does not answer.
        """
        async with self._ledger.open() as entries:
            await self._release_dead(entries)
            for budget in self.budgets:
                limit = await self._ensure(budget)
                leased = sum(lease.mb for lease in entries.leases.values() if lease.limit_name == budget.limit_name)
                if self._wrong(budget.limit_name, limit.active_slots, leased):
                    self._logger.warning(
                        "%s: the server counted %s MB of VRAM as taken, %s MB are",
                        budget.device,
                        limit.active_slots,
                        leased,
                    )
                    await self._client.update_global_concurrency_limit(
                        budget.limit_name, GlobalConcurrencyLimitUpdate(active_slots=leased)
                    )

    def _wrong(self, name: str, counted: int, leased: int) -> bool:
        """A count too low is wrong at once; one too high only once no dead holder's lease can explain it."""
        if counted > leased:
            return time.monotonic() - self._excess_since.setdefault(name, time.monotonic()) > self.LEAK_SECONDS
        self._excess_since.pop(name, None)
        return counted < leased


def used_by(gpu: Gpu | None, process: str | None) -> int:
    """What a process group has allocated of a GPU, in MB; 0 where the driver does not report it."""
    if gpu is None or process is None:
        return 0
    pgid = int(process.rsplit(":", 2)[1])
    return sum(used or 0 for pid, used in gpu.processes if _pgid_of(pid) == pgid)


def _pgid_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
