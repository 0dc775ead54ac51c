"""A question that is asked before something is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nicegui import ui

from reelmill.pages.components.states import button
from reelmill.pages.components.text import Text, labelled

#: From the last thing that takes the focus Tab leads to the first, and back: the page behind is out of reach meanwhile.
_TAB: Final = """(event) => {
  const stops = [...event.currentTarget.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")]
    .filter((each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility());
  if (!stops.length) return event.preventDefault();
  const [first, last] = [stops[0], stops.at(-1)];
  const now = document.activeElement;
  const leaves = !stops.includes(now) || now === (event.shiftKey ? first : last);
  if (!leaves) return;
  event.preventDefault();
  (event.shiftKey ? last : first).focus();
}"""


@contextmanager
def dialogue(label: str, *, role: str = "dialog", wide: bool = False) -> Iterator[ui.dialog]:
    """Build a dialogue, which keeps the focus until it is closed; then what opened it has it again.

    Args:
        label: what it is about, for a screen reader.
        role: ``alertdialog`` where it asks something and nothing else.
        wide: it has more than a question.

    Yields:
        The dialogue; what is built within stands in it. Await it for the answer, which is nothing after Escape.
    """
    # In the layout of the page, for a place that is shown anew takes what was opened in it along.
    with ui.context.client.layout, ui.dialog() as made, ui.element("section").classes("rm-dialogue") as content:
        if wide:
            content.classes("rm-dialogue-wide")
        labelled(made.props(f'role="{role}"'), label)
        made.on("keydown.tab", js_handler=_TAB)
        # Not before: it is the browser that gives the focus back, while it hides what had it.
        made.on("hide", made.delete)
        yield made


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
    with dialogue(question, role="alertdialog") as asked:
        Text("h2", question)
        if consequence:
            Text("p", consequence, "rm-quiet")
        with ui.element("div").classes("rm-buttons"):
            button("Leave it", lambda: asked.submit(False), kind="quiet")
            button(yes, lambda: asked.submit(True), kind="danger" if danger else "primary").props("autofocus")
    return bool(await asked)
