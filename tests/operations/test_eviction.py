"""What is kept of unfinished work, and for how long."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from reelmill.operations.chunk_store.eviction import always, choose_evicted, tidy
from reelmill.operations.chunk_store.store import Store, StoreEntry
from reelmill.operations.context import Workbench
from reelmill.operations.publishing.workspace import held
from reelmill.report import NullReport
from tests.clips import Notes


def _stored(bench: Workbench, *names: str, size: int = 1000) -> Store:
    """Chunks of ``size`` bytes; the first was used longest ago."""
    store = Store(bench.root)
    for age, name in enumerate(reversed(names)):
        with store.unfinished(name) as path:
            path.write_bytes(os.urandom(size))
            store.add(name, path, {})
        record = bench.root.chunks / f"{name}.json"
        os.utime(record, (1e9 - age, 1e9 - age))
    return store


def _left(bench: Workbench) -> set[str]:
    return {path.name for path in bench.root.chunks.iterdir() if not path.suffix}


def test_the_least_recently_used_go_first(bench: Workbench) -> None:
    _stored(bench, "a", "b", "c", "d")
    notes = Notes()
    assert tidy(bench.root, 2500, always, notes) == 2000
    assert _left(bench) == {"c", "d"}
    assert notes.said("2 chunks removed")
    assert tidy(bench.root, 2500, always, notes) == 0


def test_a_chunk_just_used_stays(bench: Workbench) -> None:
    store = _stored(bench, "a", "b", "c")
    assert store.find("a") is not None
    tidy(bench.root, 1000, always, NullReport())
    assert _left(bench) == {"a"}


def test_those_of_a_resumable_job_stay_and_those_of_one_given_up_do_not(bench: Workbench) -> None:
    store = _stored(bench, "a", "b", "c")
    paused, cancelled = uuid.uuid4(), uuid.uuid4()
    store.claim("job-1", paused, ["a"])
    store.claim("job-2", cancelled, ["b"])
    tidy(bench.root, 0, lambda run: run == paused, NullReport())
    assert _left(bench) == {"a"}
    assert [claim.recipe for claim in store.claims()] == ["job-1"]


def test_those_of_a_live_job_stay_whatever_is_said_of_its_run(bench: Workbench) -> None:
    store = _stored(bench, "a", "b")
    store.claim("job", uuid.uuid4(), ["a"])
    with held("job", NullReport()):
        tidy(bench.root, 0, lambda _run: False, NullReport())
    assert _left(bench) == {"a"}
    tidy(bench.root, 0, lambda _run: False, NullReport())
    assert _left(bench) == set()


def test_a_script_that_died_keeps_its_chunks_for_a_week(bench: Workbench) -> None:
    store = _stored(bench, "a")
    store.claim("job", None, ["a"])
    tidy(bench.root, 0, always, NullReport())
    assert _left(bench) == {"a"}
    os.utime(bench.root.chunks / "job.claim", (1e9, 1e9))
    tidy(bench.root, 0, always, NullReport())
    assert _left(bench) == set()


@pytest.mark.parametrize(
    "how", ["", "{}", "not JSON", "[]", '{"run_id": 3, "keys": null}', '{"run_id": 3, "ke', "\xff", "[" * 100_000]
)
def test_a_claim_nobody_can_read_stops_nothing_and_goes_in_its_time(bench: Workbench, how: str) -> None:
    store = _stored(bench, "a", "b")
    store.claim("job", uuid.uuid4(), ["a"])
    damaged = bench.root.chunks / "damaged.claim"
    damaged.write_bytes(how.encode("latin-1"))
    notes = Notes()
    tidy(bench.root, 0, always, notes)
    assert notes.said("damaged")
    assert _left(bench) == {"a"}
    assert damaged.exists()
    os.utime(damaged, (1e9, 1e9))
    tidy(bench.root, 0, always, NullReport())
    assert not damaged.exists()


def test_what_a_killed_run_left_unfinished_goes_and_what_is_in_the_making_stays(bench: Workbench) -> None:
    store = Store(bench.root)
    with store.unfinished("alive") as alive, held("alive", NullReport()):
        alive.write_bytes(b"half")
        dead = Path(f"{bench.root.chunks}/dead-12345678.part")
        dead.write_bytes(b"half")
        tidy(bench.root, 10**9, always, NullReport())
        assert alive.exists()
        assert not dead.exists()


def test_a_folder_in_a_claims_place_stops_nothing(bench: Workbench) -> None:
    _stored(bench, "a")
    (bench.root.chunks / "odd.claim").mkdir()
    tidy(bench.root, 0, always, NullReport())
    assert _left(bench) == set()


@pytest.mark.parametrize("how", ["", "[]", "not JSON", '{"size": 1000, "sha', "\xff", "[" * 100_000])
def test_a_chunk_whose_record_is_damaged_is_made_again(bench: Workbench, how: str) -> None:
    store = _stored(bench, "a")
    (bench.root.chunks / "a.json").write_bytes(how.encode("latin-1"))
    assert store.find("a") is None


def test_a_chunk_without_a_record_counts_and_goes_first(bench: Workbench) -> None:
    _stored(bench, "a", "b")
    orphan, record = bench.root.chunks / "orphan", bench.root.chunks / "lost.json"
    orphan.write_bytes(bytes(5000))
    record.write_text("{}")
    with held("orphan", NullReport()):  # its maker is about to write its record
        tidy(bench.root, 7000, always, NullReport())
        assert orphan.exists()
    assert tidy(bench.root, 2000, always, NullReport()) == 5000
    assert _left(bench) == {"a", "b"}
    assert not record.exists()


def test_what_goes_is_decided_by_bytes() -> None:
    sizes = {"a": 10, "b": 5, "c": 20, "d": 30}
    entries = [StoreEntry(key, key != "b", size, used) for used, (key, size) in enumerate(sizes.items())]
    assert [entry.key for entry in choose_evicted(entries, frozenset(), 60)] == ["b"]
    assert [entry.key for entry in choose_evicted(entries, frozenset(), 59)] == ["b", "a"]
    assert [entry.key for entry in choose_evicted(entries, frozenset("a"), 59)] == ["b", "c"]
    assert [entry.key for entry in choose_evicted(entries, frozenset("abcd"), 0)] == []
