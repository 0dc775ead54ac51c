"""Batches from the library: what one would do is counted before it starts, and then how it comes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.catalogue.models import BatchState
from reelmill.dispatch import Actor, BatchStatus
from reelmill.dispatch.services.batches import BatchPreview
from reelmill.errors import ReelmillError
from reelmill.pages import theme
from reelmill.pages.components.dialogue import confirmed
from reelmill.pages.components.query_form import query_choice, query_form, query_text
from reelmill.pages.components.states import button
from reelmill.pages.components.text import Text, prose
from reelmill.pages.library_query import BATCH, LIBRARY
from reelmill.pages.registry import page
from reelmill.pages.video_actions import ACTIONS, MOVE
from reelmill.pages.view import View
from reelmill.pages.watch import Reading
from reelmill.queue.job import JobStatus
from reelmill.wording import in_seconds

_BATCHES: Final = f"{LIBRARY}/batches"

#: What chooses every video that a job can read.
_ALL: Final = "not missing and not invalid"

_TYPES: Final = (
    *((action.job_type, action.label) for action in ACTIONS if action is not MOVE),
    ("scene_extract", "Scenes"),
    ("tag_generation", "Tags"),
)


@dataclass(frozen=True)
class BatchCount:
    """What a batch would do, or why there can be none."""

    preview: BatchPreview | None
    wrong: str = ""


@page(BATCH, "Batch", permission=Permission.MANAGE_JOBS, section=LIBRARY)
async def new_batch(view: View) -> None:
    """Build the page."""
    ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
    where, job_type = view.choice("where").strip() or _ALL, view.choice("type")
    with ui.element("nav").props('aria-label="Where this is"'):
        ui.link("Library", LIBRARY)
    Text("h1", "Batch")
    with query_form(BATCH, "Batch"):
        query_choice("type", "What is done with each video", [("", "Choose"), *_TYPES], job_type)
        query_text("where", "Of the videos", where)
        with ui.element("div").classes("rm-query-end"), ui.element("button").props('type="submit"') as made:
            made.classes("rm-button")
            Text("span", "Count")
    if job_type:
        await view.section(partial(_count, view, job_type, where), partial(_show_count, view, job_type, where))
    else:
        Text("p", "Choose what is done, and see the counts before anything starts.", "rm-quiet")


def _count(view: View, job_type: str, where: str) -> BatchCount:
    try:
        return BatchCount(view.services.dispatcher.batches.preview(job_type, where, {}, {}))
    except ReelmillError as error:
        return BatchCount(None, str(error))


def _show_count(view: View, job_type: str, where: str, counted: BatchCount) -> None:
    preview = counted.preview
    if preview is None:
        prose("p", counted.wrong, "rm-notice").props('role="alert"')
        return
    with ui.element("section").classes("rm-panel").props('aria-label="What it would do"'):
        Text("p", f"{preview.matched:,} {'video' if preview.matched == 1 else 'videos'}", "rm-count").props(
            'role="status"'
        )
        if preview.already:
            Text("p", f"Have what it makes already: {preview.already:,}. Their jobs find it made.", "rm-quiet")
        Text("p", f"Chosen by: {preview.filter}", "rm-quiet rm-path")
        if preview.examples:
            with ui.element("ul").classes("rm-examples"):
                for path in preview.examples:
                    Text("li", path)
        with ui.element("div").classes("rm-buttons"):
            if preview.matched:
                button("Start the batch", partial(_start, view, job_type, where), kind="primary", icon="playlist_play")


async def _start(view: View, job_type: str, where: str) -> None:
    def submit(by: Actor) -> str:
        return f"{_BATCHES}/{view.services.dispatcher.batches.submit(job_type, where, {}, {}, by).id}"

    await view.act_and_leave(Permission.MANAGE_JOBS, "The batch is started.", submit, replace=True)


@page(f"{_BATCHES}/{{batch_id}}", "Batch", permission=Permission.MANAGE_JOBS, section=LIBRARY)
async def batch(view: View, batch_id: str) -> None:
    """Build the page of a batch."""
    ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
    with ui.element("nav").props('aria-label="Where this is"'):
        ui.link("Library", LIBRARY)
    Text("h1", f"Batch {batch_id}")
    batches = view.services.dispatcher.batches

    async def refresh(_reading: Reading | None = None) -> None:
        await section.refresh()

    def act(name: str, done: str, question: str = "") -> Callable[[], object]:
        async def acted() -> None:
            if question and not await confirmed(question, yes=name.capitalize(), danger=True):
                return
            await view.act(Permission.MANAGE_JOBS, done, lambda by: getattr(batches, name)(batch_id, by))
            await refresh()

        return acted

    def show(status: BatchStatus) -> None:
        _show_status(status)
        with ui.element("div").classes("rm-buttons"):
            if status.batch.state == BatchState.RUNNING:
                button("Pause", act("pause", "The batch is paused."), icon="pause")
            if status.batch.state == BatchState.PAUSED:
                button("Resume", act("resume", "The batch goes on."), icon="play_arrow", kind="primary")
            if status.batch.state in (BatchState.RUNNING, BatchState.PAUSED):
                stop = act("cancel", "The batch is cancelled.", "Cancel this batch and all of its jobs?")
                button("Cancel", stop, icon="cancel")

    section = await view.section(lambda: batches.status(batch_id), show)
    view.on_change(refresh)


def _show_status(status: BatchStatus) -> None:
    made, over = status.batch, ended(status)
    with ui.element("section").classes("rm-panel").props('aria-label="Progress"'):
        with ui.element("div").classes("rm-between rm-wrap"):
            Text("h2", f"{made.job_type} for {made.matched:,} {'video' if made.matched == 1 else 'videos'}")
            Text("span", made.state, "rm-quiet").props('role="status"')
        share = over / made.matched if made.matched else 1.0
        bar = ui.element("div").classes("rm-bar rm-full" if share >= 1 else "rm-bar")
        bar.props('role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"')
        bar.props["aria-valuenow"] = round(100 * share)
        with bar:
            ui.element("span").style(f"width: {min(1.0, share):.1%}")
        left = "" if status.seconds_left is None else f", about {in_seconds(status.seconds_left)} left"
        Text("p", f"{over:,} of {made.matched:,} done{left}.")
        if made.reason:
            Text("p", made.reason, "rm-quiet")
        with ui.element("dl").classes("rm-facts rm-facts-grid"):
            counts = [(f"{name}", count) for name, count in status.jobs.items() if count]
            more = (("same work under way", made.folded), ("refused", made.refused), ("to come", status.to_come))
            for name, count in [*counts, *((name, count) for name, count in more if count)]:
                Text("dt", name)
                Text("dd", f"{count:,}")
        for refusal in made.refusals:
            Text("p", ": ".join(refusal.values()), "rm-wrong rm-path")
        Text("p", f"Chosen by: {made.filter}", "rm-quiet rm-path")


def ended(status: BatchStatus) -> int:
    """How many videos of a batch nothing more is done for (pure)."""
    over = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
    return sum(status.jobs.get(each, 0) for each in over) + status.batch.folded + status.batch.refused
