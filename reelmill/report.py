"""How running work reports to people: lines for the log, fractions for the progress bar."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Final, Protocol

_SEEN_SECONDS: Final = 60.0  # that an estimate of the time left is made from
_LEAST_SECONDS: Final = 2.0  # the least of them


class Report(Protocol):
    """What an operation is handed to speak through; flows give it Prefect's log and artifacts."""

    def line(self, text: str) -> None:
        """One line for the job's log."""

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """How much is done, 0 to 1, what is being done, and how many seconds of video a second."""


@dataclass
class Pace:
    """Decides which progress updates are worth passing on: every ``step`` of the whole, or ``seconds`` apart.

    The first and the last update always pass.
    """

    step: float = 0.05
    seconds: float | None = 2.0
    clock: Callable[[], float] = time.monotonic
    _last_fraction: float = field(default=-1.0, init=False)
    _last_time: float = field(default=float("-inf"), init=False)

    def due(self, fraction: float) -> bool:
        """Whether an update at ``fraction`` should pass; answering yes counts as having passed it."""
        now = self.clock()
        moved = fraction - self._last_fraction >= self.step - 1e-9
        finished = fraction >= 1.0 > self._last_fraction
        waited = self.seconds is not None and now - self._last_time >= self.seconds
        changed = fraction != self._last_fraction
        if not (moved or finished or (waited and changed)):
            return False
        self._last_fraction, self._last_time = fraction, now
        return True


class LogReport:
    """A report into Python's logging: for notebooks, scripts and the command line."""

    def __init__(self, logger: logging.Logger | None = None):
        self._logger = logger or logging.getLogger("reelmill")
        self._pace = Pace(seconds=None)

    def line(self, text: str) -> None:
        """Log the line."""
        self._logger.info(text)

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """Log every 5 %."""
        if self._pace.due(fraction):
            self._logger.info("%3.0f %% %s", fraction * 100, text)


class NullReport:
    """A report that goes nowhere: for work of which only the result matters."""

    def line(self, text: str) -> None:
        """Drop the line."""

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """Drop the update."""


class Share:
    """A share of another report's progress: a step that covers ``start`` to ``end`` of the whole job."""

    def __init__(self, whole: Report, start: float, end: float):
        self._whole, self._start, self._end = whole, start, end

    def line(self, text: str) -> None:
        """Pass the line on."""
        self._whole.line(text)

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """Scale into the share and pass on."""
        self._whole.progress(self._start + (self._end - self._start) * fraction, text, speed)


class RemainingTime:
    """Estimates how long work will yet take, from how fast its fraction has grown in the last minute.

    Args:
        clock: seconds, from any moment on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._seen: deque[tuple[float, float]] = deque()  # moments and fractions

    def at(self, fraction: float) -> float | None:
        """The seconds that are left.

        Args:
            fraction: that is done now, 0 to 1.

        Returns:
            The estimate; None where too little has been seen for one.
        """
        now = self._clock()
        if self._seen and fraction < self._seen[-1][1]:  # something else, which begins
            self._seen.clear()
        self._seen.append((now, fraction))
        while len(self._seen) > 1 and now - self._seen[1][0] > _SEEN_SECONDS:
            self._seen.popleft()
        since, first = self._seen[0]
        if now - since < _LEAST_SECONDS or fraction <= first:
            return None
        return (1.0 - fraction) * (now - since) / (fraction - first)


class Outbox:
    """Messages to a server that may be away, sent by a thread of its own: whoever speaks neither waits nor fails.

    Messages are sent in the order in which their keys first came. One that cannot be sent yet is tried again, and
    holds up those behind it, which would meet the same server.

    Args:
        pause: seconds between two tries.
    """

    def __init__(self, pause: float = 1.0):
        self._pause = pause
        self._waiting: dict[Hashable, Callable[[], bool]] = {}
        self._changed = threading.Condition()
        self._context = copy_context()  # of whoever opens it, so that settings hold in the thread, too
        self._thread: threading.Thread | None = None
        self._closing = self._closed = False

    def put(self, key: Hashable, send: Callable[[], bool]) -> None:
        """Take a message.

        Args:
            key: a message that still waits under the same key is replaced: it is out of date.
            send: sends it. Returns whether it is done with; False where waiting may help.
        """
        with self._changed:
            if self._closing:
                return
            self._waiting[key] = send
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def close(self, patience: float) -> int:
        """Take no more, and wait until all is sent.

        Args:
            patience: the most seconds to wait.

        Returns:
            How many messages were not sent, and never will be.
        """
        with self._changed:
            thread, self._closing = self._thread, True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting or self._thread is None, patience)
            left = len(self._waiting)
            self._waiting.clear()
            self._closed = True
            self._changed.notify_all()
        if thread is not None and not left:
            thread.join()
        return left

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._context.copy().run, args=(self._serve,), daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while (message := self._next()) is not None:
                self._send(*message)
        finally:
            with self._changed:
                self._thread = None
                if self._waiting and not self._closed:  # a message raised; the others go on
                    self._start()
                self._changed.notify_all()

    def _next(self) -> tuple[Hashable, Callable[[], bool]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return next(iter(self._waiting.items()), None)

    def _send(self, key: Hashable, send: Callable[[], bool]) -> None:
        done = True  # also where it raises: a second try would do no better
        try:
            done = send()
        finally:
            with self._changed:
                if not done:
                    self._changed.wait_for(lambda: self._closed, self._pause)
                elif self._waiting.get(key) is send:  # else a newer one took its place meanwhile
                    del self._waiting[key]
                    self._changed.notify_all()


def printable(name: str) -> str:
    """A file's name that can be printed: what is not UTF-8 in it becomes a question mark."""
    return name.encode("utf-8", "replace").decode()
