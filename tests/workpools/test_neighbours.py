from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.scheduling.node import VirtualGpu, WorkerFacts
from workpools.neighbours import Neighbour, able, silent, site_has_gpu, sweeper

NOW = datetime(2025, 3, 1, 10, 0, tzinfo=UTC)


def heard(**seconds_ago: float) -> list[Neighbour]:
    return [Neighbour(name, NOW - timedelta(seconds=ago)) for name, ago in seconds_ago.items()]


def facts(worker: str = "them", node: str = "there", **fields: Any) -> WorkerFacts:
    """Of an idle worker with one card of 8000 MB."""
    usual: dict[str, Any] = {
        "pool": "gpu_ai",
        "max_jobs": 2,
        "active_jobs": 0,
        "paused": None,
        "vram": [VirtualGpu(f"vram-{node}-gpu0", "gpu0", 8000)],
    }
    return WorkerFacts(worker=worker, node=node, **(usual | fields))


US = facts("us", "here")

# --- who is alive -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "found"),
    [
        pytest.param(heard(us=0, a=10, b=31), {"b"}, id="longer than the time"),
        pytest.param(heard(us=0, a=30), set(), id="just as long is not longer"),
        pytest.param(heard(us=100, a=120), set(), id="the server's clock is not asked: ours is the measure"),
        pytest.param(heard(us=100, a=131), {"a"}, id="nor is ours: what counts is our own last word"),
        pytest.param(heard(us=100, a=0), set(), id="one heard of after us"),
        pytest.param(heard(a=0, b=1000), set(), id="we were never heard of ourselves"),
        pytest.param([], set(), id="nobody"),
    ],
)
def test_silent_is_who_was_unheard_of_for_long_before_our_last_word(workers: list[Neighbour], found: set[str]) -> None:
    assert silent(workers, "us", 30) == found


@given(st.lists(st.floats(0, 1000)), st.floats(0.1, 100))
def test_nobody_is_silent_to_themselves(ago: list[float], seconds: float) -> None:
    workers = heard(us=500, **{f"w{number}": one for number, one in enumerate(ago)})
    assert "us" not in silent(workers, "us", seconds)


@pytest.mark.parametrize(
    ("workers", "ours"),
    [
        pytest.param(heard(us=0), True, id="alone"),
        pytest.param(heard(us=0, zoe=5), True, id="first by name"),
        pytest.param(heard(us=0, adam=5), False, id="another is before us"),
        pytest.param(heard(us=0, adam=31), True, id="who was before us fell silent"),
        pytest.param(heard(us=0, adam=31, bea=5), False, id="one silent, one alive before us"),
        pytest.param(heard(zoe=0), False, id="we were never heard of"),
        pytest.param([], False, id="nobody was"),
    ],
)
def test_the_first_by_name_of_the_living_sweeps(workers: list[Neighbour], ours: bool) -> None:
    assert sweeper(workers, "us", 30) is ours


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 30), min_size=1))
def test_of_the_living_just_one_sweeps(ago: dict[str, float]) -> None:
    workers = heard(**ago)
    assert [sweeper(workers, name, 30) for name in ago].count(True) == 1


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 300), min_size=1))
def test_somebody_always_sweeps(ago: dict[str, float]) -> None:
    workers = heard(**ago)
    assert any(sweeper(workers, name, 30) for name in ago)


# --- who has room -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "ever", "now"),
    [
        pytest.param(facts(), True, True, id="idle and large enough"),
        pytest.param(facts(vram=[VirtualGpu("vram-there-gpu0", "gpu0", 7999)]), False, False, id="a smaller card"),
        pytest.param(facts(vram=[]), False, False, id="no card"),
        pytest.param(
            facts(vram=[VirtualGpu("a", "gpu0", 4000), VirtualGpu("b", "gpu1", 8000)]), True, True, id="its second card"
        ),
        pytest.param(
            facts(vram=[VirtualGpu("a", "gpu0", 4000), VirtualGpu("b", "gpu1", 4000)]),
            False,
            False,
            id="two cards do not add up",
        ),
        pytest.param(facts(active_jobs=2), True, False, id="no slot left"),
        pytest.param(facts(active_jobs=1), True, True, id="one slot left"),
        pytest.param(facts(pool="gpu_encode"), False, False, id="another pool"),
        pytest.param(facts(node="here"), False, False, id="our own machine"),
        pytest.param(facts(worker="dead"), False, False, id="not alive"),
        pytest.param(facts(paused="its last 3 jobs failed: full"), False, False, id="paused"),
        pytest.param(
            facts(vram=[VirtualGpu("vram-there-virtual", "virtual", 16000)]), True, True, id="a virtual budget"
        ),
    ],
)
def test_another_machine_of_our_pool_can_take_a_job(other: WorkerFacts, ever: bool, now: bool) -> None:
    assert able([US, other], {"us", "them"}, US, 8000) is ever
    assert able([US, other], {"us", "them"}, US, 8000, {}) is now


@pytest.mark.parametrize(("taken", "room"), [(0, True), (4000, True), (4001, False), (8000, False)])
def test_what_is_leased_there_is_no_room(taken: int, room: bool) -> None:
    assert able([facts()], {"them"}, US, 4000, {"vram-there-gpu0": taken, "vram-here-gpu0": 8000}) is room


def test_a_full_machine_could_take_it_some_day() -> None:
    assert able([facts(active_jobs=2)], {"them"}, US, 8000)


def test_one_that_can_is_enough() -> None:
    assert able([US, facts("a", paused="draining"), facts("b", active_jobs=2), facts("c")], {"a", "b", "c"}, US, 1, {})


def test_alone_there_is_no_other() -> None:
    assert not able([US], {"us"}, US, 0, {})


# --- cards ------------------------------------------------------------------------------------------------------------

VIRTUAL = [VirtualGpu("vram-there-virtual", "virtual", 16000)]


@pytest.mark.parametrize(
    ("others", "found"),
    [
        pytest.param([], False, id="nobody"),
        pytest.param([facts(vram=VIRTUAL)], False, id="a virtual budget is no card"),
        pytest.param([facts()], True, id="a card"),
        pytest.param([facts(worker="dead")], False, id="a card of the dead"),
        pytest.param([facts(vram=VIRTUAL), facts("us", "here")], True, id="our own counts"),
        pytest.param([facts(pool="cpu")], True, id="of whatever pool"),
        pytest.param([facts(paused="draining")], True, id="paused or not"),
    ],
)
def test_the_site_has_a_gpu_where_a_living_worker_has_one(others: list[WorkerFacts], found: bool) -> None:
    assert site_has_gpu(others, {"us", "them"}) is found


def test_facts_come_back_from_json_as_they_went() -> None:
    assert WorkerFacts.from_json(US.to_json()) == US
