"""Where a flow's fanned-out tasks run: threads of this node, or a Dask cluster named in the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final, cast

import dask
from distributed import Client, LocalCluster
from prefect import Task, task
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner
from prefect_dask.task_runners import DaskTaskRunner

from flows.job import BRIEFLY_RETRIED, run_report
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.parallel import FanOut, Result, Work, cores, ignore, in_threads
from reelmill.settings import get_settings
from reelmill.wording import plural

_NAME: Final = "reelmill"
_VERSION: Final = metadata.version(_NAME)

#: What Dask calls them; its types leave them out.
_annotated: Any = dask.annotate  # type: ignore[attr-defined]
_configured: Any = dask.config.set
#: Its profile of itself, a hundred times a second, costs 3 % of a core, for pages that nobody opens.
_QUIET: Final = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "500ms"}


@contextmanager
def _cluster() -> Iterator[LocalCluster | str]:
    """The cluster of a run; read late, so that importing a flow needs no settings.

    Threads rather than processes: 3 s cheaper to start, and ffmpeg and PyAV release the GIL.

    Yields:
        What the run's Dask client connects to.
    """
    address = get_settings().dask_address
    if address is not None:
        yield address
        return
    with _configured(_QUIET), local_cluster(threads=cores()) as cluster:
        yield cluster


@contextmanager
def local_cluster(threads: int) -> Iterator[LocalCluster]:
    """A cluster of one worker, which is this process.

    Without an address, its scheduler and its worker would each open a page to the whole network, the one on a port that
    the next job wants, too.

    Args:
        threads: of the worker.

    Yields:
        The cluster.
    """
    local: Any = LocalCluster
    pages = dict.fromkeys(("dashboard_address", "worker_dashboard_address"), "127.0.0.1:0")
    with local(n_workers=1, processes=False, threads_per_worker=threads, **pages) as cluster:
        yield cluster


def dask_runner() -> TaskRunner[PrefectFuture[Any]]:
    """The task runner of a flow that fans out."""
    # Their types do not say that the class may be any context, nor that a Dask runner is a task runner.
    return cast(TaskRunner[PrefectFuture[Any]], DaskTaskRunner(cluster_class=cast(Any, _cluster)))


@dataclass(frozen=True)
class DaskFanOut:
    """The ``FanOut`` of a flow: one Prefect task a work, run wherever Dask puts it.

    Where no worker of the site's Dask cluster may run the works, this node's threads do.
    """

    task: Task[..., Any]  # of a function and a work; runs the one on the other
    transcoder: Transcoder | None = None  # whose build of ffmpeg a worker must have; None: any will do

    def __call__(
        self, function: Callable[[Work], Result], works: Sequence[Work], on_result: Callable[[Result], None] = ignore
    ) -> list[Result]:
        """See ``FanOut``."""
        workers = self._workers()
        if workers == []:
            return in_threads(function, works, on_result)
        only = {} if workers is None else {"workers": workers, "allow_other_workers": False}
        with _annotated(**only):
            futures: list[PrefectFuture[Result]] = [self.task.submit(function, work) for work in works]
        for future in as_completed(futures):
            on_result(future.result())
        return [future.result() for future in futures]

    def _workers(self) -> list[str] | None:
        """The Dask workers that may run the works, by address; None: all."""
        address = get_settings().dask_address
        if address is None:
            return None
        connect: Any = Client
        with connect(address) as client:
            return _alike(client, _VERSION, self.transcoder)


def _alike(client: Any, ours: str, transcoder: Transcoder | None) -> list[str]:
    """The Dask workers that run our version of Reelmill, and the build of ffmpeg of ``transcoder`` if one is given.

    A function of Python itself asks for the version, so that a worker of any version of ours can run it.
    """
    versions = client.run(metadata.version, _NAME, on_error="ignore")
    alike = [worker for worker, theirs in versions.items() if theirs == ours]
    if len(alike) < len(versions):
        others = f"{len(versions) - len(alike)} of {plural(len(versions), 'Dask worker')}"
        run_report().line(f"not on {others}, of another version of Reelmill than {ours} here: update those nodes, too")
    if transcoder is None or not alike:
        return alike
    builds = client.run(_build, transcoder.options, workers=alike, on_error="ignore")
    return [worker for worker, build in builds.items() if build == version(transcoder.ffmpeg)]


def _build(options: TranscoderOptions) -> str:
    return version(Transcoder(options).ffmpeg)


@task(name="analyse time range", **BRIEFLY_RETRIED)
def analyse_time_range(function: Callable[[Work], Result], work: Work) -> Result:
    """Analyse one time range of a video."""
    return function(work)


@task(name="encode chunk", **BRIEFLY_RETRIED)
def encode_chunk(function: Callable[[Work], Result], work: Work) -> Result:
    """Make one chunk of a video."""
    return function(work)


#: One Prefect task a time range.
fan_out: Final = DaskFanOut(analyse_time_range)


def chunk_fan_out(transcoder: Transcoder) -> FanOut:
    """One Prefect task a chunk, on those nodes of the Dask cluster whose ffmpeg is the build of ``transcoder``.

    Where no other node has it, the chunks are encoded here: chunks of several builds do not mix.

    Args:
        transcoder: of the job.
    """
    return DaskFanOut(encode_chunk, transcoder)
