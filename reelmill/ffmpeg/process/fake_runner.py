"""A runner for tests: what becomes of each command is decided by a function."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from reelmill.errors import FfmpegFailed
from reelmill.ffmpeg.process.run import Limits, OnProgress, ProcessResult, Runner

#: Gets a command and a function that runs it for real; returns what it cost, or raises what became of it.
Handler = Callable[[Sequence[str], Callable[[], ProcessResult]], ProcessResult]

_NO_LIMITS = Limits()


class FakeRunner:
    """A ``Runner`` that hands each command to ``handle``: run it for real, fail it, or make up its result.

    Args:
        handle: decides; called in the thread that runs the command.
        real: runs commands for real.

    Attributes:
        commands: the arguments of each command, in the order in which they came.

    Example:
        Whoever encodes meets a GPU without a free session::

            def full(arguments, run):
                return fail(arguments, "no session left") if "h264_nvenc" in arguments else run()

            Transcoder(runner=FakeRunner(full, FfmpegRunner(find_ffmpeg())))
    """

    def __init__(self, handle: Handler, real: Runner):
        self._handle, self._real = handle, real
        self._mutex = threading.Lock()
        self.commands: list[tuple[str, ...]] = []

    def describe(self, arguments: Sequence[str]) -> str:
        """See ``Runner.describe``."""
        return self._real.describe(arguments)

    def run(
        self, arguments: Sequence[str], *, limits: Limits = _NO_LIMITS, on_progress: OnProgress | None = None
    ) -> ProcessResult:
        """See ``Runner.run``.

        Returns:
            What ``handle`` returns.
        """
        with self._mutex:
            self.commands.append(tuple(arguments))
        return self._handle(arguments, lambda: self._real.run(arguments, limits=limits, on_progress=on_progress))


def fail(arguments: Sequence[str], *stderr: str, exit_code: int = 1) -> NoReturn:
    """Let a command fail as ffmpeg does.

    Args:
        arguments: of the command.
        stderr: its last lines.
        exit_code: its own.

    Raises:
        FfmpegFailed: always.
    """
    raise FfmpegFailed("ffmpeg failed", argv=tuple(arguments), exit_code=exit_code, stderr_tail=stderr)
