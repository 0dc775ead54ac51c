from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from reelmill.queue.placement import WaitingJob
from tests.patience import PATIENCE
from tests.workpools.others import TAKE_AND_HOLD, other_process
from workpools.processes.worker_lock import WorkerLock, alive
from workpools.vram.vram_ledger import Lease, LedgerEntries, VramLedger, WaitingEntry

WAITING = WaitingEntry("w1", 4000, 5, 12.5)
LEASE = Lease("w1", "vram-here-gpu0", 4000, "here:4711:99")


async def _read(book: VramLedger) -> LedgerEntries:
    async with book.open() as entries:
        return entries


def read(book: VramLedger) -> LedgerEntries:
    return asyncio.run(_read(book))


def write(book: VramLedger, change: Callable[[LedgerEntries], None]) -> None:
    async def act() -> None:
        async with book.open() as entries:
            change(entries)

    asyncio.run(act())


def _both(entries: LedgerEntries) -> None:
    entries.waiting["run"] = WAITING
    entries.leases["lease"] = LEASE


@pytest.fixture
def book(tmp_path: Path) -> VramLedger:
    return VramLedger(tmp_path / "workers", "here")


def test_a_new_ledger_is_empty_and_makes_its_folder(book: VramLedger, tmp_path: Path) -> None:
    assert read(book) == LedgerEntries()
    assert (tmp_path / "workers").is_dir()


def test_what_is_written_stands_there_for_the_next_worker(book: VramLedger, tmp_path: Path) -> None:
    write(book, _both)
    assert read(VramLedger(tmp_path / "workers", "here")) == LedgerEntries({"run": WAITING}, {"lease": LEASE})


def test_nodes_that_share_a_folder_have_a_ledger_each(book: VramLedger, tmp_path: Path) -> None:
    write(book, _both)
    assert read(VramLedger(tmp_path / "workers", "there")) == LedgerEntries()


def test_what_is_removed_is_gone(book: VramLedger) -> None:
    write(book, _both)
    write(book, lambda entries: entries.waiting.clear())
    assert read(book) == LedgerEntries({}, {"lease": LEASE})


def test_what_changed_is_kept_also_when_the_block_fails(book: VramLedger) -> None:
    def fail(entries: LedgerEntries) -> None:
        _both(entries)
        raise OSError("the server is away")

    with pytest.raises(OSError, match="the server is away"):
        write(book, fail)
    assert read(book) == LedgerEntries({"run": WAITING}, {"lease": LEASE})


def test_entries_that_nobody_changed_are_not_written(book: VramLedger, tmp_path: Path) -> None:
    read(book)
    assert [path.name for path in (tmp_path / "workers").glob("*.json")] == []


def test_a_waiting_entry_is_what_the_policy_takes() -> None:
    assert WAITING.as_waiting("run") == WaitingJob("run", 4000, 5, 12.5)


# --- a file that is no ledger -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(b"", id="empty, as after a power cut"),
        pytest.param(b'{"waiting": {"run": {"worker": "w1", "need', id="torn"),
        pytest.param(b"\0" * 64, id="zeros, as after a power cut"),
        pytest.param(b'{"waiting": "\xff\xfe', id="no text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="neither part"),
        pytest.param(b'{"waiting": {}}', id="one part"),
        pytest.param(b'{"waiting": [], "leases": []}', id="lists for tables"),
        pytest.param(b'{"waiting": {"run": 7}, "leases": {}}', id="a number for an entry"),
        pytest.param(b'{"waiting": {"run": {"worker": "w1"}}, "leases": {}}', id="an entry without its fields"),
        pytest.param(b'{"waiting": {}, "leases": {"a": {"colour": "red"}}}', id="fields of another version"),
    ],
)
def test_a_corrupt_ledger_is_begun_anew(kept: bytes, book: VramLedger, tmp_path: Path) -> None:
    (tmp_path / "workers" / "vram-here.json").write_bytes(kept)
    assert read(book) == LedgerEntries()
    write(book, _both)
    assert read(book) == LedgerEntries({"run": WAITING}, {"lease": LEASE})


def test_entries_of_another_version_do_not_cost_those_that_can_be_read(book: VramLedger, tmp_path: Path) -> None:
    lease = {"worker": "w1", "limit_name": "vram-here-gpu0", "mb": 4000, "process": None}
    kept = {"waiting": {}, "leases": {"a": {"colour": "red"}, "b": 7, "c": lease | {"since": "a later version"}}}
    (tmp_path / "workers" / "vram-here.json").write_text(json.dumps(kept))
    assert read(book).leases == {"c": Lease("w1", "vram-here-gpu0", 4000)}


def test_a_half_written_new_file_does_not_hide_the_old(book: VramLedger, tmp_path: Path) -> None:
    write(book, _both)
    (tmp_path / "workers" / "vram-here.new").write_text('{"waiting": {"ru')
    assert read(book) == LedgerEntries({"run": WAITING}, {"lease": LEASE})


def test_who_reads_while_the_file_is_written_sees_the_old_one_whole(book: VramLedger, tmp_path: Path) -> None:
    write(book, _both)
    with (tmp_path / "workers" / "vram-here.json").open() as reader:
        write(book, lambda entries: entries.waiting.clear())
        assert set(json.load(reader)["waiting"]) == {"run"}


# --- one at a time ----------------------------------------------------------------------------------------------------


def test_tasks_that_open_the_ledger_at_once_take_turns(book: VramLedger) -> None:
    inside: list[int] = []

    async def one(number: int) -> None:
        async with book.open() as entries:
            inside.append(number)
            await asyncio.sleep(0)  # as while the server is asked
            await asyncio.sleep(0)
            assert inside == [number]
            inside.remove(number)
            entries.waiting[f"run{number}"] = WAITING

    async def all_at_once() -> None:
        await asyncio.gather(*(one(number) for number in range(12)))

    asyncio.run(all_at_once())
    assert set(read(book).waiting) == {f"run{number}" for number in range(12)}


_ADD = """
    import asyncio, sys
    from pathlib import Path
    from workpools.vram.vram_ledger import VramLedger, WaitingEntry
    async def add():
        for number in range(25):
            async with VramLedger(Path(sys.argv[1]), "here").open() as entries:
                entries.waiting[f"{sys.argv[2]}-{number}"] = WaitingEntry(sys.argv[2], 1, 5, 0.0)
    asyncio.run(add())
"""


def test_processes_that_write_at_once_lose_nothing(book: VramLedger, tmp_path: Path) -> None:
    def start(name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(_ADD), str(tmp_path / "workers"), name])

    with start("a") as first, start("b") as second:
        assert (first.wait(), second.wait()) == (0, 0)
    assert len(read(book).waiting) == 50


_HOLD = """
    import asyncio, sys
    from pathlib import Path
    from workpools.vram.vram_ledger import VramLedger, WaitingEntry
    async def hold():
        async with VramLedger(Path(sys.argv[1]), "here").open() as entries:
            entries.waiting["theirs"] = WaitingEntry("other", 1, 5, 0.0)
            print("open", flush=True)
            sys.stdin.read()
    asyncio.run(hold())
"""


def test_a_ledger_another_process_has_open_is_waited_for(book: VramLedger, tmp_path: Path) -> None:
    async def act() -> LedgerEntries:
        with other_process(_HOLD, tmp_path / "workers") as child:
            ours = asyncio.create_task(_read(book))
            assert not (await asyncio.wait([ours], timeout=0.1))[0]
            assert child.stdin is not None
            child.stdin.close()
            return await ours

    assert set(asyncio.run(act()).waiting) == {"theirs"}


def test_a_process_killed_with_the_ledger_open_neither_holds_it_nor_tears_it(book: VramLedger, tmp_path: Path) -> None:
    write(book, _both)
    with other_process(_HOLD, tmp_path / "workers") as child:
        child.kill()
        child.wait()
        assert read(book) == LedgerEntries({"run": WAITING}, {"lease": LEASE})


def test_a_block_that_fails_lets_the_next_one_in(book: VramLedger) -> None:
    async def act() -> LedgerEntries:
        with contextlib.suppress(KeyError):
            async with book.open():
                raise KeyError
        return await asyncio.wait_for(_read(book), PATIENCE)

    assert asyncio.run(act()) == LedgerEntries()


def test_no_workers_name_can_take_the_ledgers_lock(book: VramLedger, tmp_path: Path) -> None:
    async def act() -> None:
        async with book.open():
            WorkerLock.acquire(tmp_path / "workers", "vram-here").release()

    asyncio.run(act())


# --- the dead ---------------------------------------------------------------------------------------------------------


def test_what_dead_workers_left_is_removed_and_their_leases_come_back() -> None:
    entries = LedgerEntries(
        waiting={
            "a": WaitingEntry("dead", 1, 5, 0.0),
            "b": WaitingEntry("alive", 2, 5, 0.0),
            "c": WaitingEntry("gone", 3, 5, 0.0),
        },
        leases={"x": Lease("alive", "gpu0", 4), "y": Lease("dead", "gpu0", 5, "here:1:2"), "z": Lease("gone", "g", 6)},
    )
    left = entries.remove_dead(lambda worker: worker == "alive")
    assert left == {"y": Lease("dead", "gpu0", 5, "here:1:2"), "z": Lease("gone", "g", 6)}
    assert entries == LedgerEntries({"b": WaitingEntry("alive", 2, 5, 0.0)}, {"x": Lease("alive", "gpu0", 4)})


def test_where_all_live_nothing_is_removed() -> None:
    entries = LedgerEntries({"run": WAITING}, {"lease": LEASE})
    before = asdict(entries)
    assert entries.remove_dead({"w1"}.__contains__) == {}
    assert asdict(entries) == before


def test_each_worker_is_checked_once() -> None:
    checked: list[str] = []

    def alive_and_noted(worker: str) -> bool:
        checked.append(worker)
        return True

    leases = {str(number): Lease("w1", "gpu0", 1) for number in range(3)}
    LedgerEntries({"a": WAITING, "b": WaitingEntry("w2", 1, 5, 0.0)}, leases).remove_dead(alive_and_noted)
    assert sorted(checked) == ["w1", "w2"]


def test_the_entries_of_a_worker_that_was_killed_go_with_the_next_who_looks(book: VramLedger, tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    us = WorkerLock.acquire(folder, "us")
    ours = Lease("us", "gpu0", 2000)
    left_then: dict[str, Lease] = {}
    with other_process(TAKE_AND_HOLD, folder, "them") as child:

        def both(entries: LedgerEntries) -> None:
            entries.leases = {"ours": ours, "theirs": Lease("them", "gpu0", 4000)}

        write(book, both)
        write(book, lambda entries: left_then.update(entries.remove_dead(lambda name: alive(folder, name))))
        assert left_then == {}
        child.kill()
        child.wait()
        write(book, lambda entries: left_then.update(entries.remove_dead(lambda name: alive(folder, name))))
    us.release()
    assert left_then == {"theirs": Lease("them", "gpu0", 4000)}
    assert read(book) == LedgerEntries({}, {"ours": ours})
