"""The folder contracts of the house, held line by line: who may import whom, and what may stand where."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
ROOMS = ("deployments", "workpools", "flows", "blocks", "reelmill")

#: Arrows between the folders of the top level run only downward. ``reelmill/cli`` may import anything.
MAY_IMPORT = {
    "deployments": {"workpools", "blocks", "flows", "reelmill"},
    "workpools": {"reelmill"},
    "flows": {"blocks", "reelmill"},
    "blocks": {"reelmill"},
    "reelmill": set(),
}

#: The library's modules that are no room: what each may import of the others.
SINGLE_MODULES: dict[str, set[str]] = {
    "classification": {"errors"},
    "clock": set(),
    "collector": set(),
    "errors": {"troubles"},
    "guard": set(),
    "origin_guard": set(),
    "parallel": set(),
    "report": set(),
    "settings": {"errors"},
    "site_discovery": {"settings"},
    "troubles": set(),
    "wording": set(),
}

FACES = ("api", "cli", "launch", "pages")


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


def _rooms() -> dict[str, Path]:
    """Every package of the house, by its dotted name."""
    return {
        ".".join(path.parent.relative_to(ROOT).parts): path
        for room in ROOMS
        for path in _modules(room)
        if path.name == "__init__.py" and "migrations" not in path.parts
    }


def _uses(name: str, init: Path) -> set[str]:
    """What the ``Uses:`` line of a room's docstring lists, as dotted names."""
    text = ast.get_docstring(ast.parse(init.read_text())) or ""
    found = re.search(r"^Comes in: .+?^Uses: (.+?)\.$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{init}: its docstring says what comes in (Comes in:) and which rooms it uses (Uses:)"
    listed = {" ".join(one.split()) for one in found[1].split(",")} - {"nothing"}
    tops = {path.stem for path in (ROOT / "reelmill").iterdir()}
    return {f"reelmill.{one}" if name.startswith("reelmill") and one.split(".")[0] in tops else one for one in listed}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).parts[:-1])


def _within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def _house_imports(path: Path) -> set[str]:
    """The modules of the house that a module imports."""
    found = set()
    for name in _imports(path):
        while name and not (ROOT / Path(*name.split("."))).with_suffix(".py").exists():
            if (ROOT / Path(*name.split(".")) / "__init__.py").exists():
                break
            name = name.rpartition(".")[0]
        if name.partition(".")[0] in ROOMS:
            found.add(name)
    return found


@pytest.mark.parametrize("name", sorted(_rooms().keys() - {"reelmill", "reelmill.cli"}))
def test_a_room_uses_what_its_docstring_lists_and_nothing_else(name: str) -> None:
    init = _rooms()[name]
    listed, used = _uses(name, init), set()
    for path in init.parent.glob("*.py"):
        for target in _house_imports(path) - {name}:
            if target.rpartition(".")[0] == name or (path == init and _within(target, name)):
                continue  # its own
            room = next((one for one in sorted(listed, key=len, reverse=True) if _within(target, one)), None)
            assert room is not None, f"{path.relative_to(ROOT)} imports {target}, which {name} does not list as used"
            used.add(room)
    assert listed == used, f"{name} lists what it does not use"


def test_no_imports_run_in_a_circle() -> None:
    """Between modules, and between rooms; a module beside sub-rooms counts for itself."""
    rooms = _rooms()
    with_rooms = {name.rpartition(".")[0] for name in rooms}

    def place(module: str) -> str:
        room = module if module in rooms else module.rpartition(".")[0]
        return module if room in with_rooms else room

    modules = {_name(path): _house_imports(path) for room in ROOMS for path in _modules(room)}
    for arrows in (modules, _between({place(m): set() for m in modules}, modules, place)):
        TopologicalSorter({name: targets - {name} for name, targets in arrows.items()}).prepare()


def _between(
    places: dict[str, set[str]], modules: dict[str, set[str]], place: Callable[[str], str]
) -> dict[str, set[str]]:
    for module, targets in modules.items():
        places[place(module)] |= {place(target) for target in targets} - {place(module)}
    return places


@pytest.mark.parametrize("name", SINGLE_MODULES)
def test_single_modules_stand_at_the_bottom(name: str) -> None:
    found = {target.split(".")[1] for target in _house_imports(ROOT / "reelmill" / f"{name}.py")}
    assert found <= SINGLE_MODULES[name]


def test_every_single_module_is_drawn() -> None:
    modules = {path.stem for path in (ROOT / "reelmill").glob("*.py")}
    assert modules - {"__init__"} == set(SINGLE_MODULES)


def test_an_operation_bears_the_name_of_its_job_type() -> None:
    stanzas = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    types = {stanza["entrypoint"].rpartition(".")[2] for stanza in stanzas}
    jobs = {path.stem for path in (ROOT / "reelmill" / "operations" / "jobs").glob("*.py")} - {"__init__"}
    assert jobs == types - {"public_scan"}, "public_scan is a scan of another folder"


def test_nothing_imports_the_faces() -> None:
    for room in ROOMS:
        for path in _modules(room):
            faces = {name for name in _imports(path) if name.startswith(tuple(f"reelmill.{face}" for face in FACES))}
            assert not faces or _face(path), path


def test_metrics_serve_the_api_and_the_workers_alone() -> None:
    may = (ROOT / "reelmill" / "metrics", ROOT / "reelmill" / "api" / "routes" / "metrics.py", ROOT / "workpools")
    for room in ROOMS:
        for path in _modules(room):
            if any(name.startswith("reelmill.metrics") for name in _imports(path)):
                assert any(path.is_relative_to(place) for place in may), path


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


def test_what_tests_share_stands_in_modules_of_its_own() -> None:
    """No test imports from a file of tests, nor what is private to another module of the tests."""
    for path in _modules("tests"):
        for name in _imports(path):
            room, *parts = name.split(".")
            if room == "tests" and path.name != "words.py":
                assert not [part for part in parts if part.startswith(("test_", "_"))], (path, name)


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
OUTERMOST = {
    ROOT / name
    for name in (
        "workpools/processes/preload.py",
        "workpools/guard.py",
        "reelmill/operations/web_copies/plan.py",
        "reelmill/cli/main.py",
    )
}


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
