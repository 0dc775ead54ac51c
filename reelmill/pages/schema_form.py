"""A form made from a schema: of a job type's parameters, or of a block's values; what was filled in (which is pure)."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from nicegui import ui

from reelmill.catalogue.videos.video_parameters import video_parameters
from reelmill.errors import WrongParameter
from reelmill.pages.components.fields import Field, area_field, check_field, choice_field, text_field

#: Finds videos by words: the path and the title of each.
Search = Callable[[str], list[tuple[str, str]]]

#: The most rows that a list begins with.
_ROWS = 8

_SHOWN = 60  # characters of a value in a sentence


def _no_videos(_words: str) -> list[tuple[str, str]]:
    return []


class SchemaForm:
    """A field for each property.

    Args:
        schema: of an object, as OpenAPI has it.
        given: what is filled in at first, by name.
        search: finds videos, in a thread.
        saved: what holds without the form, by name; None: the defaults of the schema.
        typed: what the fields of a form before it had, by name, readable or not; see ``typed``.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        given: Mapping[str, Any],
        search: Search = _no_videos,
        saved: Mapping[str, Any] | None = None,
        typed: Mapping[str, Any] | None = None,
    ):
        self._schema, self._search = schema, search
        about = properties(schema)
        self._saved = {name: each.get("default") for name, each in about.items()} if saved is None else dict(saved)
        self._seen = dict(self._saved)  # when whoever fills it in began
        self.fields: dict[str, Field] = {}
        with ui.element("div").classes("rm-form"):
            for name, each in about.items():
                written = _written(each, given.get(name, self._saved[name]))
                self.fields[name] = self._field(name, each, (typed or {}).get(name, written))

    @property
    def typed(self) -> dict[str, Any]:
        """What the fields have that differ from what holds without the form, as the browser sent it."""
        return {name: field.value for name, field in self.fields.items() if self._differs(name)}

    @property
    def parameters(self) -> dict[str, Any]:
        """What is filled in; what holds without the form is left out.

        Raises:
            WrongParameter: a field cannot be read.
        """
        about, required = properties(self._schema), set(self._schema.get("required") or ())
        return {
            name: parsed(name, field.value, about[name])
            for name, field in self.fields.items()
            if name in required or self._differs(name)
        }

    def follow(self, saved: Mapping[str, Any]) -> None:
        """Show what somebody else has saved: in fields that nobody has changed, and beside those that somebody has.

        Args:
            saved: what holds without the form now, by name.
        """
        about = properties(self._schema)
        for name, field in self.fields.items():
            changed, self._saved[name] = self._differs(name), saved[name]
            if not changed:
                now = _written(about[name], saved[name])
                if now != field.value:
                    field.fill(now)
            if not self._differs(name):
                self._seen[name] = saved[name]
            field.set_note("" if self._seen[name] == saved[name] else f"Changed to {_words(saved[name])} meanwhile.")

    def _differs(self, name: str) -> bool:
        """Whether a field has what does not hold without the form; what it made of that itself is no difference."""
        about, value = properties(self._schema)[name], self.fields[name].value
        saved = _written(about, self._saved[name])
        try:
            return bool(value != saved and parsed(name, value, about) != parsed(name, saved, about))
        except WrongParameter:
            return True

    def show_wrong(self, name: str, sentence: str) -> bool:
        """Show what is wrong at its field, and put the cursor there.

        Args:
            name: of the property.
            sentence: what is wrong with it.

        Returns:
            Whether there is such a field.
        """
        field = self.fields.get(name)
        if field is None:
            return False
        field.set_wrong(sentence)
        field.focus()
        return True

    def _field(self, name: str, about: Mapping[str, Any], written: Any) -> Field:
        hint = str(about.get("description") or "").partition("\n")[0].replace("`", "")
        about = _or_null(about)
        kind = about.get("type")
        if "enum" in about:
            words = [(json.dumps(each), "none" if each is None else str(each)) for each in about["enum"]]
            return choice_field(name, words, written, hint=hint)
        if kind == "boolean":
            return check_field(name, written, hint=hint)
        if name in video_parameters({"properties": {name: about}}) and kind == "string":
            return self._video_field(name, written, hint)
        if kind in ("integer", "number"):
            limits = {
                "min": about.get("minimum"),
                "max": about.get("maximum"),
                "step": 1 if kind == "integer" else "any",
            }
            given = {key: limit for key, limit in limits.items() if limit is not None}
            attributes = {"type": "number", **given}
            return text_field(name, written, hint=hint, attributes=attributes, at_once=True)
        if kind == "string":
            return text_field(name, written, hint=hint, at_once=True)
        if _is_lines(about):
            rows = min(_ROWS, max(2, written.count("\n") + 2))
            field = area_field(name, written, hint=f"{hint} One a line.".strip(), rows=rows)
        else:
            field = area_field(name, written, hint=f"{hint} (JSON)", rows=2)
        field.listen("input")  # what is being typed is known before the field is left
        return field

    def _video_field(self, name: str, value: str, hint: str) -> Field:
        options = ui.element("datalist")
        options.props(f'id="videos-{options.id}"')

        wanted = ""

        async def offer(words: str) -> None:
            nonlocal wanted
            wanted = words
            found = await asyncio.to_thread(self._search, words)
            if options.is_deleted or words != wanted:  # more was typed meanwhile, and is searched for, too
                return
            options.clear()
            with options:
                for path, title in found:
                    ui.element("option")._props.update({"value": path, "label": title})

        attributes: dict[str, object] = {"list": f"videos-{options.id}", "autocomplete": "off"}
        field = text_field(name, value, hint=hint, change=offer, attributes=attributes, at_once=True)
        ui.timer(0, lambda: offer(str(field.value or "")), once=True)
        return field


def properties(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The schemas of an object's properties by name, in the order in which they were declared (pure)."""
    about: Mapping[str, Mapping[str, Any]] = schema.get("properties") or {}
    return {name: about[name] for name in sorted(about, key=lambda each: (about[each].get("position", 0), each))}


def parsed(name: str, value: Any, about: Mapping[str, Any]) -> Any:
    """What was filled in as its property takes it (pure).

    Args:
        name: of the property.
        value: as the browser sends it.
        about: its schema.

    Returns:
        The value; an empty field is the default, but for a list that may be empty.

    Raises:
        WrongParameter: it cannot be read.
    """
    about = _or_null(about)
    kind = about.get("type")
    if "enum" in about:
        return json.loads(value)
    if kind in ("boolean", "string"):
        return about.get("default", value) if value == "" else value
    if _is_lines(about) and isinstance(value, str):
        lines = [line.strip() for line in value.splitlines() if line.strip()]
        may_be_empty = isinstance(about.get("default"), list) and not about.get("minItems")
        return lines if lines or may_be_empty else about.get("default")
    if value in ("", None):
        return about.get("default")
    is_number = kind in ("integer", "number")
    try:
        return _number(f"{value}") if is_number else json.loads(f"{value}")
    except (ValueError, RecursionError) as error:
        shown = f"{value}" if len(f"{value}") <= _SHOWN else f"{f'{value}'[:_SHOWN]}…"
        raise WrongParameter(f"{name}: {shown} is not {'a number' if is_number else 'JSON'}.", name, value) from error


def _number(text: str) -> int | float:
    """A number as people write it, such as .5 and 007 (pure).

    Returns:
        A whole one where it is written as such.

    Raises:
        ValueError: it is none, or none that counts.
    """
    with suppress(ValueError):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _written(about: Mapping[str, Any], value: Any) -> Any:
    """A value as its field has it (pure).

    Args:
        about: the schema of its property.
        value: of the property.

    Returns:
        What the browser would send of it.
    """
    about = _or_null(about)
    kind = about.get("type")
    if "enum" in about:
        return json.dumps(value)
    if kind == "boolean":
        return bool(value)
    if _is_lines(about):
        lines = value if isinstance(value, (list, tuple)) else [] if value is None else [value]  # as somebody saved it
        return "\n".join(map(str, lines))
    if kind in ("integer", "number", "string"):
        return "" if value is None else value
    return "" if value is None else json.dumps(value)


def _words(value: Any) -> str:
    """A value for a sentence (pure)."""
    text = "nothing" if value in (None, "", []) else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _or_null(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of what may also be nothing, as that of what it is otherwise (pure)."""
    kinds = [each for each in about.get("anyOf") or () if each.get("type") != "null"]
    if len(kinds) != 1:
        return about
    (kind,) = kinds
    choices = {"enum": [None, *kind["enum"]]} if "enum" in kind else {}
    return {**about, **kind, **choices}


def _is_lines(about: Mapping[str, Any]) -> bool:
    """Whether it is a list of texts (pure)."""
    return about.get("type") == "array" and (about.get("items") or {}).get("type") == "string"
