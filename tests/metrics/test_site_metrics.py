"""A site as metrics: the names, the labels, and what is folded."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from reelmill.dispatch import Budget, Node, NodeStatus
from reelmill.dispatch.tables.job_counts import JobCount
from reelmill.dispatch.totals.tally import amounts
from reelmill.metrics.site_metrics import QueueNow, queue_metrics, site_metrics
from reelmill.queue.encode_labels import EncodeFigures
from reelmill.queue.job import JobStatus
from reelmill.queue.worker_facts import VirtualGpu
from tests.dispatch.endings import ending

_POOLS = ("cpu", "gpu_ai", "gpu_encode")


def _count(status: JobStatus = JobStatus.PENDING, **differs: Any) -> JobCount:
    plain = {"type": "reencode", "pool": "cpu", "lane": "default-medium", "engine": "", "jobs": 1}
    return JobCount(status=status, **{**plain, **differs})


def _node(name: str, status: NodeStatus = NodeStatus.AVAILABLE, **differs: Any) -> Node:
    plain: dict[str, Any] = {
        "max_jobs": 2, "active_jobs": 1, "last_heartbeat": None, "pools": ("cpu",), "workers": (), "paused": (),
        "vram": (VirtualGpu(f"vram-{name}-gpu0", "gpu0", 8000),), "hardware": {"memory_mb": 1000},
        "load": {"load_per_core": 0.5, "memory_available_mb": 250, "disk_free_mb": None},
    }  # fmt: skip
    return Node(name=name, status=status, **{**plain, **differs})


def _values(metrics: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    """By name and label values."""
    return {(sample.name, *sample.labels.values()): sample.value for metric in metrics for sample in metric.samples}


def test_the_queue() -> None:
    counts = [
        _count(jobs=4), _count(lane="live-high", jobs=2), _count(JobStatus.QUEUED, lane="idle", jobs=1),
        _count(JobStatus.RUNNING, pool="gpu_encode", jobs=3), _count(JobStatus.COMPLETED, jobs=99),
        _count(JobStatus.PAUSED, jobs=5),
    ]  # fmt: skip
    found = _values(
        queue_metrics(QueueNow(counts, awaiting_retry={"default-medium": 1}, dead_letters=7, totals={}), _POOLS)
    )
    assert found["media_jobs_pending",] == 6
    assert found["media_jobs_awaiting_retry",] == 1
    assert found["media_queue_length",] == 6, "the one that awaits its next try is not due"
    assert found["media_dead_letters",] == 7
    assert {key[1]: value for key, value in found.items() if key[0] == "media_queue_by_priority"} == {
        **{str(priority): 0 for priority in range(1, 11)}, "1": 2, "5": 3, "10": 1,
    }  # fmt: skip
    assert {key[1]: value for key, value in found.items() if key[0] == "media_queue_by_type"} == {
        "live": 2, "default": 3, "batch": 0, "idle": 1
    }  # fmt: skip
    assert {key[1]: value for key, value in found.items() if key[0] == "media_jobs_running"} == {
        "cpu": 0, "gpu_ai": 0, "gpu_encode": 3
    }  # fmt: skip
    assert {key[2]: value for key, value in found.items() if key[0] == "media_jobs_active"} == {
        "pending": 6, "queued": 1, "running": 3, "paused": 5
    }  # fmt: skip


def test_a_retry_that_falls_due_between_two_readings_makes_no_lane_negative() -> None:
    queue = QueueNow([_count(jobs=2), _count(lane="idle")], {"default-medium": 3, "live-low": 1}, 0, {})
    found = _values(queue_metrics(queue, _POOLS))
    assert found["media_queue_length",] == 1
    assert found["media_queue_by_priority", "5"] == found["media_queue_by_priority", "3"] == 0
    assert found["media_jobs_awaiting_retry",] == 4


def test_totals_are_counters_and_histograms() -> None:
    totals = {
        ("media_jobs_total", ("reencode", "failed")): 2.0,
        ("media_jobs_completed_by_engine", ("nvenc",)): 9.0,
        ("media_job_duration_seconds", ("reencode", "60")): 3.0,
        ("media_job_duration_seconds", ("reencode", "+Inf")): 1.0,
        ("media_job_duration_seconds", ("reencode", "45")): 1.0,  # of a version with other bounds
        ("media_job_duration_seconds_sum", ("reencode",)): 90_200.0,
    }
    metrics = {metric.name: metric for metric in queue_metrics(QueueNow([], {}, 0, totals), _POOLS)}
    assert metrics["media_jobs"].type == "counter"
    assert metrics["media_jobs_completed_by_engine"].type == "gauge"
    assert metrics["media_queue_length"].type == "gauge"
    found = _values(metrics.values())
    assert found["media_jobs_total", "reencode", "failed"] == 2
    assert {key[1]: value for key, value in found.items() if key[0] == "media_jobs_completed_by_engine"} == {
        "nvenc": 9, "software": 0, "copy": 0
    }  # fmt: skip
    buckets = {key[2]: value for key, value in found.items() if key[0] == "media_job_duration_seconds_bucket"}
    assert (buckets["15"], buckets["60"], buckets["86400"], buckets["+Inf"]) == (0, 4, 4, 5)
    assert found["media_job_duration_seconds_count", "reencode"] == 5
    assert found["media_job_duration_seconds_sum", "reencode"] == 90_200


def test_the_nodes_and_their_gpu_memory() -> None:
    nodes = [_node("a-b"), _node("c", NodeStatus.BUSY, active_jobs=2), _node("gone", NodeStatus.OFFLINE, active_jobs=0)]
    vram = (Budget("vram-a-b-gpu0", 8000, 6000), Budget("vram-c-gpu0", 4000, 0), Budget("vram-who-knows-virtual", 1, 1))
    found = _values(site_metrics(nodes, vram))
    assert found["media_nodes_by_status", "available"] == 1
    assert found["media_nodes_by_status", "busy"] == 1
    assert found["media_nodes_by_status", "offline"] == 1
    assert found["media_vram_total_mb",] == 12_001
    assert found["media_vram_used_mb", "a-b", "gpu0"] == 6000
    assert found["media_vram_budget_mb", "c", "gpu0"] == 4000
    assert found["media_vram_used_mb", "other", "other"] == 1
    assert found["media_worker_active_jobs", "c"] == 2
    assert found["media_node_memory_available_bytes", "a-b"] == 250 * 2**20
    assert found["media_node_memory_total_bytes", "a-b"] == 1000 * 2**20
    assert not [key for key in found if key[0] == "media_node_disk_free_bytes"], "what cannot be read has no value"
    assert not [key for key in found if key[0].startswith("media_node_") and "gone" in key], (
        "it published that long ago"
    )


def test_a_thousand_made_up_names_are_few_series() -> None:
    """Types, pools and lanes that anybody can make up fold into one value; nodes beyond what a site has do, too."""
    names = [uuid.uuid4().hex for _ in range(1_000)]
    counts = [
        _count(status, type=name, pool=name, lane=name, engine=name)
        for name in names
        for status in (JobStatus.PENDING, JobStatus.RUNNING)
    ]
    nodes = [_node(name) for name in names]
    vram = tuple(Budget(f"vram-{name}-gpu0", 10, 1) for name in names)
    queue = list(queue_metrics(QueueNow(counts, {}, 0, {}), _POOLS))
    site = list(site_metrics(nodes, vram))
    assert len(_values(queue)) < 60
    assert max(len(metric.samples) for metric in site) == 201
    found = _values([*queue, *site])
    assert found["media_queue_by_type", "other"] == 1_000
    assert found["media_jobs_running", "other"] == 1_000
    assert found["media_worker_active_jobs", "other"] == 800
    assert sum(value for key, value in found.items() if key[0] == "media_vram_used_mb") == 1_000


def test_ended_jobs_of_a_thousand_made_up_names_are_one_series_of_each_metric() -> None:
    totals: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for _ in range(1_000):
        made_up = ending(type=uuid.uuid4().hex, encode=EncodeFigures(uuid.uuid4().hex, speed=1.0))
        for name, labels, value in amounts(made_up):
            totals[name, labels] += value  # type: ignore[assignment]  # a Counter of floats is one all the same
    found = _values(queue_metrics(QueueNow([], {}, 0, totals), _POOLS))
    series = {key[1:] for key in found if key[0].startswith(("media_job_", "media_jobs_total", "media_encode_"))}
    assert {value for labels in series for value in labels if not value[0].isdigit()} == {"other", "completed", "+Inf"}
    assert found["media_jobs_total", "other", "completed"] == 1_000
    assert found["media_jobs_completed_by_engine", "other"] == 1_000
    assert found["media_job_duration_seconds_count", "other"] == 1_000
    assert found["media_job_duration_seconds_sum", "other"] == 60_000
    assert found["media_encode_speed_ratio_bucket", "other", "1"] == 1_000


def test_no_two_metrics_have_one_name() -> None:
    class All:
        def collect(self) -> Iterable[Metric]:
            yield from queue_metrics(QueueNow([], {}, 0, {}), _POOLS)
            yield from site_metrics([], ())

    CollectorRegistry().register(All())  # which refuses names that are taken
    names = [metric.name for metric in All().collect()]
    assert len(names) == len(set(names))
