"""A tree of videos that is mounted read-only as a folder of the library: all is made beside it, nothing in it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reelmill.errors import CapabilityError
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.move_to_library import move_to_library
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.jobs.validate import validate
from tests.clips import clip
from tests.operations.library import add
from tests.refusals import refused


def _mount(*options: str | Path) -> None:
    ran = subprocess.run(["mount", *map(str, options)], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {ran.stderr.strip()}")


@contextmanager
def _read_only(tree: Path, where: Path) -> Iterator[None]:
    where.mkdir(parents=True)
    _mount("--bind", tree, where)
    try:
        _mount("-o", "remount,bind,ro", where)
        yield
    finally:
        subprocess.run(["umount", str(where)], check=True)


def test_jobs_work_on_a_tree_that_is_mounted_read_only(bench: Workbench, tmp_path: Path) -> None:
    original = clip(tmp_path / "films" / "1925" / "gold rush.mkv", seconds=4, options=["-pix_fmt", "yuv444p"])
    content = original.read_bytes()
    where = bench.root.path / "library" / "videos"
    with _read_only(tmp_path / "films", where):
        video = add(bench, where / "1925" / "gold rush.mkv")
        name = str(video.id)
        assert validate(bench, name).valid
        assert (bench.root.path / (thumbnail(bench, name).path or "")).is_file()
        assert reencode(bench, name, preset="ultrafast").path == "playback/gold rush.mp4"
        assert digest(bench, name, target_length=2).path == "digests/gold rush-digest.mp4"
        with refused(CapabilityError, missing="rights on library/shows/1925"):
            move_to_library(bench, name, "shows", directory_types=["videos", "shows"])
        assert add(bench, where / "1925" / "gold rush.mkv").missing_since is None
    assert [path.name for path in (tmp_path / "films").rglob("*")] == ["1925", "gold rush.mkv"]
    assert original.read_bytes() == content
