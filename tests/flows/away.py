"""A job type of the tests' own: it shows progress, a text and fanned-out work, all of it while the server is away."""

from __future__ import annotations

import time
from pathlib import Path

from prefect import flow
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

from flows.job import JOB, job, workbench
from flows.run_page import current_page
from flows.task_runners import dask_runner, fan_out
from tests.patience import until


@flow(name="away", task_runner=dask_runner(), **JOB)
def away(folder: str) -> list[int]:
    """Begin, and say so; work once the server is gone, and say so; end at once, or when told that it is back.

    Args:
        folder: where files say so: ``begun``, ``worked``; ``gone`` and ``end`` are the test's.
    """
    signs = Path(folder)
    with job("away"):
        report = workbench().report
        report.progress(0.1, "begun")
        (signs / "retries").write_text(str(PREFECT_CLIENT_MAX_RETRIES.value()))
        (signs / "begun").touch()
        _until(signs / "gone")
        before = time.monotonic()
        for percent in range(20, 90):
            report.progress(percent / 100, "encoding")
        page = current_page()
        assert page is not None
        page.add("markdown", "made while nobody listened", "a text")
        (signs / "took").write_text(str(time.monotonic() - before))
        found = fan_out(_double, [1, 2, 3])
        (signs / "worked").touch()
        _until(signs / "end")
        report.progress(1.0, "done")
    return found


def _double(number: int) -> int:
    return 2 * number


def _until(sign: Path) -> None:
    until(sign.exists, lambda: sign)
