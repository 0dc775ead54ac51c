"""A form made from a schema: of a job type's parameters, or of a block's values; what was filled in (which is pure)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from reelmill.catalogue.video_parameters import video_parameters
from reelmill.errors import WrongParameter
from reelmill.pages.components.fields import Field, area_field, check_field, choice_field, text_field

#: Finds videos by words: the path and the title of each.
Search = Callable[[str], list[tuple[str, str]]]

#: The most rows that a list begins with.
_ROWS = 8


def _no_videos(_words: str) -> list[tuple[str, str]]:
    return []


class SchemaForm:
    """A field for each property.

    Args:
        schema: of an object, as OpenAPI has it.
        given: what is filled in at first, by name.
        search: finds videos, in a thread.
    """

    def __init__(self, schema: Mapping[str, Any], given: Mapping[str, Any], search: Search = _no_videos):
        self._schema, self._search = schema, search
        self.fields: dict[str, Field] = {}
        with ui.element("div").classes("rm-form"):
            for name, about in properties(schema).items():
                self.fields[name] = self._field(name, about, given.get(name, about.get("default")))

    @property
    def values(self) -> dict[str, Any]:
        """What is filled in, all of it.

        Raises:
            WrongParameter: a field cannot be read.
        """
        about = properties(self._schema)
        return {name: parsed(name, field.value, about[name]) for name, field in self.fields.items()}

    @property
    def parameters(self) -> dict[str, Any]:
        """What is filled in; what is as its default has it is left out.

        Raises:
            WrongParameter: a field cannot be read.
        """
        about, required = properties(self._schema), set(self._schema.get("required") or ())
        return {
            name: value
            for name, value in self.values.items()
            if name in required or value != about[name].get("default")
        }

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

    def _field(self, name: str, about: Mapping[str, Any], value: Any) -> Field:
        hint = str(about.get("description") or "").partition("\n")[0].replace("`", "")
        about = _or_null(about)
        kind = about.get("type")
        if "enum" in about:
            words = [(json.dumps(each), "none" if each is None else str(each)) for each in about["enum"]]
            return choice_field(name, words, json.dumps(value), hint=hint)
        if kind == "boolean":
            return check_field(name, bool(value), hint=hint)
        if name in video_parameters({"properties": {name: about}}) and kind == "string":
            return self._video_field(name, value, hint)
        if kind in ("integer", "number"):
            limits = {
                "min": about.get("minimum"),
                "max": about.get("maximum"),
                "step": 1 if kind == "integer" else "any",
            }
            given = {key: limit for key, limit in limits.items() if limit is not None}
            return text_field(name, "" if value is None else value, hint=hint, attributes={"type": "number", **given})
        if kind == "string":
            return text_field(name, value or "", hint=hint)
        if _is_lines(about):
            lines = value or []
            rows = min(_ROWS, max(2, len(lines) + 1))
            return area_field(name, "\n".join(lines), hint=f"{hint} One a line.".strip(), rows=rows)
        return area_field(name, "" if value is None else json.dumps(value), hint=f"{hint} (JSON)", rows=2)

    def _video_field(self, name: str, value: Any, hint: str) -> Field:
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
        field = text_field(name, value or "", hint=hint, change=offer, attributes=attributes, at_once=True)
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
        The value; an empty field is the default.

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
        return lines or about.get("default")
    if value in ("", None):
        return about.get("default")
    try:
        return json.loads(f"{value}")
    except json.JSONDecodeError as error:
        what = "a number" if kind in ("integer", "number") else "JSON"
        raise WrongParameter(f"{name}: {value} is not {what}.", name, value) from error


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
