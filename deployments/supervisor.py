"""Processes of this machine that belong together: brought up in order, looked after, ended."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from deployments.processes import Child

Say = Callable[[str], None]

_LOOK: Final = 0.5  # seconds between two looks


class Supervisor(ABC):
    """Use as a context: all is up inside the block, and down after it."""

    def __init__(self, say: Say):
        self._say = say
        self._stack = ExitStack()
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def watch(self, seconds: float) -> None:
        """Wait, looking after the processes: one that was killed is started again.

        Raises:
            SiteError: one of them ends again and again.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._look()
            for child in self._children:
                code = child.revive()
                if code is not None:
                    self._say(f"{child.name} ended with code {code}; started again")
            time.sleep(min(_LOOK, seconds))

    @abstractmethod
    def _up(self, stack: ExitStack) -> None:
        """Bring all up; the stack ends it."""

    @abstractmethod
    def _look(self) -> None:
        """Look after what is no process of ours, before each look at those that are."""
