"""Duplicates: videos that show the same, side by side, so that somebody can decide; nothing is deleted from here."""

from __future__ import annotations

from functools import partial
from typing import Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.catalogue.models import Video
from reelmill.pages import theme
from reelmill.pages.address import address
from reelmill.pages.components.states import button, empty_state
from reelmill.pages.components.text import Text, labelled
from reelmill.pages.components.video_entry import video_entry
from reelmill.pages.duplicate_sets import REPORT, DuplicateSet, DuplicatesPage, Member, read_alike, read_exact
from reelmill.pages.duplicate_sets import SETS as SHOWN
from reelmill.pages.library_query import DUPLICATES, LIBRARY
from reelmill.pages.registry import page
from reelmill.pages.video_actions import VideoAction, hand_in
from reelmill.pages.view import View
from reelmill.pages.views.video import facts
from reelmill.pages.watch import Reading
from reelmill.wording import clock, plural

#: What two files may hold alike: the same bytes, or what looks the same.
_EXACT: Final = "exact"
_KINDS: Final = (("", "Look alike"), (_EXACT, "Exact copies"))

_RUN: Final = VideoAction("The duplicates report", REPORT, "difference", "")

#: Facts that tell two of the same apart.
_FACTS: Final = ("Frame", "Size", "Duration", "Bit rate", "Video")


@page(DUPLICATES, "Duplicates", permission=Permission.READ_VIDEOS, section=LIBRARY)
async def duplicates(view: View) -> None:
    """Build the page."""
    ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
    kind, number = view.choice("kind"), view.choice("page")
    exact, at = kind == _EXACT, max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1
    with ui.element("nav").props('aria-label="Where this is"'):
        ui.link("Library", LIBRARY)
    with ui.element("div").classes("rm-head"):
        Text("h1", "Duplicates")
        _kinds(exact)
    Text("p", "Nothing is deleted or changed from here: what to do about a duplicate is yours to decide.", "rm-quiet")
    section = await view.section(
        (lambda: read_exact(at)) if exact else (lambda: read_alike(view.services.dispatcher, at)),
        partial(_show, view, exact, at),
    )

    async def changed(reading: Reading) -> None:
        changes = reading.changes
        if changes is not None and (not changes.complete or any(job.type == REPORT for job in changes.jobs)):
            await section.refresh()

    if not exact:
        view.on_change(changed)


def _kinds(exact: bool) -> None:
    with ui.element("nav").classes("rm-chips").props('aria-label="Which duplicates"'):
        for value, words in _KINDS:
            link = ui.link(words, address(DUPLICATES, {"kind": value})).classes("rm-chip")
            if (value == _EXACT) == exact:
                link.props('aria-current="page"')


def _show(view: View, exact: bool, at: int, found: DuplicatesPage) -> None:
    if not exact:
        _show_report(view, found)
    if not found.total:
        _show_nothing(exact, found)
        return
    Text("p", plural(found.total, "set"), "rm-quiet").props('role="status"')
    for number, each in enumerate(found.sets, (at - 1) * SHOWN + 1):
        _show_set(number, each)
    if not found.sets:
        Text("p", "What the report found here is there no more.", "rm-quiet")
    kind = _EXACT if exact else ""
    with ui.element("nav").classes("rm-buttons").props('aria-label="Pages of sets"'):
        if at > 1:
            ui.link("Previous page", address(DUPLICATES, {"kind": kind, "page": at - 1})).classes("rm-button")
        if at * SHOWN < found.total:
            ui.link("Next page", address(DUPLICATES, {"kind": kind, "page": at + 1})).classes("rm-button")


def _show_report(view: View, found: DuplicatesPage) -> None:
    """Of which report this is, and the way to a new one."""
    steers = view.may(Permission.MANAGE_JOBS)
    with ui.element("div").classes("rm-between rm-wrap"):
        report = found.report
        if report is None:
            Text("p", "These come from the job duplicates_report, which looks at one frame of each second.", "rm-quiet")
        else:
            words = "the report" if report.ended is None else f"the report of {report.ended:%Y-%m-%d %H:%M} UTC"
            with ui.element("p").classes("rm-quiet"):
                Text("span", f"Of {report.over or 'the library'}, from ")
                if steers:
                    ui.link(words, f"/jobs/{report.job_id}")
                else:
                    Text("span", words)
        if found.under_way is not None:
            with ui.element("p").props('role="status"'):
                Text("span", "A new report is under way. ")
                if steers:
                    ui.link("Its job", f"/jobs/{found.under_way}")
        elif view.may(Permission.CREATE_JOBS):
            again = "Run the report again" if report is not None else "Run the report"
            kind = "" if report is not None else "primary"
            button(again, partial(hand_in, view, _RUN, {}), icon="difference", kind=kind)


def _show_nothing(exact: bool, found: DuplicatesPage) -> None:
    with ui.element("section").classes("rm-panel"):
        if exact:
            empty_state("No two files hold the same.", "What jobs have made is not compared.", icon="done_all")
        elif found.report is not None:
            empty_state("The report found nothing that looks alike.", "New videos need a new report.", icon="done_all")
        elif found.under_way is None:
            exactly = ("Exact copies", address(DUPLICATES, {"kind": _EXACT}))
            hint = "The report hashes each video once, and changes nothing. Exact copies are known without it."
            empty_state("No report was made yet.", hint, icon="difference", action=exactly)
        else:
            empty_state("The first report is under way.", "What it finds is shown here.", icon="hourglass_top")


def _show_set(number: int, found: DuplicateSet) -> None:
    count = plural(len(found.members) + found.more, "video")
    with labelled(ui.element("section").classes("rm-panel"), f"Set {number}"):
        with ui.element("div").classes("rm-between rm-wrap"):
            Text("h2", f"Set {number}")
            Text("span", f"{count}{f', {found.more} not shown' if found.more else ''}", "rm-quiet rm-small")
        with ui.element("ul").classes("rm-grid rm-duplicates"):
            for at, member in enumerate(found.members):
                with ui.element("li"):
                    _show_member(member, None if at == 0 else found.members[0].video, found.first)


def _show_member(member: Member, best: Video | None, first: str) -> None:
    """A video of a set.

    Args:
        member: the video.
        best: the first of the set; None: this is it.
        first: what that one is before the others.
    """
    video = member.video
    video_entry(video)
    Text("p", video.path, "rm-quiet rm-small rm-path")
    with ui.element("ul").classes("rm-tags"):
        for words in [first] if best is None else marks(member, best):
            Text("li", words, "rm-tag")
    known = dict(facts(video))
    with ui.element("dl").classes("rm-facts rm-facts-grid"):
        for name in _FACTS:
            Text("dt", name)
            Text("dd", known.get(name, "–"))
        Text("dt", "Tags")
        Text("dd", ", ".join(member.tags) or "none")
    if best is not None:
        begins = f"{member.offset:g}" if member.offset else ""
        there = address(f"{LIBRARY}/{video.id}/compare", {"with": str(best.id), "at": begins})
        labelled(ui.link("Compare", there).classes("rm-button"), f"Compare {video.path} with {best.path}")


def marks(member: Member, best: Video) -> list[str]:
    """What a video of a set is to the first of it, in words (pure)."""
    if member.exact and member.video.content_id == best.content_id:
        return ["exact copy"]
    found = ["exact copy of another"] if member.exact else []
    if member.offset:
        found.append(f"a clip, from {clock(member.offset)} on")
    if member.likeness is not None:
        found.append(f"{member.likeness:.0%} alike".replace("%", " %"))
    return found
