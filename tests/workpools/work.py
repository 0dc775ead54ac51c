"""A job type of the tests' own: it does one simple thing that its parameters name, in its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from prefect import flow

from flows.job import JOB, job
from reelmill.errors import DiskFull, InputError, WorkError
from reelmill.hardware.vram_share import admitted_mb


@flow(name="work", **JOB)
def work(does: str = "nothing", path: str = "", seconds: float = 0) -> None:
    """Do one simple thing.

    Args:
        does: What: nothing, sleep, fail, fail_once, kill_once, tell, input_error, disk_full, bug.
        path: A folder where it leaves a file a run, named for when it began, with its process id.
        seconds: How long it sleeps, with a child process that sleeps too.
    """
    with job("work", does=does):
        began = _sign(Path(path)) if path else 1
        if does == "sleep":
            subprocess.run(["sleep", str(seconds)], check=True)
            if path:
                (Path(path) / "done").touch()
        elif does == "fail" or (does == "fail_once" and began == 1):
            raise WorkError("It did not work.")
        elif does == "kill_once" and began == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        elif does == "tell":
            (Path(path) / "admitted").write_text(str(admitted_mb()))
        elif does == "input_error":
            raise InputError("x.mp4 is broken.")
        elif does == "disk_full":
            raise DiskFull("The disk is full.")
        elif does == "bug":
            raise KeyError("a bug")


def _sign(folder: Path) -> int:
    """Leave a file for this run; answers how many there are with it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{time.time_ns()}.run").write_text(str(os.getpid()))
    return len(list(folder.glob("*.run")))
