"""Jobs: all of them, filtered and a page at a time, as they go on; beside them lanes, GPU memory and nodes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Final

from nicegui import background_tasks, ui

from reelmill.api.access.roles import Permission
from reelmill.dispatch import JobFilter
from reelmill.dispatch.tables.job_changes import Changes
from reelmill.dispatch.tables.job_values import JobRows
from reelmill.errors import ReelmillError
from reelmill.pages.address import Choice, address
from reelmill.pages.components.fields import choice_field, text_field
from reelmill.pages.components.jobs_table import JobsTable
from reelmill.pages.components.states import empty_state, error_state, loading_state
from reelmill.pages.components.text import Text
from reelmill.pages.job_actions import act_on_job
from reelmill.pages.registry import page
from reelmill.pages.site_panel import site_panel
from reelmill.pages.view import View
from reelmill.pages.watch import Reading
from reelmill.queue.job import JobStatus
from reelmill.wording import plural

#: Jobs on a page.
_SIZE: Final = 25


@page("/jobs", "Jobs", permission=Permission.MANAGE_JOBS, icon="work", place=10)
async def jobs(view: View) -> None:
    """Build the page."""
    await _JobsPage(view).build()


class _JobsPage:
    """The list in one browser, with what is chosen of it."""

    def __init__(self, view: View):
        self._view = view
        known = {str(status) for status in JobStatus}
        self._statuses = [status for status in view.choices("status") if status in known]
        self._type, self._pool, self._text = view.choice("type"), view.choice("resource"), view.choice("text")
        self._before = view.choice("before")
        self._failed: str | None = None
        self._lock = asyncio.Lock()

    async def build(self) -> None:
        """Build the page; its list follows where the database takes its time."""
        with ui.element("div").classes("rm-head"):
            Text("h1", "Jobs")
            if self._view.may(Permission.CREATE_JOBS):
                ui.link("Create job", "/jobs/new").classes("rm-button rm-primary")
        with ui.element("div").classes("rm-with-side"):
            with ui.element("div").classes("rm-stack"):
                self._filters = ui.element("div").classes("rm-stack")
                with ui.element("section").classes("rm-panel rm-panel-flush").props('aria-label="List of jobs"'):
                    self._state = ui.element("div")
                    self._table = JobsTable("Jobs", self._act)
                    with ui.element("div").classes("rm-between rm-foot rm-wrap") as self._foot:
                        self._total = Text("span", "", "rm-quiet").props('role="status"')
                        self._more = ui.element("nav").classes("rm-row").props('aria-label="More jobs"')
                self._table.set_visibility(False)
                with self._state:
                    loading_state()
            side = ui.element("aside").classes("rm-stack").props('aria-label="The site now"')
        with self._filters:
            self._build_filters()
        # The page is held back for its rows alone; what else is read by then comes with it, and the rest follows.
        background_tasks.create(site_panel(self._view), context=side)
        background_tasks.create(self._offer_types(), context=self._filters)
        await self._refresh()
        self._view.on_change(self._changed)

    def _build_filters(self) -> None:
        with ui.element("div").classes("rm-chips").props('role="group" aria-label="Status"'):
            for status in JobStatus:
                self._chip(status)
        with ui.element("div").classes("rm-filters"):
            text = text_field("Search", self._text, change=self._choose_text, at_once=True)
            text.input._props.update({"type": "search", "placeholder": "somewhere in its name"})
            text.place.classes("rm-grow")
            known = [("", "all"), *([(self._type, self._type)] if self._type else [])]
            self._types = choice_field("Type", known, self._type, change=self._choose_type)
            pools = [("", "all"), *((each, each) for each in ("cpu", "gpu_encode", "gpu_ai"))]
            choice_field("Resource", pools, self._pool, change=self._choose_pool)

    async def _offer_types(self) -> None:
        try:
            types = await asyncio.to_thread(self._view.services.dispatcher.intake.job_types)
        except ReelmillError:  # without the Prefect server there is a list of jobs all the same
            return
        with self._types.input:
            for job_type in types:
                if job_type != self._type:
                    Text("option", job_type)._props["value"] = job_type

    def _chip(self, status: JobStatus) -> None:
        async def choose() -> None:
            chosen = self._statuses
            self._statuses = [each for each in chosen if each != status] if status in chosen else [*chosen, status]
            chip.props(f'aria-pressed="{"true" if status in self._statuses else "false"}"')
            await self._chosen()

        chip = Text("button", status, "rm-chip").props(
            f'type="button" aria-pressed="{"true" if status in self._statuses else "false"}"'
        )
        chip.on("click", choose)

    async def _choose_text(self, text: str) -> None:
        self._text = text.strip()
        await self._chosen()

    async def _choose_type(self, job_type: str) -> None:
        self._type = job_type
        await self._chosen()

    async def _choose_pool(self, pool: str) -> None:
        self._pool = pool
        await self._chosen()

    async def _chosen(self) -> None:
        self._before = ""
        self._view.set_address(self._choices())
        await self._refresh()

    def _choices(self) -> Mapping[str, Choice]:
        return {
            "status": self._statuses,
            "type": self._type,
            "resource": self._pool,
            "text": self._text,
            "before": self._before,
        }

    def _filter(self) -> JobFilter:
        return JobFilter(
            statuses=tuple(JobStatus(each) for each in self._statuses),
            types=(self._type,) if self._type else (),
            pool=self._pool or None,
            text=self._text or None,
        )

    async def _changed(self, reading: Reading) -> None:
        if reading.away is not None:
            self._show_away(reading.away)
        elif reading.changes is not None and not self._patched(reading.changes):
            await self._refresh()
        elif reading.site is not None and self._table.explains and self._failed is None:  # why jobs wait is its affair
            await self._refresh(count=False)

    def _patched(self, changes: Changes) -> bool:
        """Whether the rows that are shown have taken all that has changed."""
        whole = self._failed is None and changes.complete and not changes.removed
        return whole and self._table.patch(changes.jobs, changes.progress)

    async def _refresh(self, *, count: bool = True) -> None:
        reader = self._view.services.dispatcher.reader
        async with self._lock:
            chosen = self._choices()
            try:
                found, progress = await asyncio.to_thread(
                    lambda: (
                        rows := reader.rows(self._filter(), _SIZE, self._before or None),
                        reader.progress([job.id for job in rows.jobs]),
                    )
                )
            except ReelmillError as error:
                self._show_away(str(error))
                return
            if chosen != self._choices():  # somebody has chosen anew meanwhile, who refreshes it, too
                return
            self._failed = None
            self._table.show(found.jobs, progress)
            self._table.set_visibility(bool(found.jobs))
            self._show_state(found)
            self._show_foot(found)
        if count:
            background_tasks.create(self._count(), context=self._foot)

    async def _count(self) -> None:
        """Count the jobs, after they are shown: of 100,000 that takes longer than reading a page of them."""
        chosen = self._choices()
        try:
            total = await asyncio.to_thread(self._view.services.dispatcher.reader.total, self._filter())
        except ReelmillError:  # the next reading shows what is away
            return
        if chosen == self._choices():
            self._total.set_text(plural(total, "job"))

    def _show_state(self, found: JobRows) -> None:
        self._state.clear()
        if found.jobs:
            return
        with self._state:
            if any(self._choices().values()):
                empty_state("No job is like that.", "Choose fewer things.", icon="filter_alt_off")
            else:
                empty_state(
                    "There are no jobs yet.", "A first one: scan the library.", action=("Create job", "/jobs/new")
                )

    def _show_away(self, sentence: str) -> None:
        if self._failed == sentence:
            return
        self._failed = sentence
        self._state.clear()
        with self._state:
            error_state(sentence, self._refresh)

    def _show_foot(self, found: JobRows) -> None:
        self._more.clear()
        with self._more:
            if self._before:
                ui.link("Newest", address("/jobs", {**self._choices(), "before": ""})).classes("rm-button")
            if found.next is not None:
                older = address("/jobs", {**self._choices(), "before": found.next})
                ui.link("Older", older).classes("rm-button")

    async def _act(self, action: str, job_id: uuid.UUID) -> None:
        if await act_on_job(self._view, action, job_id):
            await self._refresh()
