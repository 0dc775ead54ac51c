"""The one place of the worker that catches every exception, used where nothing may stop what goes on around it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def guarded(work: Awaitable[T]) -> T | Exception:
    """Await something whose failure must not end what awaits it.

    Stands around a worker's outermost parts only: an attempt, a poll, a background task, one of many rows that the
    rescuer goes through. The caller logs what failed; a cancellation passes through.

    Args:
        work: awaited once.

    Returns:
        Its result, or the exception that it raised.
    """
    try:
        return await work
    except Exception as error:  # noqa: BLE001  # a fault of one job, row or variable never stops the others
        return error
