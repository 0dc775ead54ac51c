"""What people have done with one video: asked first, handed in as whoever looks; then the page of the job opens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from nicegui import background_tasks, ui

from reelmill.api.access.roles import Permission
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.browsing import directory_types
from reelmill.dispatch import Actor
from reelmill.errors import ReelmillError
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import web_encoding
from reelmill.operations.web_copies.plan import PlanOptions, plan_library
from reelmill.operations.web_copies.video_plan import VideoPlan
from reelmill.pages.components.dialogue import confirmed, dialogue
from reelmill.pages.components.states import button
from reelmill.pages.components.text import Text
from reelmill.pages.view import View
from reelmill.report import NullReport
from reelmill.storage.media_root import OUTPUT_TYPES
from reelmill.wording import in_bytes, in_saving, in_seconds

#: The most that a copy's video track may take where nobody wants it otherwise, in kbit/s: as the job has it.
_TARGET_BITRATE: Final = 2000

#: Seconds of encoding for the samples that a plan predicts from, while somebody waits for it.
_BUDGET: Final = 4.0

#: A plan encodes, and this process serves others meanwhile: one at a time, in no thread that the pages read with.
_planner: Final = ThreadPoolExecutor(1, thread_name_prefix="plan")


@dataclass(frozen=True)
class VideoAction:
    """A job type that takes one video, as people ask for it."""

    label: str
    job_type: str
    icon: str  # of Material Icons
    consequence: str  # what will be so


REENCODE: Final = VideoAction("Re-encode for Streaming", "reencode", "movie", "A copy in playback/ for every browser.")
MOVE: Final = VideoAction(
    "Move to Directory", "move_to_library", "drive_file_move", "Its id, and what was made of it, stay."
)

ACTIONS: Final[tuple[VideoAction, ...]] = (
    REENCODE,
    VideoAction("Generate Thumbnail", "thumbnail_generate", "image", "A frame of it becomes its thumbnail."),
    VideoAction(
        "Validate Metadata", "validate", "fact_check", "It is probed and decoded anew; the file stays as it is."
    ),
    MOVE,
    VideoAction("Digest", "digest", "summarize", "Its best segments, one minute in all, go into digests/."),
    VideoAction("Clips", "clip_generate", "content_cut", "Its five best moments go into clips/, a file each."),
    VideoAction(
        "Highlights", "highlight_generate", "auto_awesome", "A film of its best moments goes into highlights/."
    ),
    VideoAction("GIF", "compile_gif", "gif_box", "Its first five seconds go into gifs/."),
)


def actions_menu(view: View, video: Video) -> None:
    """A button that opens the actions; Escape closes them."""
    with ui.element("details").classes("rm-menu") as menu:
        menu.on("keydown.escape", js_handler=_CLOSE)
        with ui.element("summary").classes("rm-button rm-primary"):
            Text("span", "Actions")
            ui.icon("expand_more").props('aria-hidden="true"')
        with ui.element("div").classes("rm-menu-entries"):
            for action in ACTIONS:
                button(action.label, _asked(view, video, action, menu), kind="quiet", icon=action.icon)


_CLOSE: Final = """(event) => {
  const menu = event.target.closest('details');
  menu.open = false;
  menu.querySelector('summary').focus();
}"""


def _asked(view: View, video: Video, action: VideoAction, menu: ui.element) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        view.client.run_javascript(f"({_CLOSE})({{target: getHtmlElement({menu.id})}})")
        parameters = await _parameters(view, video, action)
        if parameters is not None:
            await hand_in(view, action, {"video_id": str(video.id), **parameters})

    return ask


async def _parameters(view: View, video: Video, action: VideoAction) -> Mapping[str, Any] | None:
    """What a person wants of a job; None: they leave it."""
    if action is MOVE:
        folder = await _folder(video)
        return None if folder is None else {"directory_type": folder}
    if action is REENCODE:
        return {} if await _plan_accepted(view, video) else None
    question = f"{action.label}: {video.title}?"
    return {} if await confirmed(question, yes=action.label, consequence=action.consequence) else None


async def hand_in(view: View, action: VideoAction, parameters: Mapping[str, Any]) -> None:
    """Hand a job in, and open its page.

    Args:
        view: of the page that asks for it.
        action: what is done.
        parameters: of the job.
    """
    jobs = view.services.dispatcher.jobs

    def submit(by: Actor) -> str:
        return f"/jobs/{jobs.submit(action.job_type, parameters, by).public_id}"

    await view.act_and_leave(Permission.CREATE_JOBS, f"{action.label} is handed in.", submit)


async def _folder(video: Video) -> str | None:
    """Ask where a video goes."""
    folders = [folder for folder in await asyncio.to_thread(_folders) if folder != video.directory_type]
    chosen = {"folder": ""}
    with dialogue("Move to Directory") as asked:
        Text("h2", "Move to Directory")
        Text("p", f"{video.path} goes into the folder of the directory type. {MOVE.consequence}", "rm-quiet")

        def move() -> None:
            if chosen["folder"].strip():
                asked.submit(chosen["folder"].strip())

        entry = _folder_entry(folders)
        entry.on("input", lambda event: chosen.update(folder=str(event.args)), js_handler=_VALUE)
        entry.on("keydown.enter", move)
        with ui.element("div").classes("rm-buttons"):
            button("Leave it", lambda: asked.submit(None), kind="quiet")
            button("Move", move, kind="primary")
    found = await asked
    return found if isinstance(found, str) else None


def _folder_entry(folders: Iterable[str]) -> ui.element:
    with ui.element("div").classes("rm-query-field"):
        Text("label", "Directory type").props('for="move-to"')
        entry = ui.element("input").props('id="move-to" list="move-to-known" autocomplete="off" autofocus')
        with ui.element("datalist").props('id="move-to-known"'):
            for folder in folders:
                Text("option", folder).props["value"] = folder
    return entry


_VALUE: Final = "(event) => emit(event.target.value)"


def _folders() -> list[str]:
    """Where videos may go, as far as some are there."""
    with session() as opened:
        found = directory_types(opened)
    return sorted({"inbox", "public", *found} - set(OUTPUT_TYPES))


async def _plan_accepted(view: View, video: Video) -> bool:
    """Show what a re-encode would do, why, and what it predicts, and ask whether it shall."""
    with dialogue("Re-encode for Streaming", wide=True) as asked:
        Text("h2", f"Re-encode for Streaming: {video.title}")
        with ui.element("div").classes("rm-plan").props('role="status"') as place, ui.element("div").classes("rm-row"):
            ui.element("div").classes("rm-spinner")
            Text("p", "Encoding short samples to predict from…", "rm-quiet")
        with ui.element("div").classes("rm-buttons"):
            button("Leave it", lambda: asked.submit(False), kind="quiet")
            button("Re-encode", lambda: asked.submit(True), kind="primary").props("autofocus")

    async def fill() -> None:
        try:
            await asyncio.to_thread(view.viewer.check, Permission.CREATE_JOBS)
            found: VideoPlan | str = await asyncio.get_running_loop().run_in_executor(_planner, plan_copy, video)
        except ReelmillError as error:
            found = str(error)
        if place.is_deleted:
            return
        place.clear()
        with place:
            if isinstance(found, str):
                Text("p", f"No plan could be made: {found}", "rm-wrong")
            else:
                _show_plan(found)

    filling = background_tasks.create(fill())
    try:
        return bool(await asked)
    finally:
        filling.cancel()  # a plan that waits for another is not made for nobody


def plan_copy(video: Video) -> VideoPlan:
    """What a re-encode would do with a video; software encodes the samples, for no job has admitted this to a GPU.

    Args:
        video: its record.

    Returns:
        The plan, predicted from samples of a few seconds.

    Raises:
        MendedFirst: it takes mending first, for which nobody waits here.
        ReelmillError: it cannot be made.
    """
    transcoder = Transcoder()
    encoding = web_encoding(transcoder, target_bitrate=_TARGET_BITRATE, encoder="x264")
    bench = Workbench(transcoder=transcoder, report=NullReport())
    options = PlanOptions(transcoder, encoding, budget=_BUDGET, mend=False)
    (plan,) = plan_library(bench, [str(video.id)], options).videos
    return plan


_WHAT: Final = {
    "encode": "A copy is encoded.",
    "remux": "Its streams go into an mp4 as they are.",
    "skip": "Nothing is done.",
    "cannot": "It cannot be re-encoded.",
}


def _show_plan(plan: VideoPlan) -> None:
    Text("p", _WHAT[plan.action], "rm-plan-what")
    with ui.element("dl").classes("rm-facts"):
        for name, value in _plan_facts(plan):
            Text("dt", name)
            Text("dd", value)


def _plan_facts(plan: VideoPlan) -> Iterable[tuple[str, str]]:
    """A plan, fact by fact (pure)."""
    yield "Why", "; ".join(plan.reasons)
    if plan.action not in ("encode", "remux"):
        return
    yield "Size now", in_bytes(plan.size)
    if plan.after is not None:
        size = plan.after
        between = f" ({in_bytes(round(size.least))} to {in_bytes(round(size.most))})" if size.least != size.most else ""
        yield "Size then", f"{in_bytes(round(size.likely))}{between}"
    if plan.saving is not None:
        yield "Saves", in_saving(plan.size, round(plan.size - plan.saving.likely))
    if plan.prediction is not None:
        yield "Takes", f"about {in_seconds(plan.prediction.seconds.likely)} here, in software"
    if plan.left_out:
        yield "Leaves out", "; ".join(plan.left_out)
    if plan.changed:
        yield "Changes", "; ".join(plan.changed)
