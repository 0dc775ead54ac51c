"""The folder contracts of the house, held line by line: who may import whom, and what may stand where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("deployments", "workpools", "flows", "blocks", "reelmill")

#: Arrows run only downward. ``reelmill/cli`` is the composition root and may import anything.
MAY_IMPORT = {
    "deployments": {"workpools", "blocks", "flows", "reelmill"},
    "workpools": {"reelmill"},
    "flows": {"blocks", "reelmill"},
    "blocks": {"reelmill"},
    "reelmill": set(),
}

#: Inside the library: what a part may import of the others.
LIBRARY_MAY_IMPORT = {
    "errors": set(),
    "settings": set(),
    "report": set(),
    "findings": set(),
    "fan_out": set(),
    "layout": {"errors"},
    "space": {"errors", "settings"},
    "jobs": {"errors", "scheduling"},
    "waiting": {"jobs", "scheduling"},
    "site": {"settings"},
    "dispatch": {"errors", "jobs", "scheduling", "waiting"},
    "catalogue": {"errors", "settings", "layout"},
    "scheduling": {"errors", "settings"},
    "ffmpeg": {"errors", "settings", "report", "scheduling", "space"},
    "analysis": {"errors", "settings", "report", "fan_out", "scheduling", "ffmpeg"},
    "operations": {"errors", "settings", "report", "findings", "layout", "fan_out", "space"}
    | {"catalogue", "ffmpeg", "analysis"},
    "doctor": {"errors", "settings", "report", "findings", "layout", "jobs", "site", "scheduling"}
    | {"catalogue", "ffmpeg", "operations", "dispatch"},
}

FACES = ("api", "cli")


def _modules(room: str) -> Iterator[Path]:
    yield from sorted((ROOT / room).rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _face(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return parts[0] == "reelmill" and parts[1] in FACES


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_between_rooms_run_downward(room: str) -> None:
    for path in _modules(room):
        if path.is_relative_to(ROOT / "reelmill" / "cli"):
            continue
        rooms = {name.partition(".")[0] for name in _imports(path)} & set(ROOMS)
        assert rooms <= MAY_IMPORT[room] | {room}, path


@pytest.mark.parametrize("part", LIBRARY_MAY_IMPORT)
def test_arrows_inside_the_library_run_downward(part: str) -> None:
    path = ROOT / "reelmill" / part
    modules = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    assert modules, f"{part} is drawn in the house and not there"
    for module in modules:
        parts = {name.split(".")[1] for name in _imports(module) if name.startswith("reelmill.")}
        assert parts <= LIBRARY_MAY_IMPORT[part] | {part}, module


def test_every_part_of_the_library_is_drawn() -> None:
    parts = {path.stem for path in (ROOT / "reelmill").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__pycache__", *FACES} == set(LIBRARY_MAY_IMPORT)


def test_nothing_imports_the_faces() -> None:
    for room in ROOMS:
        for path in _modules(room):
            faces = {name for name in _imports(path) if name.startswith(tuple(f"reelmill.{face}" for face in FACES))}
            assert not faces or _face(path), path


def test_the_library_meets_prefect_in_one_part() -> None:
    met = {
        path.relative_to(ROOT).parts[1]
        for path in _modules("reelmill")
        if not _face(path) and any(name.partition(".")[0] in ("prefect", "prefect_dask") for name in _imports(path))
    }
    assert met == {"dispatch"}


def test_prefects_private_modules_are_left_alone() -> None:
    for room in (*ROOMS, "bench", "tests"):
        for path in _modules(room):
            private = [
                name
                for name in _imports(path)
                if name.startswith("prefect") and any(part.startswith("_") for part in name.split("."))
            ]
            assert not private, path


def _decorators(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in node.decorator_list:
                yield ast.unparse(decorator).partition("(")[0]


def _bases(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield from ((node.name, ast.unparse(base)) for base in node.bases)


def test_flows_and_tasks_stand_in_flows_only() -> None:
    for room in ROOMS:
        found = {path for path in _modules(room) if {"flow", "task"} & set(_decorators(path))}
        assert room == "flows" or not found


def test_blocks_and_workers_stand_in_their_rooms_only() -> None:
    for room in ROOMS:
        for path in _modules(room):
            for name, base in _bases(path):
                assert room == "blocks" or base not in ("Block", "SiteBlock"), (path, name)
                assert room == "workpools" or not base.endswith("Worker"), (path, name)


def test_one_file_a_job_type_with_one_flow_of_its_name() -> None:
    for path in _modules("flows"):
        tree = ast.parse(path.read_text())
        flows = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
            and any(ast.unparse(decorator).startswith("flow(") for decorator in node.decorator_list)
        ]
        assert [node.name for node in flows] in ([], [path.stem]), path
        for node in flows:
            (decorator,) = node.decorator_list
            assert f"name='{path.stem}'" in ast.unparse(decorator), "Prefect turns _ into - in a name it makes itself"
            lines = path.read_text().count("\n")
            assert lines <= 120, (path, lines)


@pytest.mark.parametrize("room", ROOMS)
def test_modules_and_functions_stay_small(room: str) -> None:
    for path in _modules(room):
        text = path.read_text()
        assert text.count("\n") <= 400, path
        if "migrations" in path.parts:
            continue  # a table is as long as it is
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                first = node.body[0]
                documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                start = first.end_lineno if documented else node.lineno
                assert start is not None
                assert node.end_lineno is not None
                assert node.end_lineno - start <= 40, (path, node.name)


#: Where anything may come up and nothing may stop the loop: see the comment at the place itself.
OUTERMOST = {ROOT / "workpools" / "preload.py"}


def test_broad_excepts_stand_in_outermost_loops_only() -> None:
    for room in ROOMS:
        for path in set(_modules(room)) - OUTERMOST:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ExceptHandler):
                    caught = "" if node.type is None else ast.unparse(node.type)
                    assert caught not in ("", "Exception", "BaseException"), path


@pytest.mark.parametrize("room", ["flows", "blocks", "workpools", "deployments"])
def test_each_prefect_folder_explains_itself(room: str) -> None:
    text = (ROOT / room / "README.md").read_text()
    for heading in ("## Contract", "## How to add", "## What not to do"):
        assert heading in text, (room, heading)
