"""Reads a site at a scrape, and nothing between two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reelmill.dispatch import Budget, Node, PoolState
from reelmill.dispatch.tables.job_counts import JobCount
from reelmill.dispatch.totals.tally import EndingReader, JobTally
from reelmill.errors import PlatformError
from reelmill.metrics.site_metrics import QueueNow, queue_metrics, site_metrics
from reelmill.parallel import begin


class SiteView(Protocol):
    """A site at this moment, as ``SiteSnapshot`` reads it."""

    @property
    def pools(self) -> Sequence[PoolState]:
        """Its pools."""

    @property
    def nodes(self) -> Sequence[Node]:
        """Its nodes."""

    @property
    def vram(self) -> Sequence[Budget]:
        """The budget of each device."""


class SiteSource(Protocol):
    """Reads a site; ``SiteSnapshot`` does."""

    def now(self) -> SiteView:
        """The site at this moment."""


class JobSource(EndingReader, Protocol):
    """Reads jobs; ``JobReader`` does."""

    def under_way(self) -> list[JobCount]:
        """The jobs that are not over, counted."""

    def awaiting_retry(self) -> Mapping[str, int]:
        """How many jobs of each lane are tried again later."""

    def dead_letters(self) -> int:
        """How many jobs are out of retries."""


class SiteCollector(Collector):
    """The metrics of a site.

    Whatever is away leaves its own metrics out and no others: a scrape that fails is one on which no alert can rest.

    Args:
        jobs: reads the jobs.
        site: reads pools, nodes and GPU memory.
    """

    def __init__(self, jobs: JobSource, site: SiteSource):
        self._jobs, self._site, self._tally = jobs, site, JobTally(jobs)

    def describe(self) -> Iterable[Metric]:
        """Nothing: to register a collector that has no description, the client library would read the whole site."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read everything.

        Yields:
            Each metric.
        """
        up = GaugeMetricFamily("media_site_up", "Whether the scrape could read it", labels=("source",))
        with ThreadPoolExecutor(1) as beside:  # the server is asked while the database counts
            reading = begin(beside, self._read_site)
            queue = self._read_queue()
            site = reading.result()
        up.add_metric(("server",), site is not None)
        up.add_metric(("database",), queue is not None)
        yield up
        if queue is not None:
            yield from queue_metrics(queue, () if site is None else [pool.name for pool in site.pools])
        if site is not None:
            yield from site_metrics(site.nodes, site.vram)

    def _read_site(self) -> SiteView | None:
        try:
            return self._site.now()
        except PlatformError:
            return None

    def _read_queue(self) -> QueueNow | None:
        try:
            return QueueNow(
                counts=self._jobs.under_way(),
                awaiting_retry=self._jobs.awaiting_retry(),
                dead_letters=self._jobs.dead_letters(),
                totals=self._tally.update(),
            )
        except PlatformError:
            return None
