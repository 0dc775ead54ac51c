from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.storage.file_lock import FileLock


def test_a_lock_is_held_by_one_and_free_once_it_is_released(tmp_path: Path) -> None:
    first = FileLock.acquire(tmp_path / "a.lock")
    assert FileLock.try_acquire(tmp_path / "a.lock") is None
    first.release()
    second = FileLock.try_acquire(tmp_path / "a.lock")
    assert second is not None
    first.release()  # again: the second holder keeps it
    assert FileLock.try_acquire(tmp_path / "a.lock") is None
    second.release()


def test_a_block_that_fails_releases_its_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyError), FileLock.acquire(tmp_path / "a.lock"):
        raise KeyError
    with FileLock.acquire(tmp_path / "a.lock"):
        assert FileLock.try_acquire(tmp_path / "a.lock") is None


def test_what_the_file_says_stays(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text("4711")
    with FileLock.acquire(tmp_path / "a.lock"):
        assert (tmp_path / "a.lock").read_text() == "4711"


def test_a_shared_lock_is_held_alone_only_by_the_last_who_shares_it(tmp_path: Path) -> None:
    first, second = FileLock.share(tmp_path / "a.lock"), FileLock.share(tmp_path / "a.lock")
    assert not first.try_upgrade()
    first.release()
    assert second.try_upgrade()
    second.downgrade()
    with FileLock.share(tmp_path / "a.lock"):
        assert FileLock.try_acquire(tmp_path / "a.lock") is None
    second.release()


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileLock.try_acquire(tmp_path / "gone" / "a.lock")


_HOLD = """
    import subprocess, sys
    from pathlib import Path
    from reelmill.storage.file_lock import FileLock
    lock = FileLock.acquire(Path(sys.argv[1]))
    left_over = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_holder_that_is_killed_releases_it_though_what_it_started_lives_on(tmp_path: Path) -> None:
    program = "\n".join(line.strip() for line in _HOLD.splitlines())
    argv = [sys.executable, "-c", program, str(tmp_path / "a.lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        assert FileLock.try_acquire(tmp_path / "a.lock") is None
        holder.kill()
        holder.wait(10)
        lock = FileLock.try_acquire(tmp_path / "a.lock")
        assert lock is not None
        lock.release()
