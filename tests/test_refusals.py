"""Tests compare kinds and data of errors, not prose; this holds where a sentence may be matched all the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent

#: Tests whose subject is the sentence, or whose error is another library's, which carries nothing else.
ABOUT_SENTENCES = {
    "analysis/test_clip.py": "PyTorch's",
    "catalogue/test_connections.py": "a database that is away is one kind, and its sentence has the way out",
    "catalogue/test_video_filter.py": "the sentence points at the place",
    "cli/test_plan.py": "the command line speaks",
    "deployments/test_member.py": "joining names what is wrong, in a sentence",
    "deployments/test_access.py": "the sentence has the way to the login",
    "deployments/test_stanzas.py": "pydantic's and ours name the place in the file",
    "dispatch/test_reader.py": "PostgreSQL's",
    "ffmpeg/test_copying.py": "why a track is not copied is a reason in a plan, not a failure",
    "launch/test_sender.py": "what a site lacks is told by its sentence",
    "operations/test_room.py": "libav's",
    "test_settings.py": "pydantic's",
    "workpools/test_claim_lock.py": "a database that is away is one kind, and its sentence has the way out",
    "workpools/test_server_calls.py": "httpx's",
    "workpools/test_vram_ledger.py": "an error of the test itself",
    "workpools/test_worker.py": "what a worker's process wrote, read from its log",
}


def _matches(path: Path) -> Iterator[int]:
    """The lines at which a module compares an error's sentence."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("raises", "warns")
        ):
            yield from (node.lineno for keyword in node.keywords if keyword.arg == "match")


def test_errors_are_compared_by_kind_and_data() -> None:
    """With ``refused`` and ``rejected`` of tests/refusals.py, which fail on another kind of error and on other data."""
    found = {path.relative_to(ROOT).as_posix(): list(_matches(path)) for path in ROOT.rglob("*.py")}
    assert {name: lines for name, lines in found.items() if lines and name not in ABOUT_SENTENCES} == {}


def test_what_is_listed_still_needs_to_be() -> None:
    assert [name for name in ABOUT_SENTENCES if not list(_matches(ROOT / name))] == []
