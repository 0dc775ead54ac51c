"""What every flow has in common: its log, its progress, its workbench, its brief retries."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Annotated, Any, Final

from prefect import Flow, Task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging import get_run_logger
from prefect.tasks import exponential_backoff
from pydantic import Field

import blocks
from flows.run_log import shorten_errors
from flows.run_names import job_run_name
from flows.run_page import PATIENCE, ProgressBar, flow_run_id, open_page
from reelmill.catalogue.videos.naming import LONGEST
from reelmill.catalogue.videos.video_parameters import KEY as VIDEO_KEY
from reelmill.classification import DISK_TROUBLE, classify, most_retries
from reelmill.errors import PlatformError, ReelmillError, Unreadable
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.context import Workbench
from reelmill.queue.progress_pace import ProgressPace
from reelmill.queue.retry_policy import AS_ALLOWED, CLASS_LABEL, MOST_RETRIES_LABEL, RETRYABLE_LABEL
from reelmill.report import LogReport, Pace, RemainingTime, Report

#: A parameter that takes whatever names a video; the form in the Prefect UI shows the example.
VideoName = Annotated[
    str, Field(min_length=1, max_length=LONGEST, examples=["chaplin.mp4"], json_schema_extra={VIDEO_KEY: True})
]


def passes(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a task's failure is trouble that seconds may mend: a database restart, a share that blinks."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, OSError):
        return error.errno in DISK_TROUBLE
    return isinstance(error, (PlatformError, Unreadable)) and error.retryable


#: Options of a task that does a job's work: three more tries after about 2, 4 and 8 seconds.
BRIEFLY_RETRIED: Final[dict[str, Any]] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": passes,
    "cache_policy": NO_CACHE,
}


def record_failure(_flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> None:
    """Record on the run whose trouble its failure is, for people to filter by and for the retry rule."""
    error = state.result(raise_on_failure=False)
    if not isinstance(error, BaseException):
        return
    failure_class, retryable = classify(error)
    most = most_retries(error)
    labels: dict[str, bool | int | float | str] = {
        CLASS_LABEL: failure_class.value,
        RETRYABLE_LABEL: retryable,
        MOST_RETRIES_LABEL: AS_ALLOWED if most is None else most,
    }
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(run.id, labels)


#: Options of every flow.
JOB: Final[dict[str, Any]] = {
    "flow_run_name": job_run_name,
    "persist_result": True,
    "result_serializer": "json",
    "on_failure": [record_failure],
}


class FlowReport:
    """A report into the run's log and one progress bar on its page, moved every 5 % or 2 s."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[Any]):
        self._logger, self._bar = logger, ProgressBar()
        self._remaining = RemainingTime()
        self._shown, self._logged = Pace(step=0.05, seconds=2.0), Pace(step=0.05, seconds=None)

    def line(self, text: str) -> None:
        """One line of the job's log, to which Prefect adds the time."""
        self._logger.info(text)

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """See ``Report.progress``; never waits for the server."""
        if self._logged.due(fraction):
            self._logger.info("progress: %.0f %% %s", 100 * fraction, text)
        remaining = self._remaining.at(fraction)
        if self._shown.due(fraction):
            self._bar.set(fraction, text, ProgressPace(speed, remaining))


def run_report() -> Report:
    """What the run we are in speaks through."""
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return LogReport()  # a task called as a plain function
    return FlowReport(get_run_logger())


def workbench() -> Workbench:
    """What an operation needs, for the run we are in."""
    transcoder = Transcoder(options=blocks.TranscoderSettings.current().options())
    return Workbench(transcoder=transcoder, report=run_report(), run_id=flow_run_id())


class job:  # noqa: N801  (reads as what it is: ``with job("scan"):``)
    """The frame of every job's log: start and end, or the reason it failed.

    Args:
        kind: the job type.
        parameters: what it was called with; those that are None are left out.
    """

    def __init__(self, kind: str, **parameters: object):
        self._kind = kind
        self._given = ", ".join(f"{name}={value!r}" for name, value in parameters.items() if value is not None)
        self._logger = get_run_logger()
        shorten_errors()

    def __enter__(self) -> None:
        self._started = time.monotonic()
        self._page = open_page()
        self._logger.info("start: %s(%s)", self._kind, self._given)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._logger.info("completed: %s in %.1f s", self._kind, time.monotonic() - self._started)
        elif isinstance(error, Exception):  # a cancelled run ends without being a failure
            whose = error.failure_class if isinstance(error, ReelmillError) else type(error).__name__
            self._logger.error("--- ERROR ---")
            self._logger.error("%s: %s", whose, error)
        self._close_page(0.0 if kind is not None and not issubclass(kind, Exception) else PATIENCE)

    def _close_page(self, patience: float) -> None:
        left = 0 if self._page is None else self._page.close(patience)
        if left:
            self._logger.warning("%d things to show on this page did not reach the Prefect server, which is away", left)
