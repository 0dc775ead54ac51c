"""Where a flow's fanned-out tasks run: threads of this machine, or a Dask cluster named in the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Final, cast

import dask
from distributed import Client, LocalCluster
from prefect import task
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner
from prefect_dask.task_runners import DaskTaskRunner

from flows.job import BRIEFLY_RETRIED
from reelmill.fan_out import FanOut, Found, Work, cores, ignore, threads
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
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
    with (
        _configured(_QUIET),
        local(n_workers=1, processes=False, threads_per_worker=cores(), dashboard_address=None) as cluster,
    ):
        yield cluster


def dask_runner() -> TaskRunner[PrefectFuture[Any]]:
    """The task runner of a flow that fans out."""
    # Their types do not say that the class may be any context, nor that a Dask runner is a task runner.
    return cast(TaskRunner[PrefectFuture[Any]], DaskTaskRunner(cluster_class=cast(Any, _cluster)))


@task(name="analyse range", **BRIEFLY_RETRIED)
def analyse_range(function: Callable[[Work], Found], work: Work) -> Found:
    """Look at one time range of a video; runs wherever Dask puts it."""
    return function(work)


@task(name="encode chunk", **BRIEFLY_RETRIED)
def encode_chunk(function: Callable[[Work], Found], work: Work) -> Found:
    """Make one piece of a video; runs wherever Dask puts it."""
    return function(work)


def fan_out(
    function: Callable[[Work], Found], works: Sequence[Work], done: Callable[[Found], None] = ignore
) -> list[Found]:
    """One Prefect task a range, on Dask."""
    return gathered([analyse_range.submit(function, work) for work in works], done)


def chunk_fan_out(transcoder: Transcoder) -> FanOut:
    """One Prefect task a chunk, on those machines of the Dask cluster whose ffmpeg is the build of ``transcoder``.

    Where no other machine has it, the chunks are encoded here: pieces of several builds do not mix.
    """
    address = get_settings().dask_address
    if address is None:
        return _encode_chunks
    connect: Any = Client
    with connect(address) as client:
        builds = client.run(_build, transcoder.options)
    alike = [worker for worker, build in builds.items() if build == version(transcoder.ffmpeg)]
    return partial(_encode_chunks, workers=alike) if alike else threads


#: What Dask calls them; its types leave them out.
_annotated: Any = dask.annotate  # type: ignore[attr-defined]
_configured: Any = dask.config.set
#: Looking at itself a hundred times a second costs 3 % of a core, for pages that nobody opens.
_QUIET: Final = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "500ms"}


def _build(options: TranscoderOptions) -> str:
    return version(Transcoder(options).ffmpeg)


def _encode_chunks(
    function: Callable[[Work], Found],
    works: Sequence[Work],
    done: Callable[[Found], None] = ignore,
    workers: Sequence[str] | None = None,
) -> list[Found]:
    only = nullcontext() if workers is None else _annotated(workers=list(workers), allow_other_workers=False)
    with only:
        futures = [encode_chunk.submit(function, work) for work in works]
    return gathered(futures, done)


def gathered(futures: list[PrefectFuture[Found]], done: Callable[[Found], None]) -> list[Found]:
    """What the futures give, in their order; ``done`` is told of each as it comes."""
    for future in as_completed(futures):
        done(future.result())
    return [future.result() for future in futures]
