"""A site as metrics (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from reelmill.catalogue.metric_totals import Totals
from reelmill.dispatch import Budget, Node, NodeStatus
from reelmill.dispatch.tables.job_counts import JobCount
from reelmill.dispatch.totals import families
from reelmill.dispatch.totals.families import Family
from reelmill.metrics.bounds import ENGINES, JOB_TYPES, MOST_NODES, OTHER, folded
from reelmill.metrics.node_metrics import NodeLoad, node_metrics
from reelmill.queue.job import FINAL, LANES, QUEUE_TYPES, JobStatus, priority_of

#: What the labels of totals may be; the others have few values of their own.
_KNOWN: Final[Mapping[str, frozenset[str]]] = {"type": JOB_TYPES, "engine": ENGINES}

_WAITING: Final = (JobStatus.PENDING, JobStatus.QUEUED)
_UNDER_WAY: Final = tuple(status for status in JobStatus if status not in FINAL)


@dataclass(frozen=True)
class QueueNow:
    """The jobs of a site at this moment, and all that have ended so far."""

    counts: Sequence[JobCount]
    awaiting_retry: Mapping[str, int]  # by lane; ``counts`` has them among those that are pending
    dead_letters: int
    totals: Totals


def queue_metrics(queue: QueueNow, pools: Iterable[str]) -> Iterator[Metric]:
    """What waits, runs and has ended.

    Args:
        queue: the jobs.
        pools: the names of the site's pools.

    Yields:
        Each metric, those at 0 among them, so that a query finds what it asks for.
    """
    live = [count for count in queue.counts if count.status in _UNDER_WAY]
    waiting = _due(live, queue.awaiting_retry)
    yield _gauge("media_jobs_pending", "Jobs that are due and in their lane, those that await a retry among them",
                 _count(one for one in live if one.status is JobStatus.PENDING))  # fmt: skip
    yield _gauge("media_jobs_awaiting_retry", "Jobs that failed and are tried again later",
                 sum(queue.awaiting_retry.values()))  # fmt: skip
    yield _gauge("media_queue_length", "Jobs that could start now and do not run yet", sum(waiting.values()))
    yield _gauge("media_dead_letters", "Jobs that are out of retries now", queue.dead_letters)
    yield _by_label(
        "media_queue_by_priority", "Waiting jobs by priority, 1 is served first", "priority",
        [str(priority) for priority in range(1, len(LANES) + 1)],
        ((str(priority_of(lane) or OTHER), jobs) for lane, jobs in waiting.items()),
    )  # fmt: skip
    yield _by_label(
        "media_queue_by_type", "Waiting jobs by the type of their queue", "type", QUEUE_TYPES,
        ((_queue_type(lane), jobs) for lane, jobs in waiting.items()),
    )  # fmt: skip
    known = frozenset(pools)
    yield _by_label(
        "media_jobs_running", "Jobs that run, by pool", "resourceCategory", sorted(known),
        ((folded(one.pool, known), one.jobs) for one in live if one.status is JobStatus.RUNNING),
    )  # fmt: skip
    yield _active(live)
    yield from _ended(queue.totals)


def site_metrics(nodes: Sequence[Node], vram: Sequence[Budget]) -> Iterator[Metric]:
    """Nodes and GPU memory.

    Args:
        nodes: of the site.
        vram: the budget of each of its devices.

    Yields:
        Each metric.
    """
    yield _by_label(
        "media_nodes_by_status", "Nodes by whether they take jobs", "status", [str(one) for one in NodeStatus],
        ((str(node.status), 1) for node in nodes),
    )  # fmt: skip
    yield _gauge("media_vram_total_mb", "GPU memory of the whole site, in MB", sum(one.total_mb for one in vram))
    places = {gpu.limit_name: (node.name, gpu.device) for node in nodes for gpu in node.vram}
    named = {node.name for node in _first(nodes)}
    yield _of_devices("media_vram_used_mb", "GPU memory that jobs hold, in MB", vram, places, named,
                      lambda one: one.used_mb)  # fmt: skip
    yield _of_devices("media_vram_budget_mb", "GPU memory that jobs may hold, in MB", vram, places, named,
                      lambda one: one.total_mb)  # fmt: skip
    yield _by_label(
        "media_worker_active_jobs", "Jobs that the workers of a node have in hand", "node", sorted(named),
        ((folded(node.name, named), node.active_jobs) for node in nodes),
    )  # fmt: skip
    # What a node that is away published last would stand for ever.
    online = [node for node in _first(nodes) if node.status is not NodeStatus.OFFLINE]
    yield from node_metrics([NodeLoad(node.name, node.load, node.hardware) for node in online])


def _first(nodes: Sequence[Node]) -> Sequence[Node]:
    return sorted(nodes, key=lambda node: node.name)[:MOST_NODES]


def _ended(totals: Totals) -> Iterator[Metric]:
    for family in families.COUNTERS:
        counter = CounterMetricFamily(family.name, family.documentation, labels=family.labels)
        for labels, value in sorted(_folded(totals, family.name, family).items()):
            counter.add_metric(labels, value)
        yield counter
    used = {labels[0]: value for labels, value in _folded(totals, families.BY_ENGINE.name, families.BY_ENGINE).items()}
    yield _by_label(families.BY_ENGINE.name, families.BY_ENGINE.documentation, "engine", sorted(ENGINES), used.items())
    for family in families.HISTOGRAMS:
        yield _histogram(family, totals)


def _histogram(family: Family, totals: Totals) -> Metric:
    counted: dict[tuple[str, ...], Counter[float]] = {}
    for (*of_family, bound), value in _folded(totals, family.name, family).items():
        counted.setdefault(tuple(of_family), Counter())[float(bound)] += int(value)
    sums = _folded(totals, family.sum, family)
    histogram = HistogramMetricFamily(family.name, family.documentation, labels=family.labels)
    for labels, buckets in sorted(counted.items()):
        # Kept apart and added up here, so that other bounds may be chosen later: what is known stays true.
        upper = [(f"{bound:g}", float(bound)) for bound in family.bounds] + [("+Inf", float("inf"))]
        cumulative = [(name, sum(n for at, n in buckets.items() if at <= bound)) for name, bound in upper]
        histogram.add_metric(labels, cumulative, sums.get(labels, 0.0))
    return histogram


def _due(live: Sequence[JobCount], awaiting_retry: Mapping[str, int]) -> Mapping[str, int]:
    """Jobs that wait and could start, by lane; one that awaits its next try could not."""
    waiting: Counter[str] = Counter()
    for one in live:
        if one.status in _WAITING:
            waiting[one.lane] += one.jobs
    # Counted a moment apart: one that was due in between must not make a lane negative.
    return {lane: max(0, jobs - awaiting_retry.get(lane, 0)) for lane, jobs in waiting.items()}


def _folded(totals: Totals, name: str, family: Family) -> dict[tuple[str, ...], float]:
    """The totals of a name by their labels, of which those that nobody knows are added up.

    Args:
        totals: all of them.
        name: of those that are meant.
        family: that they are of; the bound of a bucket follows its labels.

    Returns:
        The value for each.
    """
    summed: dict[tuple[str, ...], float] = {}
    for (found, values), value in totals.items():
        if found == name:
            known = (folded(one, _KNOWN.get(label, {one})) for label, one in zip(family.labels, values, strict=False))
            labels = (*known, *values[len(family.labels) :])
            summed[labels] = summed.get(labels, 0) + value
    return summed


def _active(live: Sequence[JobCount]) -> Metric:
    counted: Counter[tuple[str, str]] = Counter()
    for one in live:
        counted[folded(one.type, JOB_TYPES), str(one.status)] += one.jobs
    gauge = GaugeMetricFamily(
        "media_jobs_active", "Jobs that are due and not over, by type and status", labels=("type", "status")
    )
    for job_type in sorted({job_type for job_type, _ in counted} or {OTHER}):
        for status in _UNDER_WAY:
            gauge.add_metric((job_type, str(status)), counted[job_type, str(status)])
    return gauge


def _of_devices(
    name: str,
    documentation: str,
    vram: Sequence[Budget],
    places: dict[str, tuple[str, str]],
    nodes: set[str],
    amount: Callable[[Budget], int],
) -> Metric:
    """Of a device whose worker has published nothing, its budget's own name holds node and device."""
    summed: Counter[tuple[str, str]] = Counter()
    for one in vram:
        node, device = places.get(one.name) or _by_name(one.name)
        summed[(node, device) if node in nodes else (OTHER, OTHER)] += amount(one)
    gauge = GaugeMetricFamily(name, documentation, labels=("host", "gpu"))
    for labels, value in sorted(summed.items()):
        gauge.add_metric(labels, value)
    return gauge


def _by_name(budget: str) -> tuple[str, str]:
    node, _, device = budget.partition("-")[2].rpartition("-")
    return node, device


def _queue_type(lane: str) -> str:
    return folded(lane.partition("-")[0], QUEUE_TYPES)


def _count(counts: Iterable[JobCount]) -> int:
    return sum(one.jobs for one in counts)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)


def _by_label(
    name: str, documentation: str, label: str, known: Sequence[str], amounts: Iterable[tuple[str, float]]
) -> Metric:
    """A gauge with every value of its label that is known, and ``other`` where something is folded into it."""
    summed: dict[str, float] = dict.fromkeys(known, 0)
    for value, amount in amounts:
        summed[value] = summed.get(value, 0) + amount
    gauge = GaugeMetricFamily(name, documentation, labels=(label,))
    for value, amount in summed.items():
        gauge.add_metric((value,), amount)
    return gauge
