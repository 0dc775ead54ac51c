"""A form made from a job type's parameter schema, and what was filled in (which of them is pure)."""

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


class JobForm:
    """A field for each parameter.

    Args:
        schema: of the parameters, as OpenAPI has it.
        given: what is filled in at first, by name.
        search: finds videos, in a thread.
    """

    def __init__(self, schema: Mapping[str, Any], given: Mapping[str, Any], search: Search):
        self._schema, self._search = schema, search
        self.fields: dict[str, Field] = {}
        about: Mapping[str, Mapping[str, Any]] = schema.get("properties") or {}
        with ui.element("div").classes("rm-form"):
            for name in sorted(about, key=lambda each: (about[each].get("position", 0), each)):
                self.fields[name] = self._field(name, about[name], given.get(name, about[name].get("default")))

    @property
    def parameters(self) -> dict[str, Any]:
        """What is filled in; what is as its default has it is left out.

        Raises:
            WrongParameter: a field cannot be read.
        """
        about: Mapping[str, Mapping[str, Any]] = self._schema.get("properties") or {}
        values = {name: parsed(name, field.value, about[name]) for name, field in self.fields.items()}
        required = set(self._schema.get("required") or ())
        return {
            name: value for name, value in values.items() if name in required or value != about[name].get("default")
        }

    def _field(self, name: str, about: Mapping[str, Any], value: Any) -> Field:
        hint = str(about.get("description") or "").partition("\n")[0].replace("`", "")
        kind = about.get("type")
        if "enum" in about:
            return choice_field(
                name, [(json.dumps(each), str(each)) for each in about["enum"]], json.dumps(value), hint=hint
            )
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
        return area_field(name, "" if value is None else json.dumps(value), hint=f"{hint} (JSON)", rows=2)

    def _video_field(self, name: str, value: Any, hint: str) -> Field:
        options = ui.element("datalist")
        options.props(f'id="videos-{options.id}"')

        async def offer(words: str) -> None:
            found = await asyncio.to_thread(self._search, words)
            if options.is_deleted:
                return
            options.clear()
            with options:
                for path, title in found:
                    ui.element("option")._props.update({"value": path, "label": title})

        attributes: dict[str, object] = {"list": f"videos-{options.id}", "autocomplete": "off"}
        field = text_field(name, value or "", hint=hint, change=offer, attributes=attributes, at_once=True)
        ui.timer(0, lambda: offer(str(value or "")), once=True)
        return field


def parsed(name: str, value: Any, about: Mapping[str, Any]) -> Any:
    """What was filled in as its parameter takes it (pure).

    Args:
        name: of the parameter.
        value: as the browser sends it.
        about: its schema.

    Returns:
        The value; an empty field is the default.

    Raises:
        WrongParameter: it cannot be read.
    """
    kind = about.get("type")
    if "enum" in about:
        return json.loads(value)
    if kind in ("boolean", "string"):
        return about.get("default", value) if value == "" else value
    if value in ("", None):
        return about.get("default")
    try:
        return json.loads(f"{value}")
    except json.JSONDecodeError as error:
        what = "a number" if kind in ("integer", "number") else "JSON"
        raise WrongParameter(f"{name}: {value} is not {what}.", name, value) from error
