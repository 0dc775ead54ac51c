"""What notebooks and other programs import stays where it is, and the packages that are shipped say they are typed."""

from __future__ import annotations

import ast
import importlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parent.parent

#: Module by module, what the notebook and the README import. A name that goes from here is a breaking change.
EXPORTS: Final[dict[str, tuple[str, ...]]] = {
    "flows.digest": ("digest",),
    "flows.scan": ("scan",),
    "flows.thumbnail_generate": ("thumbnail_generate",),
    "reelmill.catalogue.engine": ("session",),
    "reelmill.catalogue.models": ("Video",),
    "reelmill.dispatch": ("dispatcher",),
    "reelmill.dispatch.testing": ("MemorySite",),
    "reelmill.settings": ("get_settings",),
}


def _packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return packages


def _shown() -> Iterator[str]:
    """The code that people are shown: the notebook's cells, and the documents' indented blocks that import."""
    for cell in json.loads((ROOT / "notebooks" / "quickstart.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])
    for document in ("README.md", "docs/USING.md"):
        lines = (line.strip() for line in (ROOT / document).read_text().splitlines() if line.startswith("    from "))
        yield "\n".join(lines)


def _imported() -> set[tuple[str, str]]:
    """Module and name of everything of ours that is imported there."""
    return {
        (node.module, name.name)
        for code in _shown()
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in _packages()
        for name in node.names
    }


@pytest.mark.parametrize("module", EXPORTS)
def test_what_notebooks_import_is_there(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in EXPORTS[module] if not callable(getattr(found, name, None))] == []


def test_the_list_names_what_people_are_shown_and_nothing_else() -> None:
    assert {(module, name) for module, names in EXPORTS.items() for name in names} == _imported()


@pytest.mark.parametrize("package", _packages())
def test_shipped_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
