"""The one place that starts ffmpeg, or what encodes in its stead.

Progress, last lines of stderr, time-outs, CPU seconds, no orphan left.
"""

from __future__ import annotations

import ctypes
import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from reelmill.errors import DiskFull, FfmpegFailed, Stalled
from reelmill.ffmpeg.progress import Progress, ProgressReader
from reelmill.space import Disk

#: How many of stderr's last lines an error carries.
STDERR_LINES: Final = 20

#: Flags that make any ffmpeg command one we can watch; left out of the line a person may paste.
_WATCHED: Final = ("-hide_banner", "-nostdin", "-y", "-loglevel", "warning", "-nostats", "-progress", "pipe:1")

#: What ffmpeg says, and ends well all the same, when it is kept from reading its input to the end.
#: Source: fftools/ffmpeg_demux.c, ``input_thread``; libavutil/error.c for the reasons.
_NOT_READ: Final = re.compile(
    r"^\[in#\d+[^]]*\] Error during demuxing: (Input/output error|Stale file handle|Connection timed out|Host is down)"
)

_POLL: Final = 0.5  # seconds between looks at the time-outs
_LOOK: Final = 2.0  # seconds between looks at the disk
_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """When a process is ended for us.

    After no progress for ``stall`` seconds, after ``total`` seconds in all, or when ``disk`` has less free than is to
    stay free.
    """

    stall: float = 300.0
    total: float | None = None
    disk: Disk | None = None


@dataclass(frozen=True)
class Finished:
    """What one process cost."""

    seconds: float
    cpu_seconds: float
    last: Progress
    stderr_tail: tuple[str, ...]


OnProgress = Callable[[Progress], None]


class Runner(Protocol):
    """Runs an ffmpeg command line given without the program's own name."""

    def run(self, arguments: Sequence[str], *, limits: Limits = ..., on_progress: OnProgress | None = ...) -> Finished:
        """Run to the end.

        Raises:
            FfmpegFailed, Stalled, DiskFull.
        """

    def describe(self, arguments: Sequence[str]) -> str:
        """The command as a line to paste into a shell."""


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class FfmpegRunner:
    """The real runner. The child shares our process group and is killed by the kernel if we die first."""

    def __init__(self, ffmpeg: Path):
        self.ffmpeg = ffmpeg

    def describe(self, arguments: Sequence[str]) -> str:
        """The command as a line to paste into a shell."""
        return shlex.join([str(self.ffmpeg), *arguments])

    def run(
        self, arguments: Sequence[str], *, limits: Limits = Limits(), on_progress: OnProgress | None = None
    ) -> Finished:
        """See ``Runner.run``."""
        argv = (str(self.ffmpeg), *_WATCHED, *arguments)
        return watched(Program("ffmpeg", argv, ProgressReader()), limits, on_progress)


class Reader(Protocol):
    """Understands what a program prints about its progress."""

    def feed(self, line: str) -> Progress | None:
        """Take one line; answers where the program is now, if the line tells."""


@dataclass(frozen=True)
class Program:
    """One command, and who understands what it prints."""

    name: str  # as a person calls it
    argv: tuple[str, ...]
    reader: Reader  # of its standard output


def watched(program: Program, limits: Limits, on_progress: OnProgress | None) -> Finished:
    """Run one program to its end.

    Args:
        program: what to run.
        limits: when it is ended for us.
        on_progress: told of each progress.

    Raises:
        FfmpegFailed, Stalled, DiskFull.
    """
    process = subprocess.Popen(
        program.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_die_with_parent,
    )
    try:
        return _watch(program, process, limits, on_progress)
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


class _Said:
    """What a program says to stderr: its last lines, and whether it was kept from reading its input."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self.tail: deque[str] = deque(maxlen=STDERR_LINES)
        self.cut_off = False

    def feed(self, data: bytes) -> None:
        lines = self._lines.feed(data)
        self.tail.extend(lines)
        self.cut_off = self.cut_off or any(_NOT_READ.match(line) for line in lines)


def _watch(
    program: Program, process: subprocess.Popen[bytes], limits: Limits, on_progress: OnProgress | None
) -> Finished:
    guard = _Guard(program.name, limits)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Lines(), _Said()
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ, out)
        pipes.register(process.stderr, selectors.EVENT_READ, err)
        while pipes.get_map():
            for key, _ in pipes.select(_POLL):
                data = os.read(key.fd, 65536)
                if not data:
                    pipes.unregister(key.fileobj)
                if key.data is err:
                    err.feed(data or b"\n")  # its end closes a last line that has none
                else:
                    for line in out.feed(data):
                        block = program.reader.feed(line)
                        if block is None:
                            continue
                        guard.feed(block)
                        if on_progress is not None:
                            on_progress(block)
            guard.check()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or err.cut_off:
        raise _failure(program, process.returncode, tuple(err.tail))
    return Finished(
        seconds=time.monotonic() - guard.started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        last=guard.last,
        stderr_tail=tuple(err.tail),
    )


class _Guard:
    """Keeps the limits of one process."""

    def __init__(self, name: str, limits: Limits):
        self.started = time.monotonic()
        self.last = Progress()
        self._name, self._limits = name, limits
        self._moved = self._looked = self.started

    def feed(self, block: Progress) -> None:
        """Take note of where the process is."""
        if (block.frames, block.out_time, block.size) != (self.last.frames, self.last.out_time, self.last.size):
            self._moved = time.monotonic()
        self.last = block

    def check(self) -> None:
        """Raises Stalled or DiskFull when a limit is passed."""
        now, limits = time.monotonic(), self._limits
        at = f"{float(self.last.out_time):.1f} s of output"
        if now - self._moved > limits.stall:
            raise Stalled(f"{self._name} made no progress for {limits.stall:g} s at {at} and was ended.")
        if limits.total is not None and now - self.started > limits.total:
            raise Stalled(f"{self._name} ran longer than the {limits.total:g} s allowed, to {at}, and was ended.")
        if limits.disk is not None and now - self._looked > _LOOK:
            self._looked = now
            limits.disk.keep()


def _failure(program: Program, exit_code: int, tail: tuple[str, ...]) -> FfmpegFailed | DiskFull:
    if any("No space left on device" in line for line in tail):
        return DiskFull(
            f"The disk is full: {program.name} could not write its output; free some space and run the job again."
        )
    how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"ended with code {exit_code}"
    reason = tail[-1].strip() if tail else "it said nothing"
    return FfmpegFailed(f"{program.name} {how}: {reason}", argv=program.argv, exit_code=exit_code, stderr_tail=tail)
