from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.queue.placement import (
    Decision,
    GpuMemory,
    Impossible,
    JobShare,
    Placement,
    Wait,
    WaitingJob,
    need_of,
    place,
)


def job(id: str, need_mb: int, priority: int = 5, arrived: float = 0.0) -> WaitingJob:
    return WaitingJob(id, need_mb, priority, arrived)


def gpus_of(decisions: dict[str, Decision]) -> dict[str, str]:
    """The GPU of each placed job."""
    return {id: decision.gpu for id, decision in decisions.items() if isinstance(decision, Placement)}


# --- what a GPU has to give ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpu", "to_give"),
    [
        pytest.param(GpuMemory("gpu0", 8000), 8000, id="an empty virtual budget gives all"),
        pytest.param(GpuMemory("gpu0", 8000, leased_mb=6000), 2000, id="a virtual budget gives what is not leased"),
        pytest.param(GpuMemory("gpu0", 8000, leased_mb=9000), 0, id="overleased is never below 0"),
        pytest.param(GpuMemory("gpu0", 8000, free_mb=8000), 8000, id="an empty GPU gives all"),
        pytest.param(GpuMemory("gpu0", 8000, free_mb=3000), 3000, id="memory of others is not ours to give"),
        pytest.param(
            GpuMemory("gpu0", 8000, 4000, free_mb=8000, shares=(JobShare(4000),)),
            4000,
            id="a share not yet allocated is kept",
        ),
        pytest.param(
            GpuMemory("gpu0", 8000, 4000, free_mb=4000, shares=(JobShare(4000, 4000),)),
            4000,
            id="allocated is counted once",
        ),
        pytest.param(
            GpuMemory("gpu0", 8000, 4000, free_mb=7000, shares=(JobShare(4000, 1000),)),
            4000,
            id="half allocated, nobody else",
        ),
        pytest.param(
            GpuMemory("gpu0", 8000, 4000, free_mb=5000, shares=(JobShare(4000, 1000),)),
            2000,
            id="half allocated, and others",
        ),
        pytest.param(
            GpuMemory("gpu0", 9000, 6000, free_mb=1000, shares=(JobShare(2000, 5000), JobShare(4000, 3000))),
            0,
            id="a job over its share is no credit for the next",
        ),
        pytest.param(
            GpuMemory("gpu0", 8000, 4000, free_mb=8000), 4000, id="the lease of the dead counts until its time is up"
        ),
        pytest.param(
            GpuMemory("gpu0", 8000, free_mb=500, shares=(JobShare(4000),)), 0, id="promised beyond free is never < 0"
        ),
    ],
)
def test_to_give_is_the_smaller_of_unleased_and_unpromised(gpu: GpuMemory, to_give: int) -> None:
    assert gpu.to_give == to_give


# --- which GPU -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpus", "need_mb", "gpu"),
    [
        pytest.param([GpuMemory("gpu0", 8000)], 8000, "gpu0", id="an exact fit is a fit"),
        pytest.param([GpuMemory("gpu0", 24000), GpuMemory("gpu1", 8000)], 4000, "gpu1", id="the smaller GPU of two"),
        pytest.param([GpuMemory("gpu0", 8000), GpuMemory("gpu1", 24000)], 9000, "gpu1", id="the only GPU large enough"),
        pytest.param([GpuMemory("gpu0", 24000, 18000), GpuMemory("gpu1", 8000)], 4000, "gpu0", id="the fuller GPU"),
        pytest.param([GpuMemory("gpu1", 8000), GpuMemory("gpu0", 8000)], 4000, "gpu0", id="by name among equals"),
        pytest.param(
            [GpuMemory("gpu0", 8000, free_mb=3000), GpuMemory("gpu1", 24000)],
            4000,
            "gpu1",
            id="not where others hold the memory",
        ),
        pytest.param(
            [GpuMemory("gpu0", 24000, free_mb=5000), GpuMemory("gpu1", 8000)],
            4000,
            "gpu0",
            id="best by what is free, not by size",
        ),
    ],
)
def test_a_job_goes_to_the_gpu_it_fills_best(gpus: list[GpuMemory], need_mb: int, gpu: str) -> None:
    assert place(gpus, [job("a", need_mb)]) == {"a": Placement(gpu)}


def test_each_job_is_decided_as_if_those_before_it_had_been_admitted() -> None:
    gpus = [GpuMemory("gpu0", 8000, free_mb=8000), GpuMemory("gpu1", 8000, free_mb=8000)]
    jobs = [job(name, 4000, arrived=at) for at, name in enumerate("abcd")]
    assert gpus_of(place(gpus, jobs)) == {"a": "gpu0", "b": "gpu0", "c": "gpu1", "d": "gpu1"}


def test_a_second_job_is_not_promised_the_free_memory_of_the_first() -> None:
    gpu = GpuMemory("gpu0", 24000, free_mb=6000)  # 18000 of it are others'
    assert gpus_of(place([gpu], [job("a", 4000), job("b", 4000, arrived=1.0)])) == {"a": "gpu0"}


def test_deciding_changes_no_gpu() -> None:
    gpu = GpuMemory("gpu0", 8000)
    place([gpu], [job("a", 4000)])
    assert gpu == GpuMemory("gpu0", 8000)


def test_nobody_waits_nothing_is_decided() -> None:
    assert place([GpuMemory("gpu0", 8000)], []) == {}


# --- in what order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(job("b", 4000, 1, 9.0), job("a", 4000, 2, 0.0), id="lane before arrival"),
        pytest.param(job("b", 4000, 5, 1.0), job("a", 4000, 5, 2.0), id="arrival before id"),
        pytest.param(job("a", 4000, 5, 1.0), job("b", 4000, 5, 1.0), id="id among equals"),
    ],
)
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned round"])
def test_jobs_are_taken_by_lane_then_arrival_then_id(first: WaitingJob, second: WaitingJob, turned: bool) -> None:
    waiting = [second, first] if turned else [first, second]
    assert set(gpus_of(place([GpuMemory("gpu0", 6000)], waiting))) == {first.id}


# --- what keeps a GPU ------------------------------------------------------------------------------------------------


def test_nothing_slips_past_a_big_job_on_its_gpu() -> None:
    decisions = place([GpuMemory("gpu0", 8000, 4000)], [job("big", 8000), job("small", 4000, arrived=1.0)])
    assert decisions == {
        "big": Wait("8000 MB of VRAM needed and 4000 free on gpu0"),
        "small": Wait("4000 MB of VRAM needed; a job before it waits for 8000 MB"),
    }


def test_a_lower_lane_never_passes_a_blocked_higher_one() -> None:
    waiting = [job("low", 1000, 10, arrived=0.0), job("high", 8000, 1, arrived=99.0)]
    assert gpus_of(place([GpuMemory("gpu0", 8000, 4000)], waiting)) == {}


def test_a_higher_lane_passes_a_blocked_lower_one() -> None:
    waiting = [job("low", 8000, 10, arrived=0.0), job("high", 4000, 1, arrived=99.0)]
    assert gpus_of(place([GpuMemory("gpu0", 8000, 4000)], waiting)) == {"high": "gpu0"}


def test_other_gpus_stay_usable() -> None:
    gpus = [GpuMemory("gpu0", 8000, 3000), GpuMemory("gpu1", 8000, 4000)]
    waiting = [job("big", 8000), job("small", 4000, arrived=1.0)]
    assert place(gpus, waiting) == {
        "big": Wait("8000 MB of VRAM needed and 5000 free on gpu0"),
        "small": Placement("gpu1"),
    }


def test_a_gpu_too_small_for_the_blocked_job_is_never_kept_for_it() -> None:
    gpus = [GpuMemory("gpu0", 8000, 7000), GpuMemory("gpu1", 4000)]
    assert gpus_of(place(gpus, [job("big", 8000), job("small", 4000, arrived=1.0)])) == {"small": "gpu1"}


def test_a_gpu_that_can_drain_is_kept_rather_than_one_others_sit_on() -> None:
    full = GpuMemory("gpu1", 8000, 8000, free_mb=0, shares=(JobShare(8000, 8000),))
    waiting = [job("big", 8000), job("small", 4000, arrived=1.0)]
    assert place([GpuMemory("gpu0", 10000, free_mb=5000), full], waiting) == {
        "big": Wait("8000 MB of VRAM needed and 0 free on gpu1"),
        "small": Placement("gpu0"),
    }


def test_two_big_jobs_keep_a_gpu_each() -> None:
    gpus = [GpuMemory("gpu0", 8000, 1000), GpuMemory("gpu1", 8000, 2000)]
    waiting = [job("a", 8000), job("b", 7000, arrived=1.0), job("c", 1000, arrived=2.0)]
    assert place(gpus, waiting) == {
        "a": Wait("8000 MB of VRAM needed and 7000 free on gpu0"),
        "b": Wait("7000 MB of VRAM needed and 6000 free on gpu1"),
        "c": Wait("1000 MB of VRAM needed; a job before it waits for 8000 MB"),
    }


def test_an_impossible_job_keeps_nobody_waiting() -> None:
    decisions = place([GpuMemory("gpu0", 8000)], [job("huge", 9000, 1), job("small", 4000)])
    assert isinstance(decisions["huge"], Impossible)
    assert decisions["small"] == Placement("gpu0")


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpus", "need_mb", "decision"),
    [
        pytest.param(
            [GpuMemory("gpu0", 8000, 2000)], 8000, Wait("8000 MB of VRAM needed and 6000 free on gpu0"), id="one GPU"
        ),
        pytest.param(
            [GpuMemory("gpu0", 8000, 6000), GpuMemory("gpu1", 8000, 5000)],
            8000,
            Wait("8000 MB of VRAM needed and 3000 free on gpu1"),
            id="the GPU with the most to give is named",
        ),
        pytest.param(
            [GpuMemory("gpu0", 8000, free_mb=3000)],
            4000,
            Wait("4000 MB of VRAM needed and 3000 free on gpu0 (5000 MB of it used by others)"),
            id="others hold it",
        ),
        pytest.param(
            [GpuMemory("gpu0", 8000, 4000, free_mb=3000, shares=(JobShare(4000, 4000),))],
            4000,
            Wait("4000 MB of VRAM needed and 3000 free on gpu0 (1000 MB of it used by others)"),
            id="ours are no others",
        ),
        pytest.param(
            [GpuMemory("gpu0", 8000, free_mb=7200)],
            8000,
            Wait("8000 MB of VRAM needed and 7200 free on gpu0"),
            id="a tenth is the desktop's, and not worth a word",
        ),
        pytest.param(
            [GpuMemory("gpu0", 8000), GpuMemory("gpu1", 24000)],
            32000,
            Impossible(
                "The job needs 32000 MB of VRAM and the largest GPU alive, gpu1, has 24000 MB; "
                "lower its vram_mb, or add a larger GPU."
            ),
            id="too large for any",
        ),
        pytest.param(
            [], 4000, Impossible("The job needs 4000 MB of VRAM and no GPU is alive here."), id="no GPUs at all"
        ),
    ],
)
def test_the_reason_is_a_sentence_with_the_numbers(gpus: list[GpuMemory], need_mb: int, decision: Decision) -> None:
    assert place(gpus, [job("a", need_mb)]) == {"a": decision}


def test_a_full_gpu_makes_a_job_wait_rather_than_impossible() -> None:
    assert isinstance(place([GpuMemory("gpu0", 8000, 8000)], [job("a", 8000)])["a"], Wait)


@pytest.mark.parametrize(
    ("parameters", "virtual", "need"),
    [
        pytest.param({}, False, 4000, id="a GPU, encoder unsaid"),
        pytest.param({"encoder": "auto"}, False, 4000, id="a GPU, any encoder"),
        pytest.param({"encoder": "nvenc"}, False, 4000, id="a GPU, its encoder"),
        pytest.param({"encoder": "x264"}, False, 0, id="a GPU that is not touched"),
        pytest.param({"encoder": "x264"}, True, 4000, id="no GPU: as if there were one"),
        pytest.param({}, True, 4000, id="no GPU, encoder unsaid"),
    ],
)
def test_a_job_takes_memory_only_where_its_back_end_touches_the_gpu(
    parameters: dict[str, Any], virtual: bool, need: int
) -> None:
    assert need_of(4000, parameters, virtual=virtual) == need


# --- whatever comes ---------------------------------------------------------------------------------------------------

_sizes = st.integers(0, 12).map(lambda thousands: thousands * 1000)
_shares = st.lists(st.builds(JobShare, mb=_sizes, used_mb=_sizes), max_size=3).map(tuple)
_any_gpu = st.builds(
    GpuMemory,
    name=st.just(""),
    total_mb=st.integers(1, 12).map(lambda thousands: thousands * 1000),
    leased_mb=_sizes,
    free_mb=st.none() | _sizes,
    shares=_shares,
)
_nodes = st.lists(_any_gpu, max_size=4).map(
    lambda gpus: [replace(gpu, name=f"gpu{index}") for index, gpu in enumerate(gpus)]
)
_lines = st.lists(
    st.tuples(st.integers(1, 13), st.integers(1, 3), st.integers(0, 5)),
    max_size=12,
).map(lambda rows: [job(f"j{n}", need * 1000, lane, float(at)) for n, (need, lane, at) in enumerate(rows)])


def _in_order(waiting: Sequence[WaitingJob]) -> list[WaitingJob]:
    return sorted(waiting, key=lambda one: (one.priority, one.arrived, one.id))


@given(_nodes, _lines)
def test_what_is_admitted_never_exceeds_what_is_unleased_nor_what_is_free(
    gpus: list[GpuMemory], waiting: list[WaitingJob]
) -> None:
    decisions = gpus_of(place(gpus, waiting))
    for gpu in gpus:
        admitted = sum(one.need_mb for one in waiting if decisions.get(one.id) == gpu.name)
        if admitted:
            assert gpu.leased_mb + admitted <= gpu.total_mb
            assert gpu.free_mb is None or (
                admitted + sum(max(0, share.mb - share.used_mb) for share in gpu.shares) <= gpu.free_mb
            )


@given(_nodes, _lines, st.randoms(use_true_random=False))
def test_every_job_is_decided_whatever_order_they_are_listed_in(
    gpus: list[GpuMemory], waiting: list[WaitingJob], dice: Any
) -> None:
    decisions = place(gpus, waiting)
    assert set(decisions) == {one.id for one in waiting}
    assert place(gpus, dice.sample(waiting, len(waiting))) == decisions


@given(_nodes, _lines)
def test_impossible_is_who_is_larger_than_every_gpu_and_nobody_else(
    gpus: list[GpuMemory], waiting: list[WaitingJob]
) -> None:
    decisions = place(gpus, waiting)
    largest = max((gpu.total_mb for gpu in gpus), default=-1)
    for one in waiting:
        assert isinstance(decisions[one.id], Impossible) == (one.need_mb > largest)


@given(_nodes, _lines)
def test_who_comes_later_changes_nothing_for_those_before(gpus: list[GpuMemory], waiting: list[WaitingJob]) -> None:
    line = _in_order(waiting)
    decisions = place(gpus, line)
    for length in range(len(line)):
        for one in line[:length]:
            assert place(gpus, line[:length])[one.id] == decisions[one.id]


@given(_nodes, _lines)
def test_the_first_in_line_gets_memory_wherever_there_is_enough(
    gpus: list[GpuMemory], waiting: list[WaitingJob]
) -> None:
    line = _in_order(waiting)
    if line and any(gpu.to_give >= line[0].need_mb and gpu.total_mb >= line[0].need_mb for gpu in gpus):
        assert isinstance(place(gpus, line)[line[0].id], Placement)
