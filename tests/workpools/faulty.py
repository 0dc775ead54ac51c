"""``prefect worker start`` of a worker whose own code fails where a job asks it to: ``-m tests.workpools.faulty``.

A job names its faults in its environment variable FAULTS: stage and kind, such as ``watch:bug settle:refused``.
Besides, each background task of the worker, its first poll and its telling about itself fail once.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, Final

import httpx
from prefect.cli import app
from prefect.workers.base import BaseWorker

from workpools import worker
from workpools.background import BackgroundTasks
from workpools.processes.forkserver import Forkserver
from workpools.run.attempt import Attempt
from workpools.run.finalizer import Finalizer, Settlement
from workpools.run.state_watcher import StateWatcher
from workpools.site import rescuer
from workpools.vram.admission import Admission

_ANSWER: Final = httpx.Response(422, request=httpx.Request("POST", "http://localhost/api"))

KINDS: Final[dict[str, Callable[[], Exception]]] = {
    "bug": lambda: KeyError("a bug"),
    "refused": lambda: httpx.HTTPStatusError("422", request=_ANSWER.request, response=_ANSWER),
}

#: Where an attempt can fail.
STAGES: Final[dict[str, tuple[type, str]]] = {
    "begin": (Attempt, "_begin"),
    "admit": (Attempt, "_admit"),
    "start": (Forkserver, "start"),
    "watch": (Attempt, "_watch_over"),
    "settle": (Finalizer, "_settle"),
    "leave": (Admission, "leave"),
}

_faults: dict[str, dict[str, str]] = {}  # by run, then by stage


def _run_id(given: Any) -> str:
    return str(getattr(getattr(given, "_run", given), "id", given))


def _fails(stage: str, owner: type, name: str) -> None:
    real = getattr(owner, name)

    @functools.wraps(real)
    async def failing(*given: Any, **named: Any) -> Any:
        asked = [faults for each in given for faults in [_faults.get(_run_id(each), {})] if stage in faults]
        if asked:
            raise KINDS[asked[0][stage]]()
        return await real(*given, **named)

    setattr(owner, name, failing)


def _fails_once(owner: type, name: str, at: int = 1) -> None:
    real, calls = getattr(owner, name), itertools.count(1)

    @functools.wraps(real)
    async def failing(*given: Any, **named: Any) -> Any:
        if next(calls) == at:
            raise KeyError(f"a bug in {name}")
        return await real(*given, **named)

    setattr(owner, name, failing)


_Live = Callable[[Attempt], Coroutine[Any, Any, Settlement]]


def _knows_its_faults(real: _Live) -> _Live:
    async def live(attempt: Attempt) -> Settlement:
        asked = (attempt._configuration.env.get("FAULTS") or "").split()
        _faults[_run_id(attempt)] = dict(fault.split(":") for fault in asked)
        if "lose:it" in asked:
            attempt._report_started(None)
            return Settlement("lost")
        return await real(attempt)

    return live


def main() -> None:
    """Put the faults in place and start."""
    for stage, (owner, name) in STAGES.items():
        _fails(stage, owner, name)
    Attempt.live = _knows_its_faults(Attempt.live)  # type: ignore[method-assign, assignment]
    for owner, name in (
        (StateWatcher, "serve"),
        (StateWatcher, "listen"),
        (Admission, "renew_leases"),
        (rescuer.Rescuer, "serve"),
    ):
        _fails_once(owner, name)
    _fails_once(BaseWorker, "_get_scheduled_flow_runs")
    _fails_once(worker.ReelmillWorker, "_publish_facts", at=2)  # the first is a part of coming up
    BackgroundTasks.FIRST_PAUSE = 0.1
    rescuer._STRAY_SECONDS = 1.0  # type: ignore[misc]
    app()


if __name__ == "__main__":
    main()
