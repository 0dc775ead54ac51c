"""Every worker hands in the jobs of the site's batches now and then; the lock of a batch lets one at a time."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any, Final

import anyio.to_thread

from reelmill.catalogue import batches
from reelmill.catalogue.engine import session
from reelmill.clock import SYSTEM
from reelmill.dispatch import dispatcher
from reelmill.dispatch.services.batch_feeder import LATE
from reelmill.errors import PlatformError
from workpools.guard import guarded

_PERIOD_SECONDS: Final = 5.0
_SAID_EVERY_SECONDS: Final = 600.0  # what goes on failing is logged so often


async def feed_batches(logger: logging.Logger | Any) -> None:
    """Feed them for ever, each time in a thread of its own.

    Args:
        logger: of the worker.
    """
    silent_until = -math.inf
    while True:
        await asyncio.sleep(_PERIOD_SECONDS)
        failure = await guarded(anyio.to_thread.run_sync(feed_once))
        if failure is None or time.monotonic() < silent_until:
            continue
        silent_until = time.monotonic() + _SAID_EVERY_SECONDS
        if isinstance(failure, PlatformError):
            logger.warning("batches wait: %s", failure)
        else:
            logger.error("the batches could not be fed", exc_info=failure)


def feed_once() -> None:
    """Feed the batches that are running or were cancelled lately, if any are: see ``BatchFeeder.feed``.

    Raises:
        PlatformError: the database or the Prefect server is away; the next time goes on from there.
    """
    with session() as opened:
        waiting = batches.running_batches(opened) or batches.batches_cancelled_since(opened, SYSTEM.now() - LATE)
    if waiting:  # a client of the server costs a hundred times what this question did
        with dispatcher() as prefect:
            prefect.batches.feed()
