"""Reads a node at a scrape: what its worker serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reelmill.hardware.energy import POWERCAP, gpu_counters, rapl
from reelmill.hardware.gpu import NVML, Devices
from reelmill.hardware.host import hardware, live_load
from reelmill.metrics.node_metrics import NodeLoad, node_metrics


@dataclass(frozen=True)
class NodeSource:
    """What is read of a node."""

    name: str
    media_root: Path  # whose disk is meant
    active_jobs: Callable[[], int]  # of the worker that serves it
    devices: Devices = NVML
    powercap: Path = POWERCAP

    @cached_property
    def hardware(self) -> dict[str, Any]:
        """What stays as it is while the node runs."""
        return hardware(self.devices)


class NodeCollector(Collector):
    """The metrics of one node; no server is asked for any.

    Args:
        source: the node.
    """

    def __init__(self, source: NodeSource):
        self._source = source

    def describe(self) -> Iterable[Metric]:
        """See ``SiteCollector.describe``."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read everything.

        Yields:
            Each metric.
        """
        source = self._source
        yield from node_metrics([NodeLoad(source.name, live_load(source.media_root, source.devices), source.hardware)])
        active = GaugeMetricFamily("media_worker_active_jobs", "Jobs that this worker has in hand", labels=("node",))
        active.add_metric((source.name,), source.active_jobs())
        yield active
        yield self._cpu()
        yield self._energy()

    def _cpu(self) -> Metric:
        """Seconds since the node started: unlike a percentage they do not depend on who else has asked, and when."""
        times = psutil.cpu_times()
        idle = times.idle + times.iowait
        counter = CounterMetricFamily(
            "media_node_cpu_seconds_total", "What all cores together did", labels=("node", "mode")
        )
        counter.add_metric((self._source.name, "busy"), times.user + times.nice + times.system + times.irq
                           + times.softirq + times.steal)  # fmt: skip
        counter.add_metric((self._source.name, "idle"), idle)
        return counter

    def _energy(self) -> Metric:
        """RAPL's counters begin anew now and then, which a counter may."""
        counter = CounterMetricFamily(
            "media_node_energy_joules_total", "What processors and GPUs took", labels=("node", "source")
        )
        counters = {**rapl(self._source.powercap), **gpu_counters(self._source.devices.gpus(), None)}
        for one in counters.values():
            counter.add_metric((self._source.name, one.name), one.microjoules / 1e6)
        return counter
