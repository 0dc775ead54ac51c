from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reelmill.errors import SiteError
from reelmill.troubles import SiteTrouble
from tests.refusals import refused
from tests.workpools.others import TAKE_AND_HOLD, other_process
from workpools.processes.worker_lock import WorkerLock, alive

Take = Callable[[str], WorkerLock]


@pytest.fixture
def taken() -> Iterator[list[WorkerLock]]:
    """What a test took; given up when it ends."""
    locks: list[WorkerLock] = []
    yield locks
    for lock in locks:
        lock.release()


@pytest.fixture
def first_free(tmp_path: Path, taken: list[WorkerLock]) -> Take:
    def take(name: str) -> WorkerLock:
        taken.append(WorkerLock.acquire_first_free(tmp_path / "workers", name))
        return taken[-1]

    return take


@pytest.fixture
def by_name(tmp_path: Path, taken: list[WorkerLock]) -> Take:
    def take(name: str) -> WorkerLock:
        taken.append(WorkerLock.acquire(tmp_path / "workers", name))
        return taken[-1]

    return take


def test_whoever_has_a_name_lives_until_they_end(by_name: Take, tmp_path: Path) -> None:
    lock = by_name("here-cpu")
    assert alive(tmp_path / "workers", "here-cpu")
    lock.release()
    assert not alive(tmp_path / "workers", "here-cpu")


def test_asking_takes_nobodys_name_away(by_name: Take, tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    assert not alive(tmp_path / "workers", "here-cpu")
    assert by_name("here-cpu").name == "here-cpu"
    assert alive(tmp_path / "workers", "here-cpu")
    assert alive(tmp_path / "workers", "here-cpu")


def test_a_taken_name_is_refused_with_the_way_out(by_name: Take) -> None:
    by_name("here-cpu")
    with pytest.raises(SiteError) as refused:
        by_name("here-cpu")
    assert str(refused.value) == ("A worker named here-cpu is already up on this node; give this one another --name.")


def test_releasing_twice_releases_nobody_elses_lock(by_name: Take, tmp_path: Path) -> None:
    first = by_name("here-cpu")
    first.release()
    by_name("here-cpu")
    first.release()
    assert alive(tmp_path / "workers", "here-cpu")


def test_numbers_begin_with_the_second_worker(first_free: Take) -> None:
    assert [first_free("here-cpu").name for _ in range(3)] == ["here-cpu", "here-cpu-2", "here-cpu-3"]


def test_other_pools_have_numbers_of_their_own(first_free: Take) -> None:
    assert [first_free(name).name for name in ("here-cpu", "here-gpu_ai")] == ["here-cpu", "here-gpu_ai"]


def test_a_number_that_was_given_up_is_the_next_to_be_taken(first_free: Take) -> None:
    _, second, _ = [first_free("here-cpu") for _ in range(3)]
    second.release()
    assert [first_free("here-cpu").name for _ in range(2)] == ["here-cpu-2", "here-cpu-4"]


def test_a_name_taken_outright_is_passed_over(by_name: Take, first_free: Take) -> None:
    by_name("here-cpu-2")
    assert [first_free("here-cpu").name for _ in range(2)] == ["here-cpu", "here-cpu-3"]


def test_a_hundred_workers_are_the_most(first_free: Take) -> None:
    assert [first_free("here-cpu").name for _ in range(100)][-1] == "here-cpu-100"
    with pytest.raises(SiteError) as refused:
        first_free("here-cpu")
    assert str(refused.value) == "100 workers named here-cpu are up on this node; stop some."


def test_another_process_holds_its_name_and_sigkill_frees_it(by_name: Take, first_free: Take, tmp_path: Path) -> None:
    with other_process(TAKE_AND_HOLD, tmp_path / "workers", "here-cpu") as child:
        assert alive(tmp_path / "workers", "here-cpu")
        with refused(SiteError, trouble=SiteTrouble.NAME_TAKEN, about="here-cpu"):
            by_name("here-cpu")
        assert first_free("here-cpu").name == "here-cpu-2"
        child.kill()
        child.wait()
        assert not alive(tmp_path / "workers", "here-cpu")
        assert by_name("here-cpu").name == "here-cpu"


_LEAVE_A_CHILD = """
    import subprocess, sys
    from pathlib import Path
    from workpools.processes.worker_lock import WorkerLock
    lock = WorkerLock.acquire(Path(sys.argv[1]), sys.argv[2])
    subprocess.Popen([sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"])
    sys.stdin.read()
"""


def test_a_program_that_outlives_its_worker_does_not_hold_the_name(tmp_path: Path) -> None:
    with other_process(_LEAVE_A_CHILD, tmp_path / "workers", "here-cpu") as child:
        assert alive(tmp_path / "workers", "here-cpu")
        child.kill()
        child.wait()
        assert child.stdout is not None
        assert child.stdin is not None
        assert not alive(tmp_path / "workers", "here-cpu")
        child.stdin.close()  # which ends the one left over
        child.stdout.read()
