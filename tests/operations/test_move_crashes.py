"""A move is killed at every boundary: always exactly one good file, a true record, and the job can be run again."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from reelmill.storage.media_root import MediaRoot
from tests.clips import clip, tiny_disk
from tests.operations.move_crashes import ID, MOVED, SOURCE, THEIRS

_REPOSITORY = Path(__file__).parent.parent.parent
_TIME = 1_600_000_000_123_456_789


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("original") / "original.mp4", seconds=0.2, size="64x48")


@pytest.fixture(params=[1, 2], ids=["one disk", "two disks"])
def root(request: pytest.FixtureRequest, catalogue: str, open_folder: Path) -> Iterator[MediaRoot]:
    """A library whose type ``videos`` is on the same disk as all, or on one of its own."""
    root = MediaRoot(open_folder / f"killed-{uuid.uuid4().hex[:8]}")
    root.create()
    root.folder("videos").mkdir()
    with tiny_disk(root.folder("videos")) if request.param == 2 else nullcontext():
        yield root


def test_killed_at_every_boundary(root: MediaRoot, original: Path) -> None:
    lives = _lives(root, original, "job")
    *killed, last = lives
    assert last["ended"] == 0
    assert len(killed) == last["count"] > 25
    assert {life["ended"] for life in killed} == {-9}
    ends = [_where(life, "recovered", original) for life in lives]
    assert sorted(ends) == ends  # in the inbox, and from some boundary on in the library
    assert {SOURCE, MOVED} == set(ends)
    for life, end in zip(lives, ends, strict=True):
        assert life["again"] == [end == SOURCE, MOVED]
        assert _where(life, "after", original) == MOVED
    assert any("recovered:" in line for life in lives for line in life["said"])


def test_killed_at_every_boundary_of_the_recovery(root: MediaRoot, original: Path) -> None:
    lives = _lives(root, original, "recovery")
    assert [life["ended"] for life in lives] == [-9] * (len(lives) - 1) + [0]
    assert len(lives) > 8
    for life in lives:
        assert life["again"] == [False, MOVED]
        assert _where(life, "recovered", original) == MOVED


def _lives(root: MediaRoot, original: Path, mode: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.operations.move_crashes", root.path, original, mode],
        capture_output=True,
        text=True,
        cwd=_REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _where(life: dict[str, Any], when: str, original: Path) -> str:
    """Where the video is: one file with its bytes and its time, one record of its id that says so, nothing else."""
    state = life[when]
    assert state["work"] == []
    files = dict(state["files"])
    assert bytes.fromhex(files.pop(THEIRS)[0]) == b"a person's own"
    ((path, file),) = files.items()
    assert file == [original.read_bytes().hex(), _TIME, 1]
    (record,) = [record for record in state["records"] if record[1] != THEIRS]
    kind = "inbox" if path == SOURCE else "videos"
    assert record == [str(ID), path, kind, Path(path).name, False]
    assert len(state["records"]) == (2 if life["scanned"] else 1)
    return str(path)
