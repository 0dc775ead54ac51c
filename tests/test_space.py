from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.errors import DiskFull, classify
from reelmill.settings import get_settings
from reelmill.space import Disk, disk_of, in_bytes
from tests.clips import tiny_disk

_MB = 1_000_000


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (60_400, "60 kB"), (1_250_000, "1.2 MB"),
        (300 * _MB, "300 MB"), (1_200 * _MB, "1.2 GB"), (-2 * _MB, "-2.0 MB"), (25_000 * _MB, "25 GB"),
    ],
)  # fmt: skip
def test_bytes_in_words(count: int, words: str) -> None:
    assert in_bytes(count) == words


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
        disk.keep()
        (folder / "filler").write_bytes(bytes(6 * _MB))
        with pytest.raises(DiskFull, match=r"2\.4 MB are free and 3\.0 MB are to stay free"):
            disk.keep()
        Disk(folder, 2 * _MB).keep()


def test_a_folder_of_another_machine_says_nothing(tmp_path: Path) -> None:
    there = Disk(tmp_path / "mounted elsewhere", 10**18)
    assert there.free() is None
    there.require(10**18)
    there.keep()


def test_the_settings_say_what_stays_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REELMILL_DISK_RESERVE_MB")
    get_settings.cache_clear()
    assert disk_of(tmp_path) == Disk(tmp_path, 512 * _MB)
