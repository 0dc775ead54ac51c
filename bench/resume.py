"""``resume``: CPU seconds of a re-encode that nothing disturbs, against one killed half-way and begun again."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Final

import psutil

from bench.harness import Row, compare, cpu
from bench.library import library
from bench.reel import ROUND, reel, remade
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench

ROUNDS: Final = 10
SIZE: Final = (640, 360)
LIMIT: Final = "the chunks that were under way when it was killed, one a core, of {chunks}"
_PR_SET_CHILD_SUBREAPER: Final = 36
_LOOK: Final = 0.02  # seconds
_JOB: Final = """
import sys
from bench.library import Silence
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.context import Workbench
reencode(Workbench(report=Silence()), sys.argv[1])
"""


def run(runs: int) -> Row:
    """Measure."""
    with library() as bench:
        video_id, _ = reel(bench, ROUNDS, SIZE)
        # What a killed job leaves behind becomes ours, so that its CPU seconds are counted, too.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

        def ours() -> float:
            seconds = cpu(lambda: _killed_half_way(bench, video_id)) + cpu(lambda: _whole(video_id))
            remade(bench)
            return seconds

        def theirs() -> float:
            seconds = cpu(lambda: _whole(video_id))
            remade(bench)
            return seconds

        return compare(
            "resume", f"the same job, undisturbed ({ROUNDS * ROUND} s of 360p30)", "CPU seconds", 0.9,
            LIMIT.format(chunks=ROUNDS), ours=ours, theirs=theirs, runs=runs,
        )  # fmt: skip


def _job(video_id: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _JOB, video_id], start_new_session=True)


def _whole(video_id: str) -> None:
    with _job(video_id) as job:
        assert job.wait() == 0


def _killed_half_way(bench: Workbench, video_id: str) -> None:
    store = Store(bench.root)
    with _job(video_id) as job:
        while _made(store) < ROUNDS / 2:
            assert job.poll() is None
            time.sleep(_LOOK)
        family = psutil.Process(job.pid).children(recursive=True)
        for pid in (job.pid, *(process.pid for process in family)):
            os.kill(pid, signal.SIGKILL)
    for orphan in family:
        os.waitpid(orphan.pid, 0)


def _made(store: Store) -> float:
    """Chunks that are encoded, and parts of those under way."""
    keys = {key for claim in store.claims() for key in claim.keys}
    return sum(store.progress(key) for key in keys)
