"""What a run's own process does: it is forked from the preloaded server, becomes the run, and ends with the worker."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from types import FrameType

from prefect.context import refresh_global_settings_context
from prefect.exceptions import Abort
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from reelmill.settings import get_settings

#: Asks a run to end now: its finally blocks run, and no state of Prefect's is set.
STOP_SIGNAL = signal.SIGUSR1


def run_flow(run_id: str, environment: dict[str, str]) -> None:
    """Run one flow run to its end with Prefect's own engine.

    Args:
        run_id: of the flow run.
        environment: added to what the worker had when it started.
    """
    # A group of its own, which every ffmpeg of the run stays in, so that all of it can be ended.
    os.setpgid(0, 0)
    signal.signal(STOP_SIGNAL, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the worker, which lets its jobs end
    threading.Thread(target=_end_with_worker, daemon=True).start()
    os.environ.update(environment)
    refresh_global_settings_context()
    get_settings.cache_clear()
    sys.argv = ["prefect.engine", run_id]
    # The worker's own heartbeat says that it is alive, and it watches its runs: a thread of beats in each of them
    # would only make it wait a second for its end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


def ready() -> None:
    """Do nothing: the first child shows that the server is up and its modules are loaded."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Abort("The worker ended this run.")


def _end_with_worker() -> None:
    """Wait for the worker's end, however it comes, and go with it: nobody would be left to hold our slot."""
    worker = multiprocessing.parent_process()
    assert worker is not None
    worker.join()
    os.killpg(0, signal.SIGKILL)
