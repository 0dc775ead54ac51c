"""What is wanted of a launch, out of what a person wrote: each mistake is one sentence (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reelmill.errors import UserError
from reelmill.ffmpeg.loadtest.scenarios import SCENARIOS, Scenario, bitrate, scenario_named
from reelmill.queue.job import LANES, LEVELS, QUEUE_TYPES, lane_of

RANDOM: Final = "random"
MIXED: Final = "mixed"
ENGINES: Final = ("auto", "ffmpeg", "gstreamer")

#: Queues that ``mixed`` draws from: ``idle`` is for what need never run.
_MIXED_QUEUES: Final = QUEUE_TYPES[:3]
_LONGEST: Final = 3600  # seconds of video that the job type takes
_DURATION: Final = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", re.ASCII)


@dataclass(frozen=True)
class LaunchOptions:
    """Which jobs a launch draws."""

    count: int
    scenarios: tuple[Scenario, ...]
    lanes: tuple[str, ...]
    engine: str
    durations: tuple[int, int]  # seconds, both included
    bitrate: str


def launch_options(
    *, count: int, scenario: str, lanes: Sequence[str], engine: str, duration: str, bit_rate: str
) -> LaunchOptions:
    """The options of a launch.

    Args:
        count: how many jobs.
        scenario: ``random``, or the name of one.
        lanes: see ``lanes_of``.
        engine: of the load tests.
        duration: seconds of video, ``60``, or a range to draw from, ``30-300``.
        bit_rate: ``auto``, or like ``6M``.

    Returns:
        The options.

    Raises:
        UserError: one of them makes no sense.
    """
    scenarios = SCENARIOS if scenario == RANDOM else (scenario_named(scenario),)
    for each in scenarios:
        bitrate(each, bit_rate)
    if engine not in ENGINES:
        raise UserError(f"{engine!r} is no engine; use {', '.join(ENGINES)}.")
    return LaunchOptions(count, scenarios, tuple(lanes), engine, _durations(duration), bit_rate)


def lanes_of(priority: str, queue: str) -> tuple[str, ...]:
    """The lanes that jobs are drawn into.

    Args:
        priority: ``mixed``, ``high``, ``medium`` or ``low``; or 1 to 10, which is a lane by itself.
        queue: ``mixed``, ``live``, ``default``, ``batch`` or ``idle``.

    Returns:
        Names of lanes.

    Raises:
        UserError: it is no priority or no queue, or both name a lane.
    """
    if priority.isdecimal():
        if queue != MIXED:
            raise UserError(f"Priority {priority} is a lane by itself; leave --queue out, or use high, medium or low.")
        return (lane_of(int(priority)),)
    if queue not in (MIXED, *QUEUE_TYPES):
        raise UserError(f"{queue!r} is no queue; use {', '.join((MIXED, *QUEUE_TYPES))}.")
    if priority not in (MIXED, *LEVELS):
        raise UserError(f"{priority!r} is no priority; use {', '.join((MIXED, *LEVELS))}, or 1 to {len(LANES)}.")
    queues = _MIXED_QUEUES if queue == MIXED else (queue,)
    levels = LEVELS if priority == MIXED else (priority,)
    wanted = {f"{one}-{level}" for one in queues for level in levels} | set(queues)  # ``idle`` has no level
    return tuple(lane for lane in LANES if lane in wanted)


def _durations(written: str) -> tuple[int, int]:
    parsed = _DURATION.fullmatch(written.strip())
    if parsed is None:
        raise UserError(f"{written!r} is no duration; write seconds, such as 60, or a range, such as 30-300.")
    least = int(parsed[1])
    most = least if parsed[2] is None else int(parsed[2])
    if least > most:
        raise UserError(f"The duration {written} ends before it begins; write {most}-{least}.")
    if not 1 <= least <= most <= _LONGEST:
        raise UserError(f"The duration {written} is out of bounds; use 1 to {_LONGEST} seconds.")
    return least, most
