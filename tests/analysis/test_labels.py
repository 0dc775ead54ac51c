from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.analysis.tagging.labels import FILE, prompts, vocabulary_of
from reelmill.errors import CapabilityError
from tests.refusals import refused


def test_the_built_in_words_can_be_tags_and_are_distinct(tmp_path: Path) -> None:
    label_sets = vocabulary_of(tmp_path)
    names = [label.name for label_set in label_sets for label in label_set.labels if label.name]
    assert len(names) == len(set(names)) > 40
    assert all(name == name.strip().lower() and len(name) <= 64 for name in names)
    assert len(set(prompts(label_sets))) == sum(len(label_set.labels) for label_set in label_sets)


def test_a_sites_own_words(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"who": {"Grandma": "my grandmother", "Rex": "our dog"}}')
    (label_set,) = vocabulary_of(tmp_path)
    assert [(label.name, label.prompt) for label in label_set.labels] == [
        ("grandma", "my grandmother"),
        ("rex", "our dog"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"who": {}}',
        '{"who": {"": "nobody"}}',
        '{"who": {"x": ""}}',
        f'{{"who": {{"{"x" * 65}": "y"}}}}',
    ],
)
def test_what_holds_no_words_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with refused(CapabilityError, missing=str(tmp_path / "labels.json")):
        vocabulary_of(tmp_path)
