"""What follows a scan: a later scan for the files that were still being written."""

from __future__ import annotations

import logging
from typing import Any

from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from reelmill.dispatch import dispatcher
from reelmill.dispatch.runs.control import this_user
from reelmill.errors import ReelmillError
from reelmill.operations.jobs.scan import ScanResult
from reelmill.queue.job import priority_of


def follow_up(job_type: str, parameters: dict[str, Any], result: ScanResult) -> None:
    """Have files that were still being written looked at when they are complete.

    Args:
        job_type: of the scan.
        parameters: of the scan that is to look at the folder later.
        result: of this scan.
    """
    if result.again_in is not None:
        _look_later(job_type, parameters, result.waiting, result.again_in)


def _look_later(job_type: str, parameters: dict[str, Any], waiting: int, seconds: float) -> None:
    """Hand in this scan's successor; the scans of a folder have one between them."""
    logger: logging.Logger | logging.LoggerAdapter[Any] = get_run_logger()
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    files = "1 file is" if waiting == 1 else f"{waiting} files are"
    if run is None or run.deployment_id is None:
        logger.warning(
            "%s still being written: scan again in %.0f s; nobody else will, since no deployment made this run",
            files,
            seconds,
        )
        return
    lane = priority_of(run.work_queue_name or "")
    try:
        with dispatcher() as prefect:
            later = prefect.jobs.submit(job_type, parameters, this_user("worker"), priority=lane, delay=seconds)
    except ReelmillError as error:  # the scan itself is done, and the next one takes these files, too
        logger.warning("%s still being written, and left to the next scan: %s", files, error)
        return
    logger.info(
        "%s still being written; the scan %s (%s) looks at them in %.0f s", files, later.name, later.id, seconds
    )
