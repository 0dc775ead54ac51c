"""A walk meets each entry once, goes where it is let in, and is not stopped by what cannot be listed."""

from __future__ import annotations

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from reelmill.storage import folder_walk
from reelmill.storage.folder_walk import entries


def _names(root: Path, failures: list[tuple[str, int | None]], *folders: str) -> list[str]:
    walked = entries(
        [str(root / folder) for folder in folders],
        lambda entry: entry.is_dir() and entry.name != "closed",
        lambda folder, error: failures.append((Path(folder).name, error.errno)),
    )
    return [os.path.relpath(entry.path, root) for entry in walked]


def test_each_entry_is_met_once(tmp_path: Path) -> None:
    for path in ("a/1", "a/b/2", "a/b/c/3", "a/closed/4", "d/5"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    failures: list[tuple[str, int | None]] = []
    assert _names(tmp_path, failures, "a", "d", "absent") == ["a/1", "a/b/2", "a/b/c/3", "a/closed", "d/5"]
    assert failures == []


def test_a_folder_that_cannot_be_listed_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    real = os.scandir

    def scandir(folder: str) -> object:
        if folder.endswith("bad"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    failures: list[tuple[str, int | None]] = []
    assert _names(tmp_path, failures, "bad", "good") == ["good/file"]
    assert failures == [("bad", errno.EIO)]


def test_an_entry_that_may_be_a_folder_and_gives_no_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file system names no kinds in a listing, and its disk does not answer: what is in it is not gone."""
    (tmp_path / "top").mkdir()
    for name in ("good", "silent"):
        (tmp_path / "top" / name).touch()
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: nullcontext([_Silent(entry) for entry in real(folder)]))
    failures: list[tuple[str, int | None]] = []
    assert _names(tmp_path, failures, "top") == ["top/good", "top/silent"]
    assert failures == [("silent", errno.EIO)]


class _Silent:
    """An entry as ``scandir`` gives it; one of them cannot be asked what it is."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self.name, self.path, self._entry = entry.name, entry.path, entry

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        if self.name == "silent":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._entry.is_dir(follow_symlinks=follow_symlinks)


def test_paths_ascend_by_their_bytes_whatever_is_a_folder(tmp_path: Path) -> None:
    for path in ("a/b.mp4", "a.mp4", "a-1.mp4", "a/Z/1", "a/é", "a0", "a/b/1", "a/b-/1", "a/😀", "a/\uffef"):
        (tmp_path / "top" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "top" / path).touch()
    found = _names(tmp_path, [], "top")
    assert len(found) == 10
    assert found == sorted(found, key=os.fsencode)


def test_what_stands_beside_each_other_comes_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("top/1", "top/2", "top/b/3", "top/c", "top/d", "top/e", "top/f"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.setattr(folder_walk, "_TOGETHER", 3)
    found = folder_walk.runs([str(tmp_path / "top")], lambda _: True, lambda *_: None)
    assert [[entry.name for entry in run] for run in found] == [["1", "2"], ["3"], ["c", "d", "e"], ["f"]]
