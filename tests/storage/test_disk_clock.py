from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reelmill.storage.disk_clock import disk_clock


def test_it_is_the_time_that_files_are_dated_by_and_leaves_none(tmp_path: Path) -> None:
    clock = disk_clock(tmp_path)
    assert list(tmp_path.iterdir()) == []
    earlier = clock()
    (tmp_path / "a").touch()
    # Kernels date files by a clock of a few milliseconds, which ``disk_clock`` cannot know better.
    assert earlier - 0.1 < (tmp_path / "a").stat().st_mtime < clock() + 0.1


def test_a_share_may_have_a_clock_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat

    def fstat(file: int) -> os.stat_result:
        found = real(file)
        return os.stat_result((*found[:8], found.st_mtime + 300, found[9]))

    monkeypatch.setattr(os, "fstat", fstat)
    assert disk_clock(tmp_path)() == pytest.approx(time.time() + 300, abs=60)


@pytest.mark.parametrize("place", ["missing", "/proc/self"])
def test_where_no_file_can_be_written_it_is_this_nodes(tmp_path: Path, place: str) -> None:
    assert disk_clock(tmp_path / place) is time.time
    assert list(tmp_path.iterdir()) == []
