"""What stands where nothing is, where something is away, and while something is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from reelmill.pages.components.text import Text, prose


def empty_state(sentence: str, hint: str = "", *, icon: str = "inbox", action: tuple[str, str] | None = None) -> None:
    """Where a list has nothing: why, and what to do first.

    Args:
        sentence: what there is none of.
        hint: what to do first.
        icon: of Material Icons.
        action: the label of a link to where that is done, and its address.
    """
    with ui.element("div").classes("rm-state"):
        ui.icon(icon).classes("rm-state-icon").props('aria-hidden="true"')
        Text("p", sentence, "rm-state-sentence")
        if hint:
            Text("p", hint, "rm-quiet")
        if action is not None:
            ui.link(*action).classes("rm-button rm-primary")


def error_state(sentence: str, retry: Callable[[], Any] | None = None) -> None:
    """Where something could not be read: what is away, and a button that tries again.

    Args:
        sentence: what is away.
        retry: reads it again.
    """
    with ui.element("div").classes("rm-state rm-state-error").props('role="alert"'):
        ui.icon("cloud_off").classes("rm-state-icon").props('aria-hidden="true"')
        prose("p", sentence, "rm-state-sentence")
        if retry is not None:
            button("Try again", retry)


def loading_state() -> None:
    """While something is read for longer than a blink."""
    with ui.element("div").classes("rm-state").props('role="status"'):
        ui.element("div").classes("rm-spinner")
        Text("p", "Reading…", "rm-quiet")


def button(label: str, act: Callable[[], Any], *, kind: str = "", icon: str | None = None) -> ui.element:
    """A button of the browser's own, in the dress of the house.

    Args:
        label: what it does.
        act: is called when it is pressed; may be async.
        kind: ``primary``, ``danger``, ``quiet``, or nothing.
        icon: of Material Icons.

    Returns:
        The button.
    """
    made = ui.element("button").props('type="button"').classes(f"rm-button {f'rm-{kind}' if kind else ''}")
    made.on("click", act)
    with made:
        if icon is not None:
            ui.icon(icon).props('aria-hidden="true"')
        Text("span", label)
    return made
