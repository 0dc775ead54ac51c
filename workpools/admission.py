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
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from reelmill.scheduling.budget import budgets
from reelmill.scheduling.devices import Gpu, gpus
from reelmill.scheduling.node import VirtualGpu
from reelmill.scheduling.placement import Card, Decision, Impossible, Placed, Share, Waits, place
from reelmill.settings import Settings
from workpools.book import Book, Lease, Page, Queued
from workpools.nursery import end_by_identifier
from workpools.presence import alive
from workpools.settle import until_answered
from workpools.watch import SERVER_TROUBLE

_LEASE_SECONDS: Final = 60.0  # the shortest the server gives
_RENEW_SECONDS: Final = 20.0
_RENEW_AGAIN: Final = 2.0  # after the server did not answer


@dataclass
class Grant:
    """One admitted job's share of a card; ``lost`` is set if the server no longer knows of it."""

    lease_id: uuid.UUID
    run_id: uuid.UUID
    lease: Lease
    card: str
    environment: dict[str, str]  # for the run's process
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class Admission:
    """The one way to GPU memory for all runs of a worker."""

    #: Seconds after which too much counted is wrong: longer than a dead holder's share can take to come back.
    LEAK_SECONDS: ClassVar[float] = 90.0

    def __init__(self, client: PrefectClient, settings: Settings, worker: str, logger: logging.Logger | Any):
        self._client, self._settings, self._worker, self._logger = client, settings, worker, logger
        self._book = Book(settings.worker_dir, settings.node_name)
        self._grants: dict[uuid.UUID, Grant] = {}
        self._excess_since: dict[str, float] = {}
        self.budgets: list[VirtualGpu] = []
        self.virtual = True  # whether the machine has no card

    async def prepare(self) -> None:
        """Make the machine's budgets known to the server, and clear away what dead workers of it left."""
        found = await anyio.to_thread.run_sync(gpus)
        self.virtual = not found
        self.budgets = budgets(self._settings.node_name, found, virtual_mb=self._settings.virtual_vram_mb)
        for budget in self.budgets:
            await until_answered(partial(self._ensure, budget), self._logger)
        async with self._book.open() as page:
            await self._bury(page, earlier=True)

    async def _ensure(self, budget: VirtualGpu) -> None:
        read = partial(self._client.read_global_concurrency_limit_by_name, budget.limit_name)
        try:
            limit = await read()
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # made by another worker of this machine, which comes up as well
                await self._client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=budget.limit_name, limit=budget.total_mb, active=True)
                )
            limit = await read()
        if limit.limit > budget.total_mb or not limit.active:  # an admin may give less than the card has, never more
            await self._client.update_global_concurrency_limit(
                budget.limit_name,
                GlobalConcurrencyLimitUpdate(limit=min(limit.limit, budget.total_mb), active=True),
            )

    async def ask(self, run_id: uuid.UUID, need_mb: int, priority: int, arrived: float) -> Grant | Waits | Impossible:
        """Ask for memory once, keeping the place in the line.

        Args:
            run_id: of the flow run.
            need_mb: how much.
            priority: of its lane.
            arrived: when it first asked, by the machine's monotonic clock.

        Raises:
            httpx.HTTPError: the server does not answer; the place in the line is kept.
        """
        async with self._book.open() as page:
            await self._bury(page)
            page.waiting[str(run_id)] = Queued(self._worker, need_mb, priority, arrived)
            cards = await self._cards(page)
            waiting = [entry.as_waiting(other) for other, entry in page.waiting.items()]
            decision: Decision = place(cards, waiting)[str(run_id)]
            if isinstance(decision, Placed):
                grant = await self._take(run_id, need_mb, decision.card)
                if grant is None:
                    return Waits(f"{need_mb} MB of VRAM needed; what is free on {decision.card} was just taken")
                del page.waiting[str(run_id)]
                page.leases[str(grant.lease_id)] = grant.lease
                self._grants[run_id] = grant
                return grant
            if isinstance(decision, Impossible):
                del page.waiting[str(run_id)]
            return decision

    async def leave(self, run_id: uuid.UUID) -> None:
        """Out of the line, and out of the book."""
        grant = self._grants.pop(run_id, None)
        async with self._book.open() as page:
            page.waiting.pop(str(run_id), None)
            if grant is not None:
                page.leases.pop(str(grant.lease_id), None)
        if grant is not None:
            await self._release(grant.lease_id)

    async def started(self, grant: Grant, process: str) -> None:
        """Note which process group a share is for, so that what it allocates is told from what others do."""
        async with self._book.open() as page:
            if str(grant.lease_id) in page.leases:
                page.leases[str(grant.lease_id)] = Lease(self._worker, grant.lease.limit_name, grant.lease.mb, process)

    async def keep(self) -> None:
        """Renew what is held, for ever; one of the worker's endless tasks."""
        pause = _RENEW_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = _RENEW_SECONDS
            for grant in list(self._grants.values()):
                try:
                    await self._renew(grant)
                except SERVER_TROUBLE as error:
                    self._logger.debug("a share of VRAM could not be renewed: %s", error)
                    pause = _RENEW_AGAIN

    async def _renew(self, grant: Grant) -> None:
        try:
            await self._client.renew_concurrency_lease(grant.lease_id, lease_duration=_LEASE_SECONDS)
            return
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in (httpx.codes.GONE, httpx.codes.NOT_FOUND):
                raise
        async with self._book.open() as page:
            page.leases.pop(str(grant.lease_id), None)
            if grant.run_id not in self._grants:  # it ended while we asked
                return
            again = await self._take(grant.run_id, grant.lease.mb, grant.card)
            if again is None:
                self._grants.pop(grant.run_id, None)
                grant.lost.set()
                return
            grant.lease_id = again.lease_id
            page.leases[str(grant.lease_id)] = grant.lease

    async def _take(self, run_id: uuid.UUID, mb: int, card: str) -> Grant | None:
        budget = next(budget for budget in self.budgets if budget.device == card)
        try:
            answer = await self._client.increment_concurrency_slots_with_lease(
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
        told = answer.json()
        lease_id = uuid.UUID(told["lease_id"])
        if not told["limits"]:  # the server admits to a limit it does not know: somebody deleted it
            await self._release(lease_id)
            await self._ensure(budget)
            return None
        return Grant(lease_id, run_id, Lease(self._worker, budget.limit_name, mb), card, await self._environment(card))

    async def _environment(self, card: str) -> dict[str, str]:
        if self.virtual:
            return {}
        found = await anyio.to_thread.run_sync(gpus)
        (uuid_of_card,) = (gpu.uuid for gpu in found if f"gpu{gpu.index}" == card)
        return {"CUDA_VISIBLE_DEVICES": uuid_of_card}

    async def _release(self, lease_id: uuid.UUID) -> None:
        await until_answered(lambda: self._client.release_concurrency_slots_with_lease(lease_id), self._logger)

    async def _cards(self, page: Page) -> list[Card]:
        real = {} if self.virtual else {f"gpu{gpu.index}": gpu for gpu in await anyio.to_thread.run_sync(gpus)}
        cards = []
        for budget in self.budgets:
            if not self.virtual and budget.device not in real:
                continue  # the card fell off its bus
            limit = await self._client.read_global_concurrency_limit_by_name(budget.limit_name)
            gpu = real.get(budget.device)
            shares = [held for held in page.leases.values() if held.limit_name == budget.limit_name]
            cards.append(
                Card(
                    name=budget.device,
                    total_mb=min(limit.limit, budget.total_mb),
                    leased_mb=max(limit.active_slots, sum(held.mb for held in shares)),
                    free_mb=gpu.free_mb if gpu is not None else None,
                    shares=tuple(Share(held.mb, used_by(gpu, held.process)) for held in shares) if gpu else (),
                )
            )
        return cards

    async def _bury(self, page: Page, *, earlier: bool = False) -> None:
        """Give back at once what dead workers of this machine held; their processes are ended first.

        Args:
            page: of the book.
            earlier: whether all that stands under our own name is of an earlier worker that went by it.
        """
        folder = self._settings.worker_dir
        left = page.without_dead(lambda worker: not (earlier and worker == self._worker) and alive(folder, worker))
        for lease_id, held in left.items():
            if held.process is not None:
                with suppress(ValueError):
                    end_by_identifier(held.process)
            await self._release(uuid.UUID(lease_id))

    async def audit(self) -> None:
        """Put the server's count right: one killed between its two commits, of count and of lease, leaves it wrong.

        Raises:
            httpx.HTTPError: the server does not answer.
        """
        async with self._book.open() as page:
            await self._bury(page)
            for budget in self.budgets:
                limit = await self._client.read_global_concurrency_limit_by_name(budget.limit_name)
                held = sum(held.mb for held in page.leases.values() if held.limit_name == budget.limit_name)
                if self._wrong(budget.limit_name, limit.active_slots, held):
                    self._logger.warning(
                        "%s: the server counted %s MB of VRAM as taken, %s MB are",
                        budget.device,
                        limit.active_slots,
                        held,
                    )
                    await self._client.update_global_concurrency_limit(
                        budget.limit_name, GlobalConcurrencyLimitUpdate(active_slots=held)
                    )

    def _wrong(self, name: str, counted: int, held: int) -> bool:
        """Too little counted is wrong at once; too much only once no dead holder's lease can explain it."""
        if counted > held:
            return time.monotonic() - self._excess_since.setdefault(name, time.monotonic()) > self.LEAK_SECONDS
        self._excess_since.pop(name, None)
        return counted < held


def used_by(gpu: Gpu | None, process: str | None) -> int:
    """What a process group has allocated of a card, in MB; 0 where the driver does not say."""
    if gpu is None or process is None:
        return 0
    group = int(process.rsplit(":", 2)[1])
    return sum(used or 0 for pid, used in gpu.processes if _group(pid) == group)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
