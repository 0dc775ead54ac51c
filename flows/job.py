"""What every flow has in common: its log, its progress and pictures, its workbench, its brief retries."""

from __future__ import annotations

import base64
import logging
import time
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Annotated, Any, Final

from prefect import Flow, Task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging import get_run_logger
from prefect.tasks import exponential_backoff
from pydantic import Field

import blocks
from reelmill.errors import DISK_TROUBLE, PlatformError, ReelmillError, Unreadable, classify
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.workbench import Workbench
from reelmill.report import LogReport, Pace, Report
from reelmill.scheduling.retries import CLASS_LABEL, RETRYABLE_LABEL

VideoId = Annotated[str, Field(min_length=1, max_length=64)]


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
    """Keep on the run whose trouble its failure is, for people to filter by and for the retry rule."""
    error = state.result(raise_on_failure=False)
    if not isinstance(error, BaseException):
        return
    failure_class, retryable = classify(error)
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(run.id, {CLASS_LABEL: failure_class.value, RETRYABLE_LABEL: retryable})


#: Options of every flow.
JOB: Final[dict[str, Any]] = {
    "persist_result": True,
    "result_serializer": "json",
    "on_failure": [record_failure],
}


class FlowReport:
    """A report into the run's log and one progress artifact, updated every 5 % or 2 s."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[Any]):
        self._logger = logger
        self._artifact: uuid.UUID | None = None
        self._shown, self._logged = Pace(step=0.05, seconds=2.0), Pace(step=0.05, seconds=None)

    def line(self, text: str) -> None:
        """One line of the job's log, which Prefect stamps with the time."""
        self._logger.info(text)

    def progress(self, fraction: float, text: str = "") -> None:
        """See ``Report.progress``."""
        percent = 100 * fraction
        if self._logged.due(fraction):
            self._logger.info("progress: %.0f %% %s", percent, text)
        if not self._shown.due(fraction):
            return
        if self._artifact is None:
            made = create_progress_artifact(progress=percent, description=text)
            assert isinstance(made, uuid.UUID)
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, progress=percent, description=text)


def _report() -> Report:
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return LogReport()  # a task called as a plain function
    return FlowReport(get_run_logger())


def run_id() -> uuid.UUID | None:
    """The flow run we are in."""
    task = TaskRunContext.get()
    if task is not None and task.task_run.flow_run_id is not None:
        return task.task_run.flow_run_id
    flow = FlowRunContext.get()
    return flow.flow_run.id if flow is not None and flow.flow_run is not None else None


def workbench() -> Workbench:
    """What an operation needs, for the run we are in."""
    transcoder = Transcoder(options=blocks.Transcoder.current().options())
    return Workbench(transcoder=transcoder, report=_report(), run_id=run_id())


class job:  # noqa: N801  (reads as what it is: ``with job("scan"):``)
    """The frame of every job's log: start and end, or the reason it failed.

    Args:
        kind: the job type.
        parameters: what it was asked; those that are None are left out.
    """

    def __init__(self, kind: str, **parameters: object):
        self._kind = kind
        self._given = ", ".join(f"{name}={value!r}" for name, value in parameters.items() if value is not None)
        self._logger = get_run_logger()

    def __enter__(self) -> None:
        self._started = time.monotonic()
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


def show(jpeg: bytes, description: str) -> None:
    """A picture on the run's page; carried in the artifact itself, so keep it under 100 kB."""
    encoded = base64.b64encode(jpeg).decode()
    # Not an image artifact: its page prints the address below the picture, here that is the picture again as text.
    create_markdown_artifact(f"![preview](data:image/jpeg;base64,{encoded})", description=description)


def show_markdown(text: str, description: str) -> None:
    """A text on the run's page."""
    create_markdown_artifact(text, description=description)


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]], description: str) -> None:
    """A table on the run's page, its sum in a sentence above it."""
    lines = [header, ["---"] * len(header), *rows]
    table = "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |" for cells in lines)
    show_markdown(f"{description}\n\n{table}", description)
