from __future__ import annotations

import asyncio
import logging

import pytest

from tests.patience import PATIENCE
from workpools.background import BackgroundTasks

LOGGER = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BackgroundTasks, "FIRST_PAUSE", 0.001)


class Endless:
    """Fails at its first starts, each time in another way, and goes on from then on."""

    def __init__(self, *troubles: Exception):
        self.troubles = list(troubles)
        self.up, self.ended = asyncio.Event(), False

    async def serve(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.up.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


def test_an_endless_task_that_fails_is_said_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> Endless:
        background, endless = BackgroundTasks(LOGGER), Endless(KeyError("a"), OSError("b"), ValueError("c"))
        background.run_restarting("the watch", endless.serve)
        async with asyncio.timeout(PATIENCE):
            await endless.up.wait()
        await background.end()
        return endless

    assert asyncio.run(run()).ended
    said = [record.getMessage() for record in caplog.records if record.name == __name__]
    assert said == [f"the watch failed and is started again in {pause} s" for pause in ("0.001", "0.002", "0.004")]
    assert [record.exc_info is not None for record in caplog.records if record.name == __name__] == [True] * 3
    caplog.clear()


def test_a_task_that_returns_is_over_and_one_that_fails_once_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[int]:
        background, calls, done = BackgroundTasks(LOGGER), [0], asyncio.Event()

        async def returns() -> None:
            calls[0] += 1

        async def fails() -> None:
            done.set()
            raise KeyError("a bug")

        background.run_restarting("something with an end", returns)
        background.spawn(fails())
        await done.wait()
        await asyncio.sleep(0.01)
        await background.end()
        return calls

    assert asyncio.run(run()) == [1]
    assert [record.getMessage() for record in caplog.records if record.name == __name__] == [
        "a part of the worker failed"
    ]
    caplog.clear()
