"""Fields of forms: the browser's own, each with its label, its hint and the place of its error."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from reelmill.pages.components.text import Text

_ids: Final = itertools.count()


class Field:
    """A label, what is filled in, and what is wrong with it.

    Args:
        label: of the field.
        hint: what belongs there.
        tag: ``input``, ``select`` or ``textarea``.
        change: is called with each new value.
    """

    def __init__(self, label: str, *, hint: str = "", tag: str = "input", change: Callable[[Any], Any] | None = None):
        self.value: Any = None
        self._change = change
        self.note = ""
        self._note: Text | None = None
        self._name = name = f"field-{next(_ids)}"
        with ui.element("div").classes("rm-field") as self.place:
            Text("label", label).props(f'for="{name}"')
            self.input: Element = ui.element(tag).props(f'id="{name}"')
            if hint:
                Text("p", hint, "rm-quiet rm-small").props(f'id="{name}-hint"')
            self._wrong = Text("p", "", "rm-wrong rm-small").props(f'id="{name}-wrong" role="alert"')
        self._wrong.set_visibility(False)
        self.input.props(f'aria-describedby="{name}-hint {name}-wrong"' if hint else f'aria-describedby="{name}-wrong"')

    def listen(self, event: str, value: str = "e.target.value") -> None:
        """Take what is filled in.

        Args:
            event: of the browser, such as ``change``.
            value: an expression of JavaScript for what is filled in.
        """
        self.input.on(event, self._filled_in, js_handler=f"(e) => emit({value})")

    def focus(self) -> None:
        """Put the cursor into it."""
        ui.run_javascript(f"document.getElementById('{self._name}')?.focus()")

    def fill(self, value: Any) -> None:
        """Have another value stand there, unless somebody has begun to type over the one before.

        Args:
            value: as the browser sends it.
        """
        before, self.value = self.value, value
        self.input.client.run_javascript(
            f"const field = document.getElementById('{self._name}');"
            "const key = field?.type === 'checkbox' ? 'checked' : 'value';"
            f"const [before, now] = {json.dumps([before, value])};"
            "if (field && String(field[key]) === String(before)) field[key] = now"
        )

    def set_note(self, sentence: str) -> None:
        """Say what there is to know about the field besides its hint; an empty sentence takes it back."""
        if sentence == self.note:
            return
        if self._note is None:
            with self.place:
                self._note = Text("p", "", "rm-small").props('role="status"')
        self.note = sentence
        self._note.set_text(sentence)
        self._note.set_visibility(bool(sentence))

    def set_wrong(self, sentence: str) -> None:
        """Show what is wrong; an empty sentence takes it back."""
        self._wrong.set_text(sentence)
        self._wrong.set_visibility(bool(sentence))
        self.input.props(f'aria-invalid="{"true" if sentence else "false"}"')

    async def _filled_in(self, event: GenericEventArguments) -> None:
        self.value = event.args
        self.set_wrong("")
        if self._change is not None:
            result = self._change(self.value)
            if hasattr(result, "__await__"):
                await result


def text_field(
    label: str,
    value: object = "",
    *,
    hint: str = "",
    change: Callable[[Any], Any] | None = None,
    attributes: dict[str, object] | None = None,
    at_once: bool = False,
) -> Field:
    """A line of text, or a number.

    Args:
        label: of the field.
        value: that stands there at first.
        hint: what belongs there.
        change: is called with each new value.
        attributes: of the input, such as ``type`` and ``min``.
        at_once: each letter counts, not only what was filled in at the end.

    Returns:
        The field.
    """
    field = Field(label, hint=hint, change=change)
    field.value = value
    field.input._props.update({"defaultValue": value, "type": "text", **(attributes or {})})
    field.listen("input" if at_once else "change")
    return field


def area_field(label: str, value: str, *, hint: str = "", rows: int = 4) -> Field:
    """Several lines of text."""
    field = Field(label, hint=hint, tag="textarea")
    field.value = value
    field.input._props.update({"defaultValue": value, "rows": rows, "spellcheck": "false"})
    field.input.classes("rm-mono")
    field.listen("change")
    return field


def choice_field(
    label: str,
    options: Iterable[tuple[str, str]],
    value: str = "",
    *,
    hint: str = "",
    change: Callable[[Any], Any] | None = None,
) -> Field:
    """One of several.

    Args:
        label: of the field.
        options: the value and the words of each.
        value: of the one that is chosen at first.
        hint: what belongs there.
        change: is called with the value of the new one.

    Returns:
        The field.
    """
    field = Field(label, hint=hint, tag="select", change=change)
    field.value = value
    with field.input:
        for each, words in options:
            Text("option", words)._props.update({"value": each, **({"selected": True} if each == value else {})})
    field.listen("change")
    return field


def check_field(label: str, value: bool, *, hint: str = "") -> Field:
    """Yes or no."""
    field = Field(label, hint=hint)
    field.value = value
    field.place.classes("rm-check")
    field.input._props.update({"type": "checkbox", **({"checked": True} if value else {})})
    field.listen("change", "e.target.checked")
    return field


def range_field(label: str, value: int, lowest: int, highest: int, *, hint: str = "") -> Field:
    """A number on a scale, which is shown beside it."""
    shown = Text("output", str(value), "rm-output")
    field = Field(label, hint=hint, change=lambda now: shown.set_text(str(now)))
    field.value = value
    field.input._props.update({"type": "range", "min": lowest, "max": highest, "step": 1, "defaultValue": value})
    field.listen("input", "Number(e.target.value)")
    shown.move(field.place, 1)
    return field
