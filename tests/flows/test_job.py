"""The frame of a job's log, without a server: what it says when things go well, badly, and strangely."""

from __future__ import annotations

import errno
import logging

import pytest
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed

import flows.job
from flows.job import job, passes
from flows.scan import scan_folder
from reelmill.errors import InputError, PlatformError, SiteError, UserError


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged, first level then text."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(f"{record.levelname} {record.getMessage()}")

    logger = logging.Logger("a job")
    logger.addHandler(Keep())
    monkeypatch.setattr(flows.job, "get_run_logger", lambda: logger)
    return found


def test_a_job_that_works(lines: list[str]) -> None:
    with job("scan", directory_type="videos", skip_existing=None):
        pass
    assert lines[0] == "INFO start: scan(directory_type='videos')"
    assert lines[1].startswith("INFO completed: scan in 0.0 s")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("x.mp4 is broken."), "ERROR input_error: x.mp4 is broken."),
        (OSError(errno.EIO, "Input/output error"), "ERROR OSError: [Errno 5] Input/output error"),
    ],
)
def test_a_job_that_fails(lines: list[str], error: Exception, told: str) -> None:
    with pytest.raises(type(error)), job("scan"):
        raise error
    assert lines[1:] == ["ERROR --- ERROR ---", told]


def test_a_job_that_is_stopped_has_not_failed(lines: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt), job("scan"):
        raise KeyboardInterrupt
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (PlatformError("the database restarts"), True),
        (OSError(errno.ESTALE, "Stale file handle"), True),
        (SiteError("a site is up"), False),
        (UserError("no such video"), False),
        (InputError("broken"), False),
        (OSError(errno.ENOENT, "No such file"), False),
        (KeyError("a bug"), False),
    ],
)
def test_only_passing_trouble_is_tried_again(error: Exception, again: bool) -> None:
    task_run = TaskRun(task_key="x", dynamic_key="0")
    assert passes(scan_folder, task_run, Failed(data=error)) is again
