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

from reelmill.scheduling.placement import Waiting
from tests.workpools.others import TAKE_AND_HOLD, other_process
from workpools.book import Book, Lease, Page, Queued
from workpools.presence import Presence, alive

QUEUED = Queued("w1", 4000, 5, 12.5)
LEASE = Lease("w1", "vram-here-gpu0", 4000, "here:4711:99")


async def _read(book: Book) -> Page:
    async with book.open() as page:
        return page


def read(book: Book) -> Page:
    return asyncio.run(_read(book))


def write(book: Book, change: Callable[[Page], None]) -> None:
    async def act() -> None:
        async with book.open() as page:
            change(page)

    asyncio.run(act())


def _both(page: Page) -> None:
    page.waiting["run"] = QUEUED
    page.leases["lease"] = LEASE


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "workers", "here")


def test_a_new_book_is_empty_and_makes_its_folder(book: Book, tmp_path: Path) -> None:
    assert read(book) == Page()
    assert (tmp_path / "workers").is_dir()


def test_what_is_written_stands_there_for_the_next_worker(book: Book, tmp_path: Path) -> None:
    write(book, _both)
    assert read(Book(tmp_path / "workers", "here")) == Page({"run": QUEUED}, {"lease": LEASE})


def test_machines_that_share_a_folder_have_a_book_each(book: Book, tmp_path: Path) -> None:
    write(book, _both)
    assert read(Book(tmp_path / "workers", "there")) == Page()


def test_what_is_struck_out_is_gone(book: Book) -> None:
    write(book, _both)
    write(book, lambda page: page.waiting.clear())
    assert read(book) == Page({}, {"lease": LEASE})


def test_what_changed_is_kept_also_when_the_block_fails(book: Book) -> None:
    def fail(page: Page) -> None:
        _both(page)
        raise OSError("the server is away")

    with pytest.raises(OSError, match="the server is away"):
        write(book, fail)
    assert read(book) == Page({"run": QUEUED}, {"lease": LEASE})


def test_a_page_nobody_changed_is_not_written(book: Book, tmp_path: Path) -> None:
    read(book)
    assert [path.name for path in (tmp_path / "workers").glob("*.json")] == []


def test_a_queued_job_is_what_the_policy_takes() -> None:
    assert QUEUED.as_waiting("run") == Waiting("run", 4000, 5, 12.5)


# --- a file that is no book -------------------------------------------------------------------------------------------


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
def test_a_corrupt_book_is_begun_anew(kept: bytes, book: Book, tmp_path: Path) -> None:
    (tmp_path / "workers" / "vram-here.json").write_bytes(kept)
    assert read(book) == Page()
    write(book, _both)
    assert read(book) == Page({"run": QUEUED}, {"lease": LEASE})


def test_a_half_written_new_page_does_not_hide_the_old(book: Book, tmp_path: Path) -> None:
    write(book, _both)
    (tmp_path / "workers" / "vram-here.new").write_text('{"waiting": {"ru')
    assert read(book) == Page({"run": QUEUED}, {"lease": LEASE})


def test_who_reads_while_a_page_is_written_sees_the_old_one_whole(book: Book, tmp_path: Path) -> None:
    write(book, _both)
    with (tmp_path / "workers" / "vram-here.json").open() as reader:
        write(book, lambda page: page.waiting.clear())
        assert set(json.load(reader)["waiting"]) == {"run"}


# --- one at a time ----------------------------------------------------------------------------------------------------


def test_tasks_that_open_the_book_at_once_take_turns(book: Book) -> None:
    inside: list[int] = []

    async def one(number: int) -> None:
        async with book.open() as page:
            inside.append(number)
            await asyncio.sleep(0)  # as while the server is asked
            await asyncio.sleep(0)
            assert inside == [number]
            inside.remove(number)
            page.waiting[f"run{number}"] = QUEUED

    async def all_at_once() -> None:
        await asyncio.gather(*(one(number) for number in range(12)))

    asyncio.run(all_at_once())
    assert set(read(book).waiting) == {f"run{number}" for number in range(12)}


_ADD = """
    import asyncio, sys
    from pathlib import Path
    from workpools.book import Book, Queued
    async def add():
        for number in range(25):
            async with Book(Path(sys.argv[1]), "here").open() as page:
                page.waiting[f"{sys.argv[2]}-{number}"] = Queued(sys.argv[2], 1, 5, 0.0)
    asyncio.run(add())
"""


def test_processes_that_write_at_once_lose_nothing(book: Book, tmp_path: Path) -> None:
    def start(name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(_ADD), str(tmp_path / "workers"), name])

    with start("a") as first, start("b") as second:
        assert (first.wait(), second.wait()) == (0, 0)
    assert len(read(book).waiting) == 50


_HOLD = """
    import asyncio, sys
    from pathlib import Path
    from workpools.book import Book, Queued
    async def hold():
        async with Book(Path(sys.argv[1]), "here").open() as page:
            page.waiting["theirs"] = Queued("other", 1, 5, 0.0)
            print("open", flush=True)
            sys.stdin.read()
    asyncio.run(hold())
"""


def test_a_book_another_process_has_open_is_waited_for(book: Book, tmp_path: Path) -> None:
    async def act() -> Page:
        with other_process(_HOLD, tmp_path / "workers") as child:
            ours = asyncio.create_task(_read(book))
            assert not (await asyncio.wait([ours], timeout=0.1))[0]
            assert child.stdin is not None
            child.stdin.close()
            return await ours

    assert set(asyncio.run(act()).waiting) == {"theirs"}


def test_a_process_killed_with_the_book_open_neither_holds_it_nor_tears_it(book: Book, tmp_path: Path) -> None:
    write(book, _both)
    with other_process(_HOLD, tmp_path / "workers") as child:
        child.kill()
        child.wait()
        assert read(book) == Page({"run": QUEUED}, {"lease": LEASE})


def test_a_block_that_fails_lets_the_next_one_in(book: Book) -> None:
    async def act() -> Page:
        with contextlib.suppress(KeyError):
            async with book.open():
                raise KeyError
        return await asyncio.wait_for(_read(book), 5)

    assert asyncio.run(act()) == Page()


def test_no_workers_name_can_take_the_books_lock(book: Book, tmp_path: Path) -> None:
    async def act() -> None:
        async with book.open():
            Presence(tmp_path / "workers", "vram-here").end()

    asyncio.run(act())


# --- the dead ---------------------------------------------------------------------------------------------------------


def test_what_dead_workers_left_is_struck_out_and_their_leases_come_back() -> None:
    page = Page(
        waiting={"a": Queued("dead", 1, 5, 0.0), "b": Queued("alive", 2, 5, 0.0), "c": Queued("gone", 3, 5, 0.0)},
        leases={"x": Lease("alive", "gpu0", 4), "y": Lease("dead", "gpu0", 5, "here:1:2"), "z": Lease("gone", "g", 6)},
    )
    left = page.without_dead(lambda worker: worker == "alive")
    assert left == {"y": Lease("dead", "gpu0", 5, "here:1:2"), "z": Lease("gone", "g", 6)}
    assert page == Page({"b": Queued("alive", 2, 5, 0.0)}, {"x": Lease("alive", "gpu0", 4)})


def test_where_all_live_nothing_is_struck_out() -> None:
    page = Page({"run": QUEUED}, {"lease": LEASE})
    before = asdict(page)
    assert page.without_dead({"w1"}.__contains__) == {}
    assert asdict(page) == before


def test_each_worker_is_asked_after_once() -> None:
    asked: list[str] = []

    def alive_and_noted(worker: str) -> bool:
        asked.append(worker)
        return True

    leases = {str(number): Lease("w1", "gpu0", 1) for number in range(3)}
    Page({"a": QUEUED, "b": Queued("w2", 1, 5, 0.0)}, leases).without_dead(alive_and_noted)
    assert sorted(asked) == ["w1", "w2"]


def test_the_entries_of_a_worker_that_was_killed_go_with_the_next_who_looks(book: Book, tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    us = Presence(folder, "us")
    ours = Lease("us", "gpu0", 2000)
    left_then: dict[str, Lease] = {}
    with other_process(TAKE_AND_HOLD, folder, "them") as child:

        def both(page: Page) -> None:
            page.leases = {"ours": ours, "theirs": Lease("them", "gpu0", 4000)}

        write(book, both)
        write(book, lambda page: left_then.update(page.without_dead(lambda name: alive(folder, name))))
        assert left_then == {}
        child.kill()
        child.wait()
        write(book, lambda page: left_then.update(page.without_dead(lambda name: alive(folder, name))))
    us.end()
    assert left_then == {"theirs": Lease("them", "gpu0", 4000)}
    assert read(book) == Page({}, {"ours": ours})
