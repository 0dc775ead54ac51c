"""What is filled in, and what stands in an address."""

from __future__ import annotations

from typing import Any

import pytest
from nicegui import Client, ui

from blocks import MediaLibrary, TranscoderSettings
from blocks.stored import SiteBlock
from reelmill.errors import WrongParameter
from reelmill.pages.address import address
from reelmill.pages.schema_form import SchemaForm, parsed


@pytest.mark.parametrize(
    ("value", "about", "expected"),
    [
        ("23", {"type": "integer"}, 23),
        ("2.5", {"type": "number"}, 2.5),
        ("", {"type": "integer", "default": 5}, 5),
        (True, {"type": "boolean"}, True),
        ('"slow"', {"enum": ["fast", "slow"]}, "slow"),
        ("4", {"enum": [1, 4, "mix"]}, 4),
        ("a film", {"type": "string"}, "a film"),
        ('["a.mp4"]', {"anyOf": [{"type": "array"}, {"type": "null"}], "default": None}, ["a.mp4"]),
        ("", {"anyOf": [{"type": "array"}, {"type": "null"}], "default": None}, None),
        (" a.mp4\n\nb.mp4 ", {"type": "array", "items": {"type": "string"}}, ["a.mp4", "b.mp4"]),
        ("", {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None}, None),
        ("3", {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, 3),
        ("", {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, None),
        ("null", {"anyOf": [{"enum": [1, 2]}, {"type": "null"}]}, None),
        ("720", {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, 720),
        ("", {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, None),
        (".5", {"type": "number"}, 0.5),
        ("5.", {"type": "number"}, 5.0),
        ("007", {"type": "integer"}, 7),
        ("+5", {"type": "integer"}, 5),
        ("", {"type": "array", "items": {"type": "string"}, "default": ["a"]}, []),
        ("", {"type": "array", "items": {"type": "string"}, "default": ["a"], "minItems": 1}, ["a"]),
        ("inbox", {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, "inbox"),
    ],
)
def test_a_field_becomes_what_its_parameter_takes(value: object, about: dict[str, Any], expected: object) -> None:
    assert parsed("one", value, about) == expected


@pytest.mark.parametrize(
    ("value", "about"),
    [
        ("many", {"type": "integer"}),
        ("1e400", {"type": "number"}),
        ("1" * 5001, {"type": "integer"}),
        ("[a", {"anyOf": []}),
        ("[" * 100_000, {"anyOf": []}),
    ],
)
def test_what_cannot_be_read_names_its_parameter(value: str, about: dict[str, Any]) -> None:
    with pytest.raises(WrongParameter) as refused:
        parsed("one", value, about)
    assert refused.value.parameter == "one"


def _form(block: SiteBlock, typed: dict[str, Any] | None = None, **saved: object) -> SchemaForm:
    """As on the page Settings, of what is stored."""
    values = {**block.model_dump(exclude={"block_type_slug"}), **saved}
    with Client(ui.page("/form")):
        return SchemaForm(block.model_json_schema(), values, saved=values, typed=typed)


@pytest.mark.parametrize(
    ("block", "saved"),
    [
        (MediaLibrary(), {"system_folders": []}),
        (MediaLibrary(), {"extensions": ["mp4 ", "mkv"]}),
        (MediaLibrary(), {"directory_types": ["a\nb"]}),
        (TranscoderSettings(), {"binary": ""}),
        (TranscoderSettings(), {"encoder": "old", "stall_timeout": 300}),
    ],
)
def test_a_form_that_nobody_touched_changes_nothing(block: SiteBlock, saved: dict[str, Any]) -> None:
    assert _form(block, **saved).parameters == {}


def test_what_is_typed_outlives_what_others_save(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = list[str]()  # to a browser, of which there is none here
    monkeypatch.setattr(Client, "run_javascript", lambda _client, code: sent.append(code))
    form = _form(TranscoderSettings())
    values = TranscoderSettings().model_dump(exclude={"block_type_slug"})
    form.fields["max_height"].value = "720"
    form.fields["stall_timeout"].value = "many"
    form.follow({**values, "max_height": 480, "threads": 4})
    assert form.typed == {"max_height": "720", "stall_timeout": "many"}
    assert (form.fields["threads"].value, form.fields["max_height"].note) == (4, "Changed to 480 meanwhile.")
    assert len(sent) == 1  # no other field is touched
    assert _form(TranscoderSettings(), form.typed).typed == form.typed  # where the form is made anew
    form.fields["stall_timeout"].value = "60"
    assert form.parameters == {"max_height": 720, "stall_timeout": 60}
    form.follow({**values, "max_height": 720, "threads": 4, "stall_timeout": 60})
    assert (form.parameters, form.fields["max_height"].note) == ({}, "")


def test_what_is_chosen_stands_in_the_address() -> None:
    chosen = {"status": ["failed", "queued"], "type": "", "text": "a & b", "before": None}
    assert address("/jobs", chosen) == "/jobs?status=failed&status=queued&text=a+%26+b"
    assert address("/jobs", {"status": [], "text": ""}) == "/jobs"
