from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.classification import classify
from reelmill.errors import DiskFull
from reelmill.settings import get_settings
from reelmill.storage.disk import Disk, disk_of
from tests.clips import tiny_disk
from tests.refusals import refused

_MB = 1_000_000


def test_room_is_told_in_numbers_before(open_folder: Path) -> None:
    with tiny_disk(open_folder / "tiny-space", "8m") as folder:
        free = Disk(folder, 0).free()
        assert free == 8 * 2**20
        Disk(folder, 0).require(free)
        Disk(folder, 3 * _MB).require(free - 3 * _MB)
        with pytest.raises(DiskFull) as caught:
            Disk(folder, 3 * _MB).require(7 * _MB)
        assert str(caught.value) == (
            f"The disk of {folder} is too full: this needs about 7.0 MB, 8.4 MB are free and 3.0 MB are to stay free; "
            "free 1.6 MB more."
        )
        assert classify(caught.value)[1]  # somebody may make room


def test_and_looked_at_meanwhile(open_folder: Path) -> None:
    with tiny_disk(open_folder / "tiny-space", "8m") as folder:
        disk = Disk(folder, 3 * _MB)
        disk.require_reserve()
        (folder / "filler").write_bytes(bytes(6 * _MB))
        with refused(DiskFull, path=str(folder), needed=0):
            disk.require_reserve()
        Disk(folder, 2 * _MB).require_reserve()


def test_a_folder_of_another_machine_says_nothing(tmp_path: Path) -> None:
    there = Disk(tmp_path / "mounted elsewhere", 10**18)
    assert there.free() is None
    there.require(10**18)
    there.require_reserve()


def test_the_settings_say_what_stays_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REELMILL_DISK_RESERVE_MB")
    get_settings.cache_clear()
    assert disk_of(tmp_path) == Disk(tmp_path, 512 * _MB)
