"""One job at its own address: what it does, why it waits, its log as it comes, what came of it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import quote

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.dispatch.tables.job_lines import LogPage
from reelmill.dispatch.tables.job_values import JobDetail
from reelmill.errors import ReelmillError, UnknownName
from reelmill.pages import theme
from reelmill.pages.components.badge import status_badge
from reelmill.pages.components.fields import choice_field
from reelmill.pages.components.job_types import type_icon
from reelmill.pages.components.jobs_table import percent
from reelmill.pages.components.place import Place
from reelmill.pages.components.states import button, empty_state, error_state
from reelmill.pages.components.text import Text
from reelmill.pages.job_actions import ACTIONS, act_on_job, prioritise
from reelmill.pages.job_outcome import Outcome, read_outcome, show_outcome
from reelmill.pages.library_query import LIBRARY
from reelmill.pages.registry import page
from reelmill.pages.view import View
from reelmill.pages.watch import Reading
from reelmill.queue.bulk_action import CHANGES, BulkAction
from reelmill.queue.job import LANES, Job
from reelmill.wording import in_seconds, in_speed

#: Lines of a log that are shown at first.
_LINES: Final = 500

#: The most lines that are shown; the whole log has a link.
_SHOWN: Final = 2000

#: Seconds between two looks for more lines while the job is not over.
_LOG_PACE: Final = 1.0

#: How long after the end of a job lines of it may still come.
_LATE: Final = timedelta(minutes=2)

_SCROLL: Final = "const log = getHtmlElement({id}); if (log) log.scrollTop = log.scrollHeight"


@page("/jobs/{job_id}", "Job", permission=Permission.MANAGE_JOBS, section="/jobs")
async def job(view: View, job_id: str) -> None:
    """Build the page."""
    reader = view.services.dispatcher.reader
    try:
        detail = await asyncio.to_thread(lambda: reader.read(_id_in_address(job_id)))
    except UnknownName:
        Text("h1", "No such job")
        empty_state("There is no job of this id.", "It may have been cleared.", action=("All jobs", "/jobs"))
        return
    await _JobPage(view, detail).build()


class _JobPage:
    """One job in one browser."""

    def __init__(self, view: View, detail: JobDetail):
        self._view, self._detail = view, detail
        self._id = detail.job.public_id
        self._cursor: str | None = None
        self._log_timer: ui.timer | None = None
        self._lines: deque[str] = deque(maxlen=_SHOWN)

    @property
    def _job(self) -> Job:
        return self._detail.job

    async def build(self) -> None:
        """Build the page; what changes of it has a place of its own."""
        ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
        ui.page_title(f"{self._job.name} – Reelmill")
        with ui.element("nav").props('aria-label="Where this is"'):
            ui.link("All jobs", "/jobs")
        self._head = Place("rm-head")
        self._share = Place("rm-stack")
        with ui.element("div").classes("rm-with-side"):
            with ui.element("div").classes("rm-stack"):
                self._result = await self._view.section(self._read_outcome, show_outcome)
                self._build_log()
            with ui.element("div").classes("rm-stack"):
                with ui.element("section").classes("rm-panel").props('aria-label="Facts"'):
                    self._facts, self._lane = Place(), Place()
                with ui.element("section").classes("rm-panel"):
                    Text("h2", "Timeline")
                    self._timeline = Place()
                self._build_parameters()
        self._show()
        await self._read_log()
        self._view.on_change(self._changed)
        self._log_timer = ui.timer(_LOG_PACE, self._read_log, immediate=False)

    def _build_log(self) -> None:
        with ui.element("section").classes("rm-panel"):
            with ui.element("div").classes("rm-between"):
                Text("h2", "Log")
                ui.link("Whole log", f"/api/media/jobs/{self._id}/log.txt")
            self._log = Text("pre", "Nothing was logged yet.", "rm-log")
            self._log.props('role="log" tabindex="0" aria-label="Log"')

    def _build_parameters(self) -> None:
        with ui.element("section").classes("rm-panel"):
            Text("h2", "Parameters")
            if not self._job.parameters:
                Text("p", "All as they are by default.", "rm-quiet")
            with ui.element("dl").classes("rm-facts"):
                for name, value in self._job.parameters.items():
                    Text("dt", name)
                    Text("dd", value if isinstance(value, str) else json.dumps(value), "rm-mono")
            video = self._job.parameters.get("video_id")
            if isinstance(video, str):
                self._build_video(video)

    def _build_video(self, name: str) -> None:
        """The image of the video that the job is about, and the way to its page where it is named by its id."""
        with ui.element("p"), ui.link(target=f"{LIBRARY}/{name}") if is_id(name) else ui.element("span"):
            if is_id(name):
                Text("span", "Open the video")
            shown = ui.element("img").classes("rm-poster").props('loading="lazy" alt=""')
            shown._props["src"] = f"/api/media/videos/{quote(name)}/thumbnail"
            shown.on("error", js_handler="(e) => e.target.remove()")

    def _show(self) -> None:
        job, detail = self._job, self._detail
        self._head.show((job.status, job.name), self._show_head)
        self._share.show((job, detail.progress), self._show_share)
        self._facts.show((job, detail.queue_position), self._show_facts)
        self._lane.show((job.status, job.priority), self._show_priority)
        self._timeline.show(detail.timeline, self._show_timeline)

    def _show_timeline(self) -> None:
        with ui.element("ol").classes("rm-timeline"):
            for segment in self._detail.timeline:
                with ui.element("li").classes(f"rm-at-{segment.what}"):
                    Text("span", segment.what.replace("_", " "))
                    Text("span", in_seconds(segment.seconds), "rm-quiet rm-small")

    def _show_head(self) -> None:
        job = self._job
        with ui.element("div").classes("rm-row rm-wrap"):
            with ui.element("div").classes("rm-job-title"):
                ui.icon(type_icon(job.type)).props('aria-hidden="true"').classes("rm-quiet")
                Text("h1", job.name)
            status_badge(job.status)
        with ui.element("div").classes("rm-buttons"):
            for name, action in ACTIONS.items():
                if job.status in action.statuses:
                    button(action.label, partial(self._act, name), icon=action.icon)

    def _show_share(self) -> None:
        job = self._job
        share = percent(job, self._detail.progress)
        if share is not None and not job.over:
            progress = self._detail.progress
            with ui.element("div").classes("rm-row"):
                bar = 'role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"'
                with ui.element("span").classes("rm-bar").props(f'{bar} aria-valuenow="{share}"'):
                    ui.element("span").style(f"width: {share}%")
                Text("span", f"{share:.0f} %", "rm-percent")
            if progress is not None:
                facts = [progress.text]
                facts += [in_speed(progress.speed)] if progress.speed is not None else []
                facts += [f"{in_seconds(progress.eta_seconds)} left"] if progress.eta_seconds is not None else []
                Text("p", ", ".join(facts), "rm-quiet")
        if job.waiting_reason:
            Text("p", f"It waits: {job.waiting_reason}.").props('role="status"')
        if job.message and job.over and job.status != "completed":
            Text("p", job.message, "rm-wrong")

    def _show_facts(self) -> None:
        job = self._job
        with ui.element("dl").classes("rm-facts"):
            for name, value in (
                ("Type", job.type),
                ("Category", job.pool or "–"),
                ("Lane", job.lane or "–"),
                ("GPU memory", f"{job.vram_mb} MB" if job.vram_mb else "none"),
                ("Place", "–" if self._detail.queue_position is None else str(self._detail.queue_position)),
                ("Retries", f"{job.retries} of {job.max_retries}"),
                ("Created", _time(job.created)),
                ("Started", _time(job.started)),
                ("Completed", _time(job.ended) if job.over else "–"),
                ("Id", str(job.public_id)),
            ):
                Text("dt", name)
                Text("dd", value)

    def _show_priority(self) -> None:
        job = self._job
        if job.status in CHANGES[BulkAction.PRIORITISE]:
            words = [(str(number), f"{number} – {lane}") for number, lane in enumerate(LANES, 1)]
            choice_field("Priority", words, str(job.priority or ""), change=self._prioritise)

    def _read_outcome(self) -> Outcome:
        return read_outcome(self._view, self._id) if self._detail.job.over else Outcome()

    async def _changed(self, reading: Reading) -> None:
        changes = reading.changes
        changed = changes is not None and (
            not changes.complete
            or self._id in changes.removed
            or any(job.public_id == self._id for job in changes.jobs)
        )
        # Why it waits is the site's affair.
        if changed or (self._job.waits and reading.site is not None):
            await self._refresh()

    async def _refresh(self) -> None:
        try:
            detail = await asyncio.to_thread(self._view.services.dispatcher.reader.read, self._id)
        except ReelmillError as error:
            self._share.show(str(error), partial(error_state, str(error), self._refresh))
            return
        was_over, self._detail = self._job.over, detail
        self._show()
        if self._log_timer is not None and not detail.job.over:  # it may be retried
            self._log_timer.activate()
        if detail.job.over and not was_over:
            await self._result.refresh()

    async def _read_log(self) -> None:
        reader = self._view.services.dispatcher.reader
        try:
            if self._cursor is None:
                found: LogPage = await asyncio.to_thread(reader.log_tail, self._id, _LINES)
            else:
                found = await asyncio.to_thread(reader.log, self._id, self._cursor)
        except ReelmillError:  # it goes on from its cursor
            return
        self._cursor = found.cursor
        if found.lines and not self._log.is_deleted:
            self._lines += [f"{line.time:%H:%M:%S} {line.level:<7} {line.text}\n" for line in found.lines]
            self._log.set_text("".join(self._lines))
            self._view.client.run_javascript(_SCROLL.format(id=self._log.id))
        elif self._log_timer is not None and _long_over(self._job):
            self._log_timer.deactivate()

    async def _act(self, action: str) -> None:
        if await act_on_job(self._view, action, self._id):
            await self._refresh()

    async def _prioritise(self, priority: str) -> None:
        if await prioritise(self._view, self._id, int(priority)):
            await self._refresh()


def _id_in_address(text: str) -> uuid.UUID:
    """The id of a job in an address, which somebody may have typed."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise UnknownName(f"{text} is no id of a job.", text) from error


def is_id(name: str) -> bool:
    """Whether a video is named by its whole id, and not by its path or title (pure)."""
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _long_over(job: Job) -> bool:
    return job.over and job.ended is not None and datetime.now(UTC) - job.ended > _LATE


def _time(time: datetime | None) -> str:
    return "–" if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"
