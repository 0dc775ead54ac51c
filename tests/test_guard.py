"""What takes long asks whether its work is still ours, and stops where it is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill import guard
from reelmill.errors import LockLost
from reelmill.guard import guarded_by
from reelmill.hardware.core_slots import slot
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.publishing.parallel_verify import ParallelDecoder
from reelmill.parallel import in_threads
from reelmill.report import NullReport
from reelmill.storage.atomic_files import place, rename
from reelmill.storage.disk import disk_of
from reelmill.storage.file_copy import copy
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip
from tests.patience import PATIENCE


class _Lost:
    """What was held is gone."""

    def check(self) -> None:
        raise LockLost("gone")

    def holds(self) -> bool:
        raise LockLost("gone")

    def confirm(self) -> None:
        raise LockLost("gone")


class _Unsure:
    """Nobody can tell just now."""

    def check(self) -> None:
        """It is not known to be lost."""

    def holds(self) -> bool:
        return False

    def confirm(self) -> None:
        """Later somebody could."""


def test_each_of_several_guards_is_asked_while_its_block_runs() -> None:
    assert guard.holds()
    with guarded_by(_Unsure()):
        assert not guard.holds()
        with guarded_by(_Lost()):
            for ask in (guard.check, guard.confirm):
                with pytest.raises(LockLost):
                    ask()
        guard.check()
    assert guard.holds()


def test_the_work_of_another_thread_has_guards_of_its_own() -> None:
    with guarded_by(_Lost()), ThreadPoolExecutor(1) as pool:
        assert pool.submit(guard.holds).result(PATIENCE)


def _copied(folder: Path) -> None:
    copy(folder / "a", folder / "b", NullReport(), disk_of(folder))


def _waiting(folder: Path) -> None:
    with slot(folder / "slots"):
        raise AssertionError("there was no slot to have")


_WORK: dict[str, Callable[[Path], object]] = {
    "placing": lambda folder: place(folder / "a", folder / "b"),
    "renaming": lambda folder: rename(folder / "a", folder / "b"),
    "storing": lambda folder: Store(MediaRoot(folder)).add("key", folder / "a", {}),
    "copying": _copied,
    "waiting for a core": _waiting,
    "decoding": lambda folder: ParallelDecoder(MediaRoot(folder), in_threads, Fraction(1))(folder / "a"),
}


@pytest.mark.parametrize("work", _WORK)
def test_it_stops_where_the_work_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    clip(tmp_path / "a.mp4", seconds=3, size="64x48").rename(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    busy = tmp_path / ("slots" if work == "waiting for a core" else "others")
    with slot(busy), guarded_by(_Lost()), pytest.raises(LockLost):
        _WORK[work](tmp_path)
    assert (tmp_path / "a").read_bytes() == content
    assert not (tmp_path / "b").exists() or work == "copying"
    assert not (tmp_path / ".reelmill").exists()
