"""Whether work that takes long is still ours: whoever holds something that can be lost registers it here.

A guard holds for the block of ``guarded_by``, and for what that block calls in its own thread. Imports nothing: the
runner of ffmpeg and publishing ask it without knowing what a lock is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

#: How long work that has begun waits for a database that is away.
PATIENCE_SECONDS: float = 120.0


class Guard(Protocol):
    """Something that work needs to hold, and that can be lost meanwhile."""

    def check(self) -> None:
        """Raise LockLost where it is known to be lost; costs nothing."""

    def holds(self) -> bool:
        """Whether it surely holds now; False where that is not known just now. Raises LockLost where it is lost."""

    def confirm(self) -> None:
        """Wait, for a while, until it surely holds; raise where it is lost, or that was not known for too long."""


_guards: Final[ContextVar[tuple[Guard, ...]]] = ContextVar("guards", default=())


@contextmanager
def guarded_by(guard: Guard) -> Iterator[None]:
    """All that is done in the block needs ``guard``."""
    token = _guards.set((*_guards.get(), guard))
    try:
        yield
    finally:
        _guards.reset(token)


def working() -> bool:
    """Whether there is work under way that holds something, and would be lost."""
    return bool(_guards.get())


def check() -> None:
    """Before more of a long work is done.

    Raises:
        LockLost: it is not ours any more.
    """
    for guard in _guards.get():
        guard.check()


def holds() -> bool:
    """Whether a file may be placed or kept now, without waiting.

    Returns:
        Whether all guards surely hold.

    Raises:
        LockLost: the work is not ours any more.
    """
    return all(guard.holds() for guard in _guards.get())


def confirm() -> None:
    """Right before a file is placed or kept, or an original removed.

    Raises:
        LockLost: the work is not ours any more.
        PlatformError: that is not known, for too long.
    """
    for guard in _guards.get():
        guard.confirm()
