"""Lanes, GPU memory and nodes as they are now, in the margin of a page."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from reelmill.dispatch import NodeStatus
from reelmill.dispatch.snapshot import SiteNow
from reelmill.dispatch.statistics import VRAM_PREFIX
from reelmill.pages.components.text import Text, labelled
from reelmill.pages.view import View
from reelmill.pages.watch import Reading


@dataclass(frozen=True)
class _Site:
    """What is shown of the site; equal where it looks the same."""

    lanes: tuple[tuple[str, int, bool], ...]  # name, waiting, paused, over all pools in the order of service
    vram: tuple[tuple[str, int, int], ...]  # device, MB in use, MB
    nodes: tuple[tuple[str, str, int, int], ...]  # name, status, jobs, the most jobs
    drained: tuple[str, ...]  # pools that take nothing new


async def site_panel(view: View) -> None:
    """Build it; it follows what changes."""
    section = await view.section(lambda: _site(view.services.dispatcher.snapshot.now()), _show)

    async def changed(reading: Reading) -> None:
        if reading.site is not None:
            await section.refresh()

    view.on_change(changed)


def _site(now: SiteNow) -> _Site:
    waiting: dict[str, list[int]] = {}
    paused: set[str] = set()
    for pool in now.pools:
        for lane in pool.lanes:
            waiting.setdefault(lane.name, []).append(lane.waiting)
            if lane.paused:
                paused.add(lane.name)
    return _Site(
        lanes=tuple((name, sum(counts), name in paused) for name, counts in waiting.items()),
        vram=tuple((each.name.removeprefix(VRAM_PREFIX), each.used_mb, each.total_mb) for each in now.vram),
        nodes=tuple((node.name, str(node.status), node.active_jobs, node.max_jobs) for node in now.nodes),
        drained=tuple(pool.name for pool in now.pools if pool.drained),
    )


def _show(site: _Site) -> None:
    with ui.element("section").classes("rm-panel"):
        Text("h2", "Queue")
        busy = [lane for lane in site.lanes if lane[1] or lane[2]]
        if not busy:
            Text("p", "Nothing waits.", "rm-quiet")
        for pool in site.drained:
            Text("p", f"{pool} is drained: it takes nothing new.", "rm-quiet")
        for name, waiting, paused in busy:
            with ui.element("div").classes("rm-between"):
                Text("span", f"{name}{' (paused)' if paused else ''}", "rm-ellipsis")
                Text("strong", str(waiting))
    with ui.element("section").classes("rm-panel"):
        Text("h2", "GPU memory")
        if not site.vram:
            Text("p", "No node has any online.", "rm-quiet")
        for device, used, total in site.vram:
            with ui.element("div").classes("rm-between"):
                Text("span", device, "rm-ellipsis")
                Text("span", f"{used:,} of {total:,} MB", "rm-quiet rm-small")
            meter(f"GPU memory of {device}", used / total if total else 0.0)
    with ui.element("section").classes("rm-panel"):
        Text("h2", "Nodes")
        if not site.nodes:
            Text("p", "No node has joined yet.", "rm-quiet")
        for name, status, jobs, most in site.nodes:
            with ui.element("div").classes("rm-between"):
                with ui.element("span").classes("rm-row"):
                    offline = status == NodeStatus.OFFLINE
                    ui.icon("cloud_off" if offline else "dns").props('aria-hidden="true"').classes("rm-quiet")
                    Text("span", name, "rm-ellipsis")
                Text("span", status if offline else f"{jobs} of {most} jobs", "rm-quiet rm-small")


def meter(label: str, fraction: float) -> None:
    """A bar for how full something is.

    Args:
        label: of what, for a screen reader.
        fraction: 0 to 1; from 0.9 on it is red.
    """
    percent = round(100 * min(1.0, max(0.0, fraction)))
    attributes = f'role="meter" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100"'
    classes = f"rm-bar rm-accent {'rm-high' if fraction >= 0.9 else ''}"
    with labelled(ui.element("div").classes(classes).props(attributes), label):
        ui.element("span").style(f"width: {percent}%")
