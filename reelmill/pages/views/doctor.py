"""The doctor: what is wrong with the site and its library, and what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.doctor.examination import Scope, examine
from reelmill.doctor.findings import Finding, Severity
from reelmill.errors import PlatformError
from reelmill.pages.components.states import button
from reelmill.pages.components.text import Text, labelled, prose
from reelmill.pages.components.toast import toast
from reelmill.pages.registry import page
from reelmill.pages.view import View
from reelmill.wording import plural

_ICONS: Final[Mapping[Severity, tuple[str, str]]] = {
    Severity.FAULT: ("error", "failed"),
    Severity.WARNING: ("warning", "running"),
}

#: Names of a finding that are listed.
_NAMES: Final = 10


@page("/doctor", "Doctor", permission=Permission.MANAGE_JOBS, icon="medical_services", place=40)
async def doctor(view: View) -> None:
    """Build the page."""
    with ui.element("div").classes("rm-head"):
        Text("h1", "Doctor")
        button("Examine again", lambda: again(), icon="refresh")
    Text("p", "The same as reelmill doctor on the command line: it looks, and changes nothing.", "rm-quiet")
    section = await view.section(lambda: _examine(view), _show)

    async def again() -> None:
        await section.refresh()
        toast("Examined again.")


def _examine(view: View) -> Sequence[Finding]:
    try:
        pools = [pool.name for pool in view.services.dispatcher.snapshot.now().pools]
    except PlatformError:  # a finding of the doctor's own, beside those of the rest
        pools = []
    return examine(view.services.settings, Scope(pools=pools))


def _show(findings: Sequence[Finding]) -> None:
    wrong = [found for found in findings if found.severity is not Severity.OK]
    summary = f"{plural(len(wrong), 'finding')} to look at." if wrong else "All is well."
    Text("p", summary).props('role="status"').classes("rm-state-sentence")
    for found in sorted(wrong, key=lambda each: [*_ICONS].index(each.severity)):
        _show_finding(found)
    well = [found for found in findings if found.severity is Severity.OK]
    if well:
        with labelled(ui.element("section").classes("rm-panel"), "What is well"):
            Text("h2", "What is well")
            with ui.element("ul").classes("rm-list"):
                for found in well:
                    _show_well(found)


def _show_well(found: Finding) -> None:
    with ui.element("li").classes("rm-between"):
        with ui.element("span").classes("rm-row"):
            ui.icon("check_circle").props('aria-hidden="true"').classes("rm-well")
            prose("span", found.sentence, "rm-anywhere")
        Text("span", found.check.replace("_", " "), "rm-quiet rm-small rm-check-name")


def _show_finding(found: Finding) -> None:
    icon, colour = _ICONS[found.severity]
    with labelled(ui.element("section").classes("rm-panel"), found.check):
        with ui.element("div").classes("rm-between rm-wrap"):
            with ui.element("span").classes(f"rm-badge rm-{colour}"):
                ui.icon(icon).props('aria-hidden="true"')
                Text("span", found.severity)
            Text("span", found.check.replace("_", " "), "rm-quiet rm-small")
        prose("p", found.sentence)
        if found.remedy is not None:
            prose("p", f"What helps: {found.remedy}", "rm-quiet")
        if any(name not in found.sentence for name in found.names):
            more = f" and {len(found.names) - _NAMES} more" if len(found.names) > _NAMES else ""
            Text("p", ", ".join(found.names[:_NAMES]) + more, "rm-mono rm-quiet")
