"""Where a flow's fanned-out tasks run: threads of this machine, or a Dask cluster named in the settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from distributed import LocalCluster
from prefect import task
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner
from prefect_dask.task_runners import DaskTaskRunner

from flows.job import BRIEFLY_RETRIED
from reelmill.analysis.ranges import Found, Range
from reelmill.settings import get_settings


@contextmanager
def _cluster() -> Iterator[LocalCluster | str]:
    """What a run's Dask client connects to; read late, so that importing a flow needs no settings.

    Threads rather than processes: 3 s cheaper to start, and ffmpeg and PyAV release the GIL.
    """
    address = get_settings().dask_address
    if address is not None:
        yield address
        return
    local: Any = LocalCluster
    with local(n_workers=1, processes=False, threads_per_worker=os.cpu_count() or 1, dashboard_address=None) as cluster:
        yield cluster


def dask_runner() -> TaskRunner[PrefectFuture[Any]]:
    """The task runner of a flow that fans out."""
    # Their types do not say that the class may be any context, nor that a Dask runner is a task runner.
    return cast(TaskRunner[PrefectFuture[Any]], DaskTaskRunner(cluster_class=cast(Any, _cluster)))


@task(name="analyse range", **BRIEFLY_RETRIED)
def analyse_range(analyse: Callable[[Range], Found], part: Range) -> Found:
    """Look at one time range of a video; runs wherever Dask puts it."""
    return analyse(part)


def fan_out(analyse: Callable[[Range], Found], parts: Sequence[Range]) -> list[Found]:
    """One Prefect task a range, on Dask."""
    futures = [analyse_range.submit(analyse, part) for part in parts]
    return [future.result() for future in futures]
