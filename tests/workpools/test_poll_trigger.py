from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from tests import virtual_time
from workpools.run.poll_trigger import PollTrigger

_Act = Callable[[PollTrigger], Awaitable[None]]


class _Server:
    """Returns so many runs at each poll as it was given, and counts the polls."""

    def __init__(self, *found: int):
        self._found, self.polls = list(found), 0

    async def poll(self) -> list[str]:
        self.polls += 1
        return ["run"] * (self._found.pop(0) if self._found else 0)


def _polls(server: _Server, act: _Act) -> int:
    async def play() -> None:
        async with asyncio.TaskGroup() as tasks:
            await act(PollTrigger(server.poll, lambda work: (tasks.create_task(work), None)[1]))
            await asyncio.sleep(0.8)

    virtual_time.run(play())
    return server.polls


def _triggers(
    fire: Callable[[PollTrigger], None], moments: Iterable[float]
) -> Callable[[PollTrigger], Awaitable[None]]:
    async def act(trigger: PollTrigger) -> None:
        for pause in moments:
            fire(trigger)
            await asyncio.sleep(pause)

    return act


def test_events_that_come_together_are_one_poll() -> None:
    assert _polls(_Server(3), _triggers(PollTrigger.on_event, [0] * 50)) == 1
    assert _polls(_Server(), _triggers(PollTrigger.poll_soon, [0] * 50)) == 1


def test_an_event_of_a_job_that_is_not_there_yet_is_followed_up_once() -> None:
    assert _polls(_Server(0, 1), _triggers(PollTrigger.on_event, [0])) == 2
    assert _polls(_Server(), _triggers(PollTrigger.on_event, [0])) == 2  # and no more


def test_a_flood_of_events_without_a_job_is_polled_for_now_and_then() -> None:
    assert _polls(_Server(), _triggers(PollTrigger.on_event, [0.01] * 100)) <= 8  # in 1.8 seconds, of 100 events


def test_a_free_slot_is_filled_at_once_even_so() -> None:
    async def act(trigger: PollTrigger) -> None:
        trigger.on_event()
        await asyncio.sleep(0.05)  # which found nothing
        before = server.polls
        trigger.poll_soon()
        await asyncio.sleep(0.05)
        assert (before, server.polls) == (1, 2)

    server = _Server(0, 1)
    _polls(server, act)


def test_an_event_is_polled_for_at_once_again_after_one_led_to_a_job() -> None:
    async def act(trigger: PollTrigger) -> None:
        trigger.on_event()
        await asyncio.sleep(0.5)  # nothing, then a job
        before = server.polls
        trigger.on_event()
        await asyncio.sleep(0.05)
        assert (before, server.polls) == (2, 3)

    server = _Server(0, 1, 1)
    _polls(server, act)
