"""What a run's own process does: forked from the forkserver, it becomes the run, and ends with the worker."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Final

from prefect.context import refresh_global_settings_context
from prefect.exceptions import Abort
from prefect.settings import (
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from reelmill.hardware import vram_share
from reelmill.settings import get_settings

#: Asks a run to end now: its finally blocks run, and no state of Prefect's is set.
STOP_SIGNAL = signal.SIGUSR1

_NOBODY: Final = Path(__file__).with_name("nobody.pem")

#: Of a job's own requests, its final state among them: after 2, 4, 8 … seconds, so that a server may be away for two
#: minutes and lose no finished work.
_RETRIES: Final = 7

_settings = ExitStack()


def run_flow(run_id: str, environment: dict[str, str]) -> None:
    """Run one flow run to its end with Prefect's own engine.

    Args:
        run_id: of the flow run.
        environment: added to what the worker had when it started.
    """
    # A process group of its own, which every ffmpeg of the run stays in, so that all of it can be ended.
    os.setpgid(0, 0)
    signal.signal(STOP_SIGNAL, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the worker, which lets its jobs end
    threading.Thread(target=_end_with_worker, daemon=True).start()
    differs = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    os.environ.update(differs)
    if any(map(_is_setting, differs)):
        settle_settings()
    sys.argv = ["prefect.engine", run_id]
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


def _is_setting(name: str) -> bool:
    return name.startswith(("PREFECT_", "REELMILL_")) and not name.startswith(("PREFECT__", vram_share.VARIABLE))


def settle_settings() -> None:
    """Read the settings from the environment: a tenth of an empty run's cost, so the forkserver does it for all."""
    _settings.close()
    refresh_global_settings_context()
    get_settings.cache_clear()
    # The worker's own heartbeat shows that it is alive, and it watches its runs: a thread of beats in each of them
    # would only make it wait a second for its end.
    chosen: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    if "PREFECT_CLIENT_MAX_RETRIES" not in os.environ:
        chosen[PREFECT_CLIENT_MAX_RETRIES] = _RETRIES
    if (PREFECT_API_URL.value() or "").startswith("http://") and get_settings().dask_address is None:
        # Each of a run's four clients reads the authorities it trusts, though it speaks no TLS: half of the CPU an
        # empty run took. With a Dask cluster the settings travel to nodes that need not have this file.
        chosen[PREFECT_API_SSL_CERT_FILE] = str(_NOBODY)
    _settings.enter_context(temporary_settings(chosen))


def ready() -> None:
    """Do nothing: the first child shows that the forkserver is up and its modules are loaded."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Abort("The worker ended this run.")


def _end_with_worker() -> None:
    """Wait for the worker's end, however it comes, and go with it: nobody would be left to hold our slot."""
    worker = multiprocessing.parent_process()
    assert worker is not None
    worker.join()
    os.killpg(0, signal.SIGKILL)
