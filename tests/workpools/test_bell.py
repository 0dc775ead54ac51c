from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from workpools.bell import Bell


class _Server:
    """Answers with what it was given, in turn, and notes how often it was asked."""

    def __init__(self, *found: int):
        self._found, self.asked = list(found), 0

    async def ask(self) -> list[str]:
        self.asked += 1
        return ["run"] * (self._found.pop(0) if self._found else 0)


def _asked(server: _Server, act: Callable[[Bell], Awaitable[None]]) -> int:
    async def play() -> None:
        async with asyncio.TaskGroup() as tasks:
            await act(Bell(server.ask, lambda work: (tasks.create_task(work), None)[1]))
            await asyncio.sleep(0.8)

    asyncio.run(play())
    return server.asked


def _rings(ring: Callable[[Bell], None], moments: Iterable[float]) -> Callable[[Bell], Awaitable[None]]:
    async def act(bell: Bell) -> None:
        for pause in moments:
            ring(bell)
            await asyncio.sleep(pause)

    return act


def test_what_comes_together_is_asked_once() -> None:
    assert _asked(_Server(3), _rings(Bell.news, [0] * 50)) == 1
    assert _asked(_Server(), _rings(Bell.ring, [0] * 50)) == 1


def test_news_of_a_job_that_is_not_there_yet_are_followed_up_once() -> None:
    assert _asked(_Server(0, 1), _rings(Bell.news, [0])) == 2
    assert _asked(_Server(), _rings(Bell.news, [0])) == 2  # and no more


def test_a_flood_of_news_in_vain_is_asked_about_now_and_then() -> None:
    assert _asked(_Server(), _rings(Bell.news, [0.01] * 100)) <= 8  # in 1.8 seconds, of 100 news


def test_a_free_slot_is_filled_at_once_even_so() -> None:
    async def act(bell: Bell) -> None:
        bell.news()
        await asyncio.sleep(0.05)  # asked in vain
        before = server.asked
        bell.ring()
        await asyncio.sleep(0.05)
        assert (before, server.asked) == (1, 2)

    server = _Server(0, 1)
    _asked(server, act)


def test_news_are_asked_about_at_once_again_after_they_led_to_a_job() -> None:
    async def act(bell: Bell) -> None:
        bell.news()
        await asyncio.sleep(0.5)  # in vain, then found
        before = server.asked
        bell.news()
        await asyncio.sleep(0.05)
        assert (before, server.asked) == (2, 3)

    server = _Server(0, 1, 1)
    _asked(server, act)
