"""Home: what runs, what waits and why, what failed today, disk and GPU memory, in one look."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.dispatch import JobFilter
from reelmill.pages.address import address
from reelmill.pages.components.job_types import type_icon
from reelmill.pages.components.jobs_table import percent
from reelmill.pages.components.states import empty_state
from reelmill.pages.components.text import Text, labelled
from reelmill.pages.registry import page
from reelmill.pages.site_panel import meter, site_panel
from reelmill.pages.view import View
from reelmill.pages.watch import Reading
from reelmill.queue.job import JobStatus
from reelmill.wording import in_bytes

#: Jobs that are listed of each kind; a link leads to all of them.
_LISTED: Final = 6


@dataclass(frozen=True)
class _Line:
    """One job in a list."""

    id: str
    type: str
    name: str
    note: str | None  # why it waits, or failed
    share: float | None  # percent


@dataclass(frozen=True)
class _Some:
    """The first jobs of a kind, and how many there are."""

    total: int
    lines: tuple[_Line, ...]


@dataclass(frozen=True)
class _Now:
    """What is shown; equal where it looks the same."""

    running: _Some
    waiting: _Some
    failed: _Some
    completed: int  # today
    disk: tuple[int, int] | None  # bytes free, bytes in all; None: this node cannot look at the folder


@page("/", "Home", permission=Permission.MANAGE_JOBS, icon="home", place=0)
async def home(view: View) -> None:
    """Build the page."""
    with ui.element("div").classes("rm-head"):
        Text("h1", "Home")
        if view.may(Permission.CREATE_JOBS):
            ui.link("Create job", "/jobs/new").classes("rm-button rm-primary")
    with ui.element("div").classes("rm-with-side"):
        with ui.element("div").classes("rm-stack"):
            section = await view.section(lambda: _read(view), _show)
        with ui.element("aside").classes("rm-stack").props('aria-label="The site now"'):
            await site_panel(view)

    async def changed(reading: Reading) -> None:
        if reading.changes is not None and (reading.changes.jobs or not reading.changes.complete):
            await section.refresh()

    view.on_change(changed)


def _read(view: View) -> _Now:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    completed = JobFilter(statuses=(JobStatus.COMPLETED,), ended_since=today)
    return _Now(
        running=_some(view, JobFilter(statuses=(JobStatus.RUNNING,))),
        waiting=_some(view, JobFilter(statuses=(JobStatus.QUEUED, JobStatus.PENDING))),
        failed=_some(view, JobFilter(statuses=(JobStatus.FAILED,), ended_since=today)),
        completed=view.services.dispatcher.reader.page(completed, size=1).total,
        disk=_disk(view),
    )


def _some(view: View, wanted: JobFilter) -> _Some:
    reader = view.services.dispatcher.reader
    found = reader.page(wanted, size=_LISTED)
    progress = reader.progress([job.id for job in found.jobs])
    return _Some(
        found.total,
        tuple(
            _Line(
                id=str(job.public_id),
                type=job.type,
                name=job.name,
                note=job.waiting_reason or (job.message if job.status is JobStatus.FAILED else None),
                share=percent(job, progress.get(job.id)) if job.status is JobStatus.RUNNING else None,
            )
            for job in found.jobs
        ),
    )


def _disk(view: View) -> tuple[int, int] | None:
    try:
        found = shutil.disk_usage(view.services.settings.media_root)
    except OSError:
        return None
    return found.free, found.total


def _show(now: _Now) -> None:
    with ui.element("div").classes("rm-tiles"):
        for words, count, statuses in (
            ("running", now.running.total, ["running"]),
            ("waiting", now.waiting.total, ["queued", "pending"]),
            ("failed today", now.failed.total, ["failed"]),
            ("completed today", now.completed, ["completed"]),
        ):
            with ui.link(target=address("/jobs", {"status": statuses})).classes("rm-panel rm-tile"):
                Text("span", str(count), "rm-number")
                Text("span", words, "rm-quiet")
    if not (now.running.total or now.waiting.total or now.failed.total or now.completed):
        with ui.element("section").classes("rm-panel"):
            empty_state("Nothing has run today.", "Scan the library, or hand a job in.", icon="bedtime")
    _list("Running", now.running, ["running"])
    _list("Waiting, and why", now.waiting, ["queued", "pending"])
    _list("Failed today", now.failed, ["failed"])
    if now.disk is not None:
        free, total = now.disk
        with ui.element("section").classes("rm-panel"):
            with ui.element("div").classes("rm-between"):
                Text("h2", "Disk of the library")
                Text("span", f"{in_bytes(free)} free of {in_bytes(total)}", "rm-quiet rm-small")
            meter("Disk of the library", 1 - free / total if total else 0.0)


def _list(title: str, some: _Some, statuses: Sequence[str]) -> None:
    if not some.total:
        return
    with ui.element("section").classes("rm-panel"):
        Text("h2", title)
        with ui.element("ul").classes("rm-list"):
            for line in some.lines:
                with ui.element("li"):
                    _job(line)
        if some.total > len(some.lines):
            ui.link(f"All {some.total}", address("/jobs", {"status": statuses}))


def _job(line: _Line) -> None:
    with ui.element("div").classes("rm-between"):
        with ui.link(target=f"/jobs/{line.id}").classes("rm-job"):
            ui.icon(type_icon(line.type)).props('aria-hidden="true"')
            with ui.element("span").classes("rm-job-words"):
                Text("span", line.name, "rm-ellipsis")
        if line.share is not None:
            with ui.element("span").classes("rm-row rm-share"):
                bar = f'role="progressbar" aria-valuenow="{line.share}" aria-valuemin="0" aria-valuemax="100"'
                with labelled(ui.element("span").classes("rm-bar").props(bar), f"Progress of {line.name}"):
                    ui.element("span").style(f"width: {line.share}%")
                Text("span", f"{line.share:.0f} %", "rm-percent")
        elif line.note:
            Text("span", line.note, "rm-quiet rm-small rm-note")
