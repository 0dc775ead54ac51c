"""A question that is asked before something is done."""

from __future__ import annotations

from nicegui import ui

from reelmill.pages.components.states import button
from reelmill.pages.components.text import Text, labelled


async def confirmed(question: str, *, yes: str, consequence: str = "", danger: bool = False) -> bool:
    """Ask somebody before something is done.

    Args:
        question: in a sentence.
        yes: the label of the button that does it.
        consequence: what will be so then.
        danger: what is done cannot be undone.

    Returns:
        Whether they want it; Escape, and leaving the dialogue, count as no.
    """
    # In the layout of the page, for a place that is shown anew takes what was opened in it along.
    with ui.context.client.layout, ui.dialog() as dialogue, ui.element("section").classes("rm-dialogue"):
        labelled(dialogue.props('role="alertdialog"'), question)
        Text("h2", question)
        if consequence:
            Text("p", consequence, "rm-quiet")
        with ui.element("div").classes("rm-buttons"):
            button("Leave it", lambda: dialogue.submit(False), kind="quiet")
            button(yes, lambda: dialogue.submit(True), kind="danger" if danger else "primary").props("autofocus")
    try:
        return bool(await dialogue)
    finally:
        if not dialogue.is_deleted:
            dialogue.delete()
