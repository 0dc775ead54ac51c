from __future__ import annotations

from typing import Any

import pytest

from reelmill.errors import UserError
from reelmill.ffmpeg.loadtest.scenarios import SCENARIOS
from reelmill.launch.options import lanes_of, launch_options
from reelmill.queue.job import LANES


def _options(**given: Any) -> Any:
    default: dict[str, Any] = {
        "count": 1,
        "scenario": "random",
        "lanes": ("idle",),
        "engine": "auto",
        "duration": "30-300",
    }
    return launch_options(**(default | {"bit_rate": "auto"} | given))


@pytest.mark.parametrize(
    ("priority", "queue", "lanes"),
    [
        ("mixed", "mixed", LANES[:9]),
        ("mixed", "batch", ("batch-high", "batch-medium", "batch-low")),
        ("high", "mixed", ("live-high", "default-high", "batch-high")),
        ("low", "live", ("live-low",)),
        ("mixed", "idle", ("idle",)),
        ("high", "idle", ("idle",)),
        ("1", "mixed", ("live-high",)),
        ("10", "mixed", ("idle",)),
    ],
)
def test_priority_and_queue_are_lanes(priority: str, queue: str, lanes: tuple[str, ...]) -> None:
    assert lanes_of(priority, queue) == lanes


@pytest.mark.parametrize(
    ("priority", "queue"),
    [("urgent", "mixed"), ("0", "mixed"), ("11", "mixed"), ("-1", "mixed"), ("3", "live"), ("high", "fast")],
)
def test_what_is_no_lane_is_refused(priority: str, queue: str) -> None:
    with pytest.raises(UserError):
        lanes_of(priority, queue)


def test_a_scenario_is_one_or_all() -> None:
    assert _options().scenarios == SCENARIOS
    assert [each.name for each in _options(scenario="240p15-vp9").scenarios] == ["240p15-vp9"]


@pytest.mark.parametrize(("written", "durations"), [("60", (60, 60)), (" 30-300 ", (30, 300)), ("1-3600", (1, 3600))])
def test_a_duration_is_one_or_a_range(written: str, durations: tuple[int, int]) -> None:
    assert _options(duration=written).durations == durations


@pytest.mark.parametrize(
    "given",
    [
        {"duration": "300-30"},
        {"duration": "0-30"},
        {"duration": "30-3601"},
        {"duration": "long"},
        {"duration": "1.5"},
        {"duration": "-5"},
        {"engine": "vlc"},
        {"bit_rate": "fast"},
        {"bit_rate": "900M"},
        {"scenario": "8k"},
    ],
)
def test_what_makes_no_sense_is_one_sentence(given: dict[str, str]) -> None:
    with pytest.raises(UserError) as refusal:
        _options(**given)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)
