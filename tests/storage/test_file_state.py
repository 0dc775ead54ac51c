"""A second look at a file shows whether what was read of it is still what is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reelmill.errors import ChangedMeanwhile, FileMissing, InputError
from reelmill.storage.file_state import FileState, read_steady
from tests.refusals import refused


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    os.utime(path, (1e9, 1e9))
    return path


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _edit(path: Path) -> None:
    """With its size and modification time as they were."""
    path.write_bytes(b"two")
    os.utime(path, (1e9, 1e9))


def _replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(b"two")
    os.utime(new, (1e9, 1e9))
    new.rename(path)


@pytest.mark.parametrize("change", [_grow, _edit, _replace])
def test_a_change_shows(file: Path, change: Callable[[Path], None]) -> None:
    before = FileState.of(file)
    change(file)
    assert not before.same_as(FileState.of(file))


def test_another_name_and_other_rights_are_no_change(file: Path) -> None:
    before = FileState.of(file)
    os.link(file, file.with_name("backup"))
    linked = FileState.of(file)
    assert before.same_as(linked)
    file.chmod(0o600)
    assert linked.same_as(FileState.of(file))


def test_what_changed_once_is_read_once_more(file: Path) -> None:
    read: list[bytes] = []

    def look() -> bytes:
        read.append(file.read_bytes())
        if len(read) == 1:
            _grow(file)
        return read[-1]

    state, value = read_steady(file, look, "file")
    assert (state, value) == (FileState.of(file), b"onemore")
    assert read == [b"one", b"onemore"]


def test_what_changes_each_time_is_refused(file: Path) -> None:
    with refused(ChangedMeanwhile, path="a.mp4"):
        read_steady(file, lambda: _grow(file), "a.mp4")
    with refused(FileMissing, path="a.mp4"):
        read_steady(file, file.unlink, "a.mp4")


def test_that_a_file_is_unusable_counts_where_it_stayed_as_it_was(file: Path) -> None:
    tries: list[int] = []

    def look(*, change: bool) -> str:
        tries.append(1)
        if file.read_bytes() == b"one":
            if change:
                _grow(file)
            raise InputError("half of it", file)
        return "whole"

    with refused(InputError):
        read_steady(file, lambda: look(change=False), "a.mp4")
    assert len(tries) == 1
    assert read_steady(file, lambda: look(change=True), "a.mp4")[1] == "whole"
