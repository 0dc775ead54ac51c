"""What is filled in, and what stands in an address."""

from __future__ import annotations

from typing import Any

import pytest

from reelmill.errors import WrongParameter
from reelmill.pages.address import address
from reelmill.pages.schema_form import parsed


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
        ("inbox", {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, "inbox"),
    ],
)
def test_a_field_becomes_what_its_parameter_takes(value: object, about: dict[str, Any], expected: object) -> None:
    assert parsed("one", value, about) == expected


@pytest.mark.parametrize(("value", "about"), [("many", {"type": "integer"}), ("[a", {"anyOf": []})])
def test_what_cannot_be_read_names_its_parameter(value: str, about: dict[str, Any]) -> None:
    with pytest.raises(WrongParameter) as refused:
        parsed("one", value, about)
    assert refused.value.parameter == "one"


def test_what_is_chosen_stands_in_the_address() -> None:
    chosen = {"status": ["failed", "queued"], "type": "", "text": "a & b", "before": None}
    assert address("/jobs", chosen) == "/jobs?status=failed&status=queued&text=a+%26+b"
    assert address("/jobs", {"status": [], "text": ""}) == "/jobs"
