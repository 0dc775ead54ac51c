from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.analysis.vocabulary import FILE, prompts, vocabulary_of
from reelmill.errors import CapabilityError


def test_the_built_in_words_can_be_tags_and_are_told_apart(tmp_path: Path) -> None:
    groups = vocabulary_of(tmp_path)
    names = [label.name for group in groups for label in group.labels if label.name]
    assert len(names) == len(set(names)) > 40
    assert all(name == name.strip().lower() and len(name) <= 64 for name in names)
    assert len(set(prompts(groups))) == sum(len(group.labels) for group in groups)


def test_a_sites_own_words(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"who": {"Grandma": "my grandmother", "Rex": "our dog"}}')
    (group,) = vocabulary_of(tmp_path)
    assert [(label.name, label.prompt) for label in group.labels] == [("grandma", "my grandmother"), ("rex", "our dog")]


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
    with pytest.raises(CapabilityError, match=r"labels\.json cannot be used \(.+\)"):
        vocabulary_of(tmp_path)
