"""Nodes: what each has and runs, and its pools, drained and let go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.dispatch import JobFilter
from reelmill.dispatch.snapshot import SiteNow
from reelmill.pages.components.dialogue import confirmed
from reelmill.pages.components.states import button, empty_state
from reelmill.pages.components.text import Text, labelled
from reelmill.pages.registry import page
from reelmill.pages.site_panel import meter
from reelmill.pages.view import View
from reelmill.pages.watch import Reading
from reelmill.queue.job import JobStatus
from reelmill.wording import plural


@dataclass(frozen=True)
class _NodeNow:
    """One node; equal where it looks the same."""

    name: str
    status: str
    jobs: int
    most: int
    paused: tuple[str, ...]
    cores: str
    vram: tuple[tuple[str, int, int], ...]  # device, MB in use, MB
    workers: tuple[tuple[str, bool, tuple[tuple[str, str], ...]], ...]  # name, online, id and name of its jobs


@dataclass(frozen=True)
class _PoolNow:
    """One pool; equal where it looks the same."""

    name: str
    limit: int | None
    active: int
    waiting: int
    drained: bool


@dataclass(frozen=True)
class _Site:
    """What is shown."""

    nodes: tuple[_NodeNow, ...]
    pools: tuple[_PoolNow, ...]


@page("/nodes", "Nodes", permission=Permission.MANAGE_JOBS, icon="dns", place=30)
async def nodes(view: View) -> None:
    """Build the page."""
    Text("h1", "Nodes")

    async def steer(pool: str, drained: bool) -> None:
        pools = view.services.dispatcher.pools
        if drained:
            done = await view.act(
                Permission.MANAGE_JOBS, f"{pool} takes jobs again.", lambda by: pools.undrain(pool, by)
            )
        elif await confirmed(
            f"Drain {pool}?", yes="Drain it", consequence="What runs is left to end; nothing new begins, on any node."
        ):
            done = await view.act(
                Permission.MANAGE_JOBS, f"{pool} takes nothing new.", lambda by: pools.drain(pool, by)
            )
        else:
            return
        if done:
            await section.refresh()
            if pool in steering:
                view.focus(steering[pool])

    steering: dict[str, ui.element] = {}  # the button of each pool

    def show(site: _Site) -> None:
        if not site.nodes:
            with ui.element("section").classes("rm-panel"):
                empty_state("No node has joined yet.", "`reelmill join` on another node adds it.", icon="dns")
        with ui.element("div").classes("rm-columns"):
            for node in site.nodes:
                _show_node(node)
        with ui.element("section").classes("rm-panel"):
            Text("h2", "Pools")
            with ui.element("ul").classes("rm-list"):
                for pool in site.pools:
                    steering[pool.name] = _show_pool(pool, partial(steer, pool.name, pool.drained))

    section = await view.section(lambda: _read(view), show)

    async def changed(_reading: Reading) -> None:
        await section.refresh()

    view.on_change(changed)


def _read(view: View) -> _Site:
    now, reader = view.services.dispatcher.snapshot.now(), view.services.dispatcher.reader
    busy = [
        worker.name
        for node in now.nodes
        for worker in node.workers
        if worker.online and worker.facts is not None and worker.facts.active_jobs
    ]
    running = {}
    for name in busy:
        found = reader.page(JobFilter(statuses=(JobStatus.RUNNING,), worker=name), size=10)
        running[name] = tuple((str(job.public_id), job.name) for job in found.jobs)
    return _site(now, running)


def _site(now: SiteNow, running: Mapping[str, tuple[tuple[str, str], ...]]) -> _Site:
    used = {budget.name: budget.used_mb for budget in now.vram}
    return _Site(
        nodes=tuple(
            _NodeNow(
                name=node.name,
                status=str(node.status),
                jobs=node.active_jobs,
                most=node.max_jobs,
                paused=node.paused,
                cores=str(node.hardware.get("cores") or node.hardware.get("cpu_count") or ""),
                vram=tuple((gpu.device, used.get(gpu.limit_name, 0), gpu.total_mb) for gpu in node.vram),
                workers=tuple(
                    (worker.name, worker.online, tuple(running.get(worker.name, ()))) for worker in node.workers
                ),
            )
            for node in now.nodes
        ),
        pools=tuple(_PoolNow(pool.name, pool.limit, pool.active, pool.waiting, pool.drained) for pool in now.pools),
    )


def _show_node(node: _NodeNow) -> None:
    with labelled(ui.element("section").classes("rm-panel"), f"Node {node.name}"):
        with ui.element("div").classes("rm-between"):
            Text("h2", node.name)
            Text("span", node.status, "rm-quiet")
        cores = f", {node.cores} cores" if node.cores else ""
        Text("p", f"{node.jobs} of {plural(node.most, 'job')}{cores}", "rm-quiet")
        for reason in node.paused:
            Text("p", f"It takes nothing new: {reason}", "rm-wrong")
        for device, used, total in node.vram:
            with ui.element("div").classes("rm-between"):
                Text("span", f"GPU memory of {device}")
                Text("span", f"{used:,} of {total:,} MB", "rm-quiet rm-small")
            meter(f"GPU memory of {device} of {node.name}", used / total if total else 0.0)
        with ui.element("ul").classes("rm-list"):
            for name, online, jobs in node.workers:
                _show_worker(name, online=online, jobs=jobs)


def _show_worker(name: str, *, online: bool, jobs: Iterable[tuple[str, str]]) -> None:
    with ui.element("li"):
        with ui.element("div").classes("rm-between"):
            Text("span", name)
            Text("span", "online" if online else "offline", "rm-quiet rm-small")
        for job_id, job_name in jobs:
            ui.link(job_name, f"/jobs/{job_id}").classes("rm-small")


def _show_pool(pool: _PoolNow, steer: Callable[[], Awaitable[None]]) -> ui.element:
    with ui.element("li").classes("rm-between rm-wrap"):
        with ui.element("span").classes("rm-job-words"):
            Text("span", f"{pool.name}{' (drained)' if pool.drained else ''}")
            of = "any number" if pool.limit is None else str(pool.limit)
            Text("span", f"{pool.active} of {of} run, {pool.waiting} wait", "rm-quiet rm-small")
        shown, label = ("Go on", f"Let {pool.name} go on") if pool.drained else ("Drain", f"Drain {pool.name}")
        return labelled(button(shown, steer, icon="play_arrow" if pool.drained else "pause"), label)
