"""What is kept of unfinished work, and for how long."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from reelmill.operations.store import Kept, Store
from reelmill.operations.tidying import always, spare, tidy
from reelmill.operations.workbench import Workbench
from reelmill.operations.workspace import held
from reelmill.report import Silent
from tests.clips import Notes


def _kept(bench: Workbench, *names: str, size: int = 1000) -> Store:
    """Pieces of ``size`` bytes; the first was used longest ago."""
    store = Store(bench.root)
    for age, name in enumerate(reversed(names)):
        with store.unfinished(name) as part:
            part.write_bytes(os.urandom(size))
            store.keep(name, part, {})
        record = bench.root.chunks / f"{name}.json"
        os.utime(record, (1e9 - age, 1e9 - age))
    return store


def _left(bench: Workbench) -> set[str]:
    return {path.name for path in bench.root.chunks.iterdir() if not path.suffix}


def test_the_least_recently_used_go_first(bench: Workbench) -> None:
    _kept(bench, "a", "b", "c", "d")
    notes = Notes()
    assert tidy(bench.root, 2500, always, notes) == 2000
    assert _left(bench) == {"c", "d"}
    assert notes.said("2 chunks removed")
    assert tidy(bench.root, 2500, always, notes) == 0


def test_a_piece_just_used_stays(bench: Workbench) -> None:
    store = _kept(bench, "a", "b", "c")
    assert store.find("a") is not None
    tidy(bench.root, 1000, always, Silent())
    assert _left(bench) == {"a"}


def test_those_of_a_resumable_job_stay_and_those_of_one_given_up_do_not(bench: Workbench) -> None:
    store = _kept(bench, "a", "b", "c")
    paused, cancelled = uuid.uuid4(), uuid.uuid4()
    store.claim("job-1", paused, ["a"])
    store.claim("job-2", cancelled, ["b"])
    tidy(bench.root, 0, lambda run: run == paused, Silent())
    assert _left(bench) == {"a"}
    assert [claim.recipe for claim in store.claims()] == ["job-1"]


def test_those_of_a_live_job_stay_whatever_is_said_of_its_run(bench: Workbench) -> None:
    store = _kept(bench, "a", "b")
    store.claim("job", uuid.uuid4(), ["a"])
    with held("job", Silent()):
        tidy(bench.root, 0, lambda _run: False, Silent())
    assert _left(bench) == {"a"}
    tidy(bench.root, 0, lambda _run: False, Silent())
    assert _left(bench) == set()


def test_a_script_that_died_keeps_its_pieces_for_a_week(bench: Workbench) -> None:
    store = _kept(bench, "a")
    store.claim("job", None, ["a"])
    tidy(bench.root, 0, always, Silent())
    assert _left(bench) == {"a"}
    os.utime(bench.root.chunks / "job.claim", (1e9, 1e9))
    tidy(bench.root, 0, always, Silent())
    assert _left(bench) == set()


def test_what_a_killed_run_left_unfinished_goes_and_what_is_in_the_making_stays(bench: Workbench) -> None:
    store = Store(bench.root)
    with store.unfinished("alive") as alive, held("alive", Silent()):
        alive.write_bytes(b"half")
        dead = Path(f"{bench.root.chunks}/dead-12345678.part")
        dead.write_bytes(b"half")
        tidy(bench.root, 10**9, always, Silent())
        assert alive.exists()
        assert not dead.exists()


def test_what_goes_is_decided_by_bytes() -> None:
    kept = [Kept("a", True, 10, 1), Kept("b", False, 5, 2), Kept("c", True, 20, 3), Kept("d", True, 30, 4)]
    assert [piece.key for piece in spare(kept, frozenset(), 60)] == ["b"]
    assert [piece.key for piece in spare(kept, frozenset(), 59)] == ["b", "a"]
    assert [piece.key for piece in spare(kept, frozenset("a"), 59)] == ["b", "c"]
    assert [piece.key for piece in spare(kept, frozenset("abcd"), 0)] == []
