"""One word a thing: the house says those of docs/GLOSSARY.md, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.words import ROOMS, ROOT, findings, modules

#: Names that have to stay, by module: they are stored, hashed, or others' (Prefect's, ffmpeg's).
ALLOWED: Final[dict[str, frozenset[str]]] = {
    # an operation that other programs call
    "reelmill/dispatch/services/jobs.py": frozenset({"card"}),
    # fields of results, which people and programs read
    "reelmill/operations/films/concatenate.py": frozenset({"pieces"}),
    "reelmill/operations/jobs/compile_random.py": frozenset({"pieces"}),
    "reelmill/operations/jobs/duplicates_report.py": frozenset({"groups"}),
    "reelmill/operations/jobs/scene_extract.py": frozenset({"picture"}),
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_the_words_of_the_glossary(room: str) -> None:
    found = [
        str(finding)
        for module in modules(room)
        if "migrations" not in module.parts
        for finding in findings(module, ALLOWED.get(module.relative_to(ROOT).as_posix(), frozenset()))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("soundtrack = 1\nsound_level = 2", ["sound_level"]),
        ("class Made: ...", ["Made"]),
        ("class OutputMade: ...", []),
        ("def take(): ...", ["take"]),
        ("def take_lock(card): ...", ["card"]),
        ("class ResultCard: ...\nold_result_cards, card_row = 1, 2", ["card_row"]),
        ('"""Result cards, title cards and a card."""', ["'card'"]),
        ('"""The picture of a ``picture`` in a process group, and a group."""', ["'picture'", "'group'"]),
        ("x = 1  # a neighbour, and its timestamp", ["'neighbour'"]),
        ('def f():\n    """The path; answers with the pieces."""', ["'pieces'", "'answers with'"]),
    ],
)
def test_what_is_not_said_is_found(tmp_path: Path, source: str, names: list[str]) -> None:
    (tmp_path / "module.py").write_text(source)
    assert [finding.name for finding in findings(tmp_path / "module.py")] == names
