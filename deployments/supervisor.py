"""Processes of this node that belong together: brought up in order, supervised, ended."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Final, Self

from deployments.processes import Child
from reelmill.errors import ReelmillError

#: Called with each line that a person who brings up a site is to read.
Notify = Callable[[str], None]

_CHECK_SECONDS: Final = 0.5  # between two checks


class Supervisor(ABC):
    """Use as a context: all is up inside the block, and down after it.

    Args:
        notify: called with a line on what is being done.
    """

    def __init__(self, notify: Notify):
        self._notify = notify
        self._stack = ExitStack()
        self._children: list[Child] = []
        self._troubles: dict[str, str] = {}  # what was reported of each thing that does not work just now

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
        """Supervise the processes for a while, and at least once: one that was killed is started again when it can run.

        Raises:
            SiteError: one of them ends again and again.
        """
        deadline = time.monotonic() + seconds
        while True:
            with self.outlived("check"):
                self._check_rest()
            for child in self._children:
                self._revive(child)
            time.sleep(min(_CHECK_SECONDS, seconds))
            if time.monotonic() >= deadline:
                return

    def _revive(self, child: Child) -> None:
        if child.ended and not self._can_revive():
            return
        try:
            code = child.revive()
        except OSError as error:  # no process to be had, or no log: the next check will do
            self._report(child.name, f"{child.name} cannot be started again just now: {error}")
            return
        self._troubles.pop(child.name, None)
        if code is not None:
            self._notify(f"{child.name} ended with code {code}; started again")

    @contextmanager
    def outlived(self, what: str) -> Iterator[None]:
        """Report a trouble with a disk, a share or a server, and go on: the next check may find it mended.

        Args:
            what: whose trouble it is. One that stays the same is reported once.
        """
        try:
            yield
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            self._report(what, f"{error.strerror or error}{where}; the next check shows whether it stays")
        except ReelmillError as error:
            self._report(what, str(error))
        else:
            self._troubles.pop(what, None)

    def _report(self, what: str, text: str) -> None:
        if self._troubles.get(what) != text:
            self._troubles[what] = text
            self._notify(text)

    @abstractmethod
    def _up(self, stack: ExitStack) -> None:
        """Bring all up; the stack ends it."""

    @abstractmethod
    def _check_rest(self) -> None:
        """Check what is no process of ours, before each check of those that are."""

    def _can_revive(self) -> bool:
        """Whether a process that has ended may be started again; not while it lacks what it would end without."""
        return True
