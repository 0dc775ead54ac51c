"""The documents speak of what is there: files, folders, links and make targets exist, and each room is drawn."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from reelmill.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/API.md",
    "docs/ARCHITECTURE.md",
    "docs/GLOSSARY.md",
    "docs/PAGES.md",
    "docs/RUNNING.md",
    "docs/USING.md",
)

#: A path of ours as the documents write it; ``x`` stands for a name that is to be chosen.
_PATH = re.compile(r"(?:^|[`\s(\"])((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|ipynb|md))?)(?=[`\s,;:.)\"])", re.MULTILINE)
_TOPS = ("reelmill", "flows", "blocks", "workpools", "deployments", "tests", "docs", "bench", "notebooks")


def _text(document: str) -> str:
    return (ROOT / document).read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_are_there(document: str) -> None:
    named = {path for path in _PATH.findall(_text(document)) if path.partition("/")[0] in _TOPS}
    assert document in ("docs/API.md", "docs/USING.md") or named
    assert [path for path in sorted(named) if not (ROOT / path).exists() and Path(path).stem != "x"] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", _text(document)) if "://" not in link]
    assert [link for link in links if not (ROOT / document).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_are_there(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", _text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", _text(document))) <= targets


def test_the_readme_is_at_most_a_page_and_a_half() -> None:
    lines = [line for line in _text("README.md").splitlines() if line]
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 140


def test_the_readme_lists_every_job_type() -> None:
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", _text("README.md"), re.MULTILINE)
    stanzas = yaml.safe_load(_text("prefect.yaml"))["deployments"]
    types = {stanza["entrypoint"].rpartition(".")[2] for stanza in stanzas}
    assert {name for row in listed for name in re.findall(r"\w+", row)} == types


def test_the_newest_released_version_is_that_of_the_project() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", _text("CHANGELOG.md"), re.MULTILINE)
    numbers = [tuple(map(int, version.split("."))) for version, _ in released]
    assert numbers == sorted(numbers, reverse=True)
    assert [date for _, date in released] == sorted((date for _, date in released), reverse=True)
    assert released[0][0] == tomllib.loads(_text("pyproject.toml"))["project"]["version"]


def test_each_room_is_drawn() -> None:
    text = _text("docs/ARCHITECTURE.md")
    rooms = {path.parent.relative_to(ROOT) for path in (ROOT / "reelmill").rglob("__init__.py")}
    rooms |= {path.parent.relative_to(ROOT) for path in (ROOT / "workpools").rglob("__init__.py")}
    rooms = {room for room in rooms if len(room.parts) > 1 and room.name != "migrations"}
    assert [room for room in sorted(rooms) if f"`{room}/`" not in text and f"`{room.name}/`" not in text] == []


def test_the_glossary_is_in_order_of_the_alphabet() -> None:
    for table in _text("docs/GLOSSARY.md").split("## Old words"):
        words = [word.strip("` ").lower() for word in re.findall(r"^\| (.+?) \|", table, re.MULTILINE)[1:]]
        assert words == sorted(words)


def test_running_lists_every_setting() -> None:
    listed = set(re.findall(r"`REELMILL_([A-Z_]+)`", _text("docs/RUNNING.md")))
    assert {name.upper() for name in Settings.model_fields} - listed == set()
