from __future__ import annotations

import pytest

from reelmill.operations.derived.load_limit import MOST, Step, knee, next_streams


def _steps(**throughputs: float) -> list[Step]:
    """``_2=3.0``: two at once made 3 seconds of video a second in all, shared evenly."""
    counted = {int(name[1:]): value for name, value in throughputs.items()}
    return [Step(streams=n, speed=total / n, throughput=total, cores=1.0) for n, total in counted.items()]


@pytest.mark.parametrize(
    ("measured", "following", "recommended", "realtime", "reason"),
    [
        ({"_1": 0.8}, None, 0, 0, "0.80x, below real time"),
        ({"_1": 4.0}, 2, 1, 4, "no more than"),
        ({"_1": 4.0, "_2": 8.0}, 4, 2, 8, "no more than"),
        ({"_1": 4.0, "_2": 4.1}, None, 1, 4, "2 at once did no more in all than 1"),  # one fills the node
        ({"_1": 4.0, "_2": 3.0}, None, 1, 4, "2 at once did no more in all than 1"),
        ({"_1": 2.0, "_2": 3.9, "_4": 5.9, "_8": 6.0}, 6, 4, 6, "with 8 at once the slowest ran at 0.75x"),
        ({"_1": 2.0, "_2": 3.9, "_4": 5.9, "_6": 6.0, "_8": 6.0}, 7, 4, 6, "6 at once did no more in all than 4"),
        ({"_1": 1.5, "_2": 3.0, "_4": 3.6}, 3, 2, 3, "with 4 at once the slowest ran at 0.90x"),
        ({"_4": 3.6, "_1": 1.5, "_3": 3.6, "_2": 3.0}, None, 3, 3, "with 4 at once the slowest ran at 0.90x"),
        ({"_1": 1.5, "_2": 1.9}, None, 1, 1, "with 2 at once the slowest ran at 0.95x"),
    ],
)
def test_the_search_and_the_knee(
    measured: dict[str, float], following: int | None, recommended: int, realtime: int, reason: str
) -> None:
    steps = _steps(**measured)
    assert next_streams(steps) == following
    found = knee(steps)
    assert (found.recommended, found.realtime) == (recommended, realtime)
    assert reason in found.reason
    assert [step.streams for step in found.steps] == sorted(step.streams for step in steps)


def test_streams_that_ran_one_after_another_were_not_live() -> None:
    """Short ones on a busy node: each is fast once it has a core, and the last waits for it longer than it lasts."""
    alone = Step(streams=1, speed=14.0, throughput=11.0, cores=1.0)
    staggered = Step(streams=32, speed=3.0, throughput=9.6, cores=1.9)
    assert next_streams([alone, staggered]) == 16
    found = knee([alone, staggered])
    assert (found.recommended, found.realtime) == (1, 11)
    assert found.reason == "with 32 at once the slowest ran at 0.30x, below real time"


def test_it_begins_with_one() -> None:
    assert next_streams([]) == 1


@pytest.mark.parametrize("able", [0.5, 1.0, 3.3, 17.0, 40.0, 1000.0])
def test_a_node_that_shares_evenly_is_found_out(able: float) -> None:
    """Each stream alone runs at 2x at most, all together at ``able``: the knee is where both meet."""
    steps: list[Step] = []
    while (streams := next_streams(steps)) is not None:
        total = min(able, 2.0 * streams)
        steps.append(Step(streams=streams, speed=total / streams, throughput=total, cores=1.0))
        assert len(steps) < 15
    found = knee(steps)
    assert found.realtime == int(min(able, 2.0 * MOST))
    if able < 1:
        assert found.recommended == 0
    else:
        assert min(able, MOST) / 4 <= found.recommended <= min(able, MOST)
