"""The one place that starts ffmpeg, or what encodes in its stead.

Progress, last lines of stderr, time-outs, CPU seconds, no orphan left.
"""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from reelmill import guard
from reelmill.errors import DiskFull, FfmpegFailed, ProcessStalled
from reelmill.ffmpeg.demuxers import guarded
from reelmill.ffmpeg.process.child import start_child
from reelmill.ffmpeg.process.command_line import command_line
from reelmill.ffmpeg.process.progress import Progress, ProgressReader
from reelmill.storage.disk import Disk

#: How many of stderr's last lines an error carries.
STDERR_LINES: Final = 20

#: Flags that make any ffmpeg command report its progress; left out of the line a person may paste.
_PROGRESS_FLAGS: Final = ("-hide_banner", "-nostdin", "-y", "-loglevel", "warning", "-nostats", "-progress", "pipe:1")

#: What ffmpeg prints, and ends well all the same, when it is kept from reading its input to the end.
#: Source: fftools/ffmpeg_demux.c, ``input_thread``; libavutil/error.c for the reasons.
_NOT_READ: Final = re.compile(
    r"^\[in#\d+[^]]*\] Error during demuxing: (Input/output error|Stale file handle|Connection timed out|Host is down)"
)

#: The parts of ffmpeg that a line names before its message, each with an address that changes every time.
_COMPONENTS: Final = re.compile(r"^(\[[^\]]* @ 0x[0-9a-f]+\] *)+")

#: What ffmpeg prints after the line with the cause. Source: fftools/ffmpeg_sched.c, ffmpeg_filter.c, ffmpeg.c.
_ECHO: Final = re.compile(
    r"Terminating thread with return code|Task finished with error code|Error sending frames to consumers|"
    r"Nothing was written into output file|Conversion failed!"
)

_POLL: Final = 0.5  # seconds between checks of the time-outs
_DISK_POLL: Final = 2.0  # seconds between checks of the disk


@dataclass(frozen=True)
class Limits:
    """When a process is ended before it ends by itself.

    After no progress for ``stall`` seconds, after ``total`` seconds in all, or when ``disk`` has less free than is to
    stay free.
    """

    stall: float = 300.0
    total: float | None = None
    disk: Disk | None = None


@dataclass(frozen=True)
class ProcessResult:
    """What one process cost, and the last it printed."""

    seconds: float
    cpu_seconds: float
    last: Progress
    stderr_tail: tuple[str, ...]


OnProgress = Callable[[Progress], None]


class Runner(Protocol):
    """Runs an ffmpeg command line given without the program's own name."""

    def run(
        self, arguments: Sequence[str], *, limits: Limits = ..., on_progress: OnProgress | None = ...
    ) -> ProcessResult:
        """Run to the end.

        Raises:
            FfmpegFailed: it did not end well.
            ProcessStalled: it made no progress, or took too long.
            DiskFull: the disk is.
        """

    def describe(self, arguments: Sequence[str]) -> str:
        """The command as a line to paste into a shell."""


class FfmpegRunner:
    """The real runner. The child shares our process group and is killed by the kernel if we die first."""

    def __init__(self, ffmpeg: Path):
        self.ffmpeg = ffmpeg

    def describe(self, arguments: Sequence[str]) -> str:
        """The command as a line to paste into a shell."""
        return command_line([str(self.ffmpeg), *arguments])

    def run(
        self, arguments: Sequence[str], *, limits: Limits = Limits(), on_progress: OnProgress | None = None
    ) -> ProcessResult:
        """See ``Runner.run``."""
        argv = (str(self.ffmpeg), *_PROGRESS_FLAGS, *guarded(arguments))
        return run_program(Program("ffmpeg", argv, ProgressReader()), limits, on_progress)


class OutputReader(Protocol):
    """Understands what a program prints about its progress."""

    def feed(self, line: str) -> Progress | None:
        """Add one line; returns where the program is now where the line completes that."""


@dataclass(frozen=True)
class Program:
    """One command, and the reader of what it prints."""

    name: str  # as a person calls it
    argv: tuple[str, ...]
    reader: OutputReader  # of its standard output


def run_program(program: Program, limits: Limits, on_progress: OnProgress | None) -> ProcessResult:
    """Run one program to its end.

    Args:
        program: what to run.
        limits: when it is ended before it ends by itself.
        on_progress: called with each progress.

    Returns:
        What it cost.

    Raises:
        FfmpegFailed: it did not end well.
        ProcessStalled: it made no progress, or took too long.
        DiskFull: the disk is.
    """
    process = start_child(program.argv)
    try:
        return _read_to_end(program, process, limits, on_progress)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class _Lines:
    """Splits a pipe's bytes into lines as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines if line.strip()]


class _Stdout:
    """A program's stdout, whose lines become progress."""

    def __init__(self, reader: OutputReader, *listeners: OnProgress) -> None:
        self._lines, self._reader, self._listeners = _Lines(), reader, listeners

    def feed(self, data: bytes) -> None:
        for block in filter(None, map(self._reader.feed, self._lines.feed(data))):
            for listener in self._listeners:
                listener(block)


class _Stderr:
    """A program's stderr: its last lines, and whether it was kept from reading its input."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self.tail: deque[str] = deque(maxlen=STDERR_LINES)
        self.cut_off = False

    def feed(self, data: bytes) -> None:
        lines = self._lines.feed(data or b"\n")  # the end closes a last line that has none
        self.tail.extend(lines)
        self.cut_off = self.cut_off or any(_NOT_READ.match(line) for line in lines)


def _read_to_end(
    program: Program, process: subprocess.Popen[bytes], limits: Limits, on_progress: OnProgress | None
) -> ProcessResult:
    watched = _LimitGuard(program.name, limits)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Stdout(program.reader, watched.feed, *filter(None, [on_progress])), _Stderr()
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ, out)
        pipes.register(process.stderr, selectors.EVENT_READ, err)
        while pipes.get_map():
            for key, _ in pipes.select(_POLL):
                data = os.read(key.fd, 65536)
                if not data:
                    pipes.unregister(key.fileobj)
                key.data.feed(data)
            watched.check()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or err.cut_off:
        raise _failure(program, process.returncode, tuple(err.tail))
    return ProcessResult(
        seconds=time.monotonic() - watched.started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        last=watched.last,
        stderr_tail=tuple(err.tail),
    )


class _LimitGuard:
    """Holds one process to its limits."""

    def __init__(self, name: str, limits: Limits):
        self.started = time.monotonic()
        self.last = Progress()
        self._name, self._limits = name, limits
        self._moved = self._disk_checked = self.started

    def feed(self, block: Progress) -> None:
        """Note where the process is."""
        if (block.frames, block.out_time, block.size) != (self.last.frames, self.last.out_time, self.last.size):
            self._moved = time.monotonic()
        self.last = block

    def check(self) -> None:
        """Raise ProcessStalled or DiskFull when a limit is passed, LockLost when another run does this work now."""
        guard.check()
        now, limits = time.monotonic(), self._limits
        at = f"{float(self.last.out_time):.1f} s of output"
        if now - self._moved > limits.stall:
            sentence = f"{self._name} made no progress for {limits.stall:g} s at {at} and was ended."
            raise ProcessStalled(sentence, limits.stall)
        if limits.total is not None and now - self.started > limits.total:
            sentence = f"{self._name} ran longer than the {limits.total:g} s allowed, to {at}, and was ended."
            raise ProcessStalled(sentence, limits.total)
        if limits.disk is not None and now - self._disk_checked > _DISK_POLL:
            self._disk_checked = now
            limits.disk.require_reserve()


def _failure(program: Program, exit_code: int, tail: tuple[str, ...]) -> FfmpegFailed | DiskFull:
    if any("No space left on device" in line for line in tail):
        return DiskFull(
            f"The disk is full: {program.name} could not write its output; free some space and run the job again."
        )
    how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"ended with code {exit_code}"
    return FfmpegFailed(
        f"{program.name} {how}: {_reason(tail)}", argv=program.argv, exit_code=exit_code, stderr_tail=tail
    )


def _reason(tail: Sequence[str]) -> str:
    """The last line with a cause, without the parts of ffmpeg that are named before it (pure)."""
    lines = [text for line in tail if (text := _COMPONENTS.sub("", line).strip())]
    return next((line for line in reversed(lines) if not _ECHO.match(line)), lines[-1] if lines else "it said nothing")
