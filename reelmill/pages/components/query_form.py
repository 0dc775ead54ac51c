"""A form that is the query string of its page: what is chosen is in the address, and needs no socket to get there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from nicegui import ui

from reelmill.pages.components.text import Text

#: Fields with nothing in them stay out of the address.
_LEAVE_OUT_EMPTY: Final = """(event) => {
  for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
}"""
_SUBMIT: Final = "(event) => event.target.form.requestSubmit()"


@contextmanager
def query_form(path: str, label: str) -> Iterator[None]:
    """A form; fields that are built within belong to it.

    Args:
        path: of the page.
        label: for a screen reader.

    Yields:
        Nothing.
    """
    made = ui.element("form").props(f'method="get" action="{path}" role="search" aria-label="{label}"')
    made.classes("rm-query").on("submit", js_handler=_LEAVE_OUT_EMPTY)
    with made:
        yield


def query_text(
    name: str, label: str, value: str, *, hint: str = "", attributes: Mapping[str, Any] | None = None
) -> None:
    """A line of text.

    Args:
        name: in the query string.
        label: of the field.
        value: that is chosen.
        hint: an example of what belongs there.
        attributes: more of the input.
    """
    with ui.element("div").classes(f"rm-query-field rm-query-{name}"):
        Text("label", label).props(f'for="query-{name}"')
        made = ui.element("input").props(f'id="query-{name}" name="{name}" autocomplete="off"')
        # Bound as its value, it would be put back whenever anything of the page changes, while somebody types.
        made._props.update({"type": "search", "defaultValue": value, "placeholder": hint, **(attributes or {})})


def query_choice(name: str, label: str, options: Iterable[tuple[str, str]], value: str) -> None:
    """One of several; the page comes anew as another is chosen.

    Args:
        name: in the query string.
        label: of the field.
        options: the value and the words of each.
        value: that is chosen.
    """
    with ui.element("div").classes("rm-query-field"):
        Text("label", label).props(f'for="query-{name}"')
        with ui.element("select").props(f'id="query-{name}" name="{name}"').on("change", js_handler=_SUBMIT):
            for each, words in options:
                Text("option", words)._props.update({"value": each, **({"selected": True} if each == value else {})})
