from __future__ import annotations

import asyncio
import logging

import pytest

from reelmill.errors import PlatformError
from tests.patience import PATIENCE
from workpools.site import batch_feeding

LOGGER = logging.getLogger(__name__)


@pytest.mark.parametrize(
    ("trouble", "level"), [(PlatformError("It is away."), logging.WARNING), (KeyError("a"), logging.ERROR)]
)
def test_what_goes_on_failing_is_said_once(
    trouble: Exception, level: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough, times = asyncio.Event(), 0

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def fail() -> None:
            nonlocal times
            times += 1
            if times == 4:
                loop.call_soon_threadsafe(enough.set)
            raise trouble

        monkeypatch.setattr(batch_feeding, "feed_once", fail)
        feeding = asyncio.create_task(batch_feeding.feed_batches(LOGGER))
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
        feeding.cancel()
        await asyncio.wait([feeding])

    monkeypatch.setattr(batch_feeding, "_PERIOD_SECONDS", 0.0)
    asyncio.run(run())
    assert [record.levelno for record in caplog.records if record.name == __name__] == [level]
    caplog.clear()
