from __future__ import annotations

import importlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reelmill.dispatch.runs.duplicates import complete_parameters, declared, work_tag
from reelmill.dispatch.runs.job_filter import JobFilter, request_body, state_filter
from reelmill.dispatch.services.nodes import NodeStatus, WorkerState, nodes_of
from reelmill.dispatch.services.numbers import of_history
from reelmill.dispatch.statistics import Statistics, TypeStatistics
from reelmill.queue.bulk_action import CHANGES, BulkAction, BulkPreview, preview_of
from reelmill.queue.job import CLOCKS_APART, JobStatus
from reelmill.queue.job_chain import REPLACED
from reelmill.queue.job_type import JobType
from reelmill.queue.worker_facts import VirtualGpu, WorkerFacts

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SCHEMA = {"properties": {"video_id": {"type": "string"}, "depth": {"default": "header"}, "seed": {"default": None}}}


def test_a_default_said_aloud_is_the_same_as_one_left_out() -> None:
    plain = complete_parameters(SCHEMA, {}, {"video_id": "a"})
    assert plain == {"video_id": "a", "depth": "header", "seed": None}
    aloud = complete_parameters(SCHEMA, {}, {"depth": "header", "video_id": "a"})
    other = complete_parameters(SCHEMA, {"depth": "full"}, {"video_id": "a"})
    tag = work_tag("validate", plain, JobType())
    assert tag == work_tag("validate", aloud, JobType())
    assert tag != work_tag("validate", other, JobType())
    assert tag != work_tag("digest", plain, JobType())


@pytest.mark.parametrize(
    ("job_type", "parameters", "ever"),
    [
        ("scenario", {"seconds": 1}, False),
        ("compile_quad", {"seed": None, "video_ids": None}, False),
        ("compile_random", {"seed": None}, False),
        ("compile_mega", {}, False),
        ("compile_quad", {"seed": 4}, True),
        ("compile_quad", {"seed": None, "video_ids": ["a", "b", "c", "d"]}, True),
        ("compile_quad", {"seed": 0}, True),
        ("compile_quad", {"seed": None, "video_ids": []}, False),
        ("scan", {"directory_type": "videos"}, True),
    ],
)
def test_work_that_picks_anew_is_never_the_same(job_type: str, parameters: dict[str, Any], ever: bool) -> None:
    operation = importlib.import_module(f"reelmill.operations.jobs.{job_type}")
    declares = getattr(operation, "JOB_TYPE", JobType())
    assert (work_tag(job_type, parameters, declares) is not None) is ever
    undeclared = {"properties": {"seed": {"type": "integer"}}}  # by a version that did not know of it
    assert declared(job_type, undeclared) == replace(declares, folder="")


#: A run whose place another has taken is no job of its own.
_STATE = {"state": {"name": {"not_any_": [REPLACED]}}}


def test_statuses_in_the_words_of_the_server() -> None:
    slot = ["AwaitingConcurrencySlot"]
    assert state_filter([JobStatus.PENDING]) == {
        "type": {"any_": ["SCHEDULED"]},
        "name": {"not_any_": [*slot, REPLACED]},
    }
    assert state_filter([JobStatus.QUEUED]) == {
        "operator": "or_",
        "type": {"any_": ["PENDING"]},
        "name": {"any_": slot},
    }
    assert state_filter([JobStatus.QUEUED, JobStatus.PENDING]) == {
        "type": {"any_": ["PENDING", "SCHEDULED"]},
        **_STATE["state"],
    }
    assert state_filter([JobStatus.FAILED]) == {"type": {"any_": ["CRASHED", "FAILED"]}, **_STATE["state"]}


def test_what_is_not_due_is_left_out_unless_asked_for() -> None:
    present = (NOW + CLOCKS_APART).isoformat()
    assert request_body(JobFilter(), NOW)["flow_runs"] == {**_STATE, "expected_start_time": {"before_": present}}
    later = JobFilter(until=NOW + timedelta(days=1))
    assert request_body(later, NOW)["flow_runs"] == {**_STATE, "expected_start_time": {"before_": present}}
    assert request_body(JobFilter(include_not_due=True), NOW)["flow_runs"] == _STATE


def test_a_text_is_looked_for_as_it_is() -> None:
    assert request_body(JobFilter(text="50%_a"), NOW)["flow_runs"]["name"] == {"like_": r"50\%\_a"}


def _worker(pool: str, online: bool, active: int, paused: str | None = None, said: bool = True) -> WorkerState:
    gpu = VirtualGpu("vram-vm-gpu0", "gpu0", 8000)
    facts = WorkerFacts(f"vm-{pool}", "vm", pool, 2, active, paused, [gpu], {"cores": 8}, {"cpu": 0.1})
    return WorkerState(f"vm-{pool}", pool, online, NOW, facts if said else None)


@pytest.mark.parametrize(
    ("workers", "status"),
    [
        ([_worker("cpu", True, 0), _worker("gpu_ai", True, 2)], NodeStatus.AVAILABLE),
        ([_worker("cpu", True, 2), _worker("gpu_ai", True, 0, "hot")], NodeStatus.BUSY),
        ([_worker("cpu", True, 2), _worker("gpu_ai", False, 0)], NodeStatus.BUSY),
        ([_worker("cpu", True, 0, said=False)], NodeStatus.AVAILABLE),
        ([_worker("cpu", False, 2), _worker("gpu_ai", False, 0)], NodeStatus.OFFLINE),
    ],
)
def test_the_workers_of_a_node_make_one_row(workers: list[WorkerState], status: NodeStatus) -> None:
    (node,) = nodes_of(workers)
    assert (node.name, node.status, node.last_heartbeat) == ("vm", status, NOW)
    assert node.pools == tuple(sorted(worker.pool for worker in workers))


def test_a_node_counts_its_shared_budget_once_and_its_dead_workers_jobs_not_at_all() -> None:
    (node,) = nodes_of([_worker("cpu", True, 1), _worker("gpu_ai", False, 2)])
    assert (node.max_jobs, node.active_jobs, len(node.vram), node.hardware) == (4, 1, 1, {"cores": 8})


def test_the_mean_is_of_the_last_interval_and_the_counts_of_all() -> None:
    done = {"state_type": "COMPLETED", "state_name": "Completed", "count_runs": 2, "sum_estimated_run_time": 10.0}
    failed = {"state_type": "CRASHED", "state_name": "Crashed", "count_runs": 1, "sum_estimated_run_time": 99.0}
    old = {**done, "sum_estimated_run_time": 5000.0}
    found = of_history([{"states": [old]}, {"states": []}, {"states": [done, failed]}])
    assert found.by_status == {JobStatus.COMPLETED: 4, JobStatus.FAILED: 1}
    assert (found.mean_seconds, found.measured) == (5.0, 2)
    assert of_history([{"states": [old]}, {"states": []}]).mean_seconds is None
    assert of_history([]).mean_seconds is None


def test_the_mean_over_all_types_is_of_the_jobs_that_were_measured_and_of_no_others() -> None:
    many_old = TypeStatistics({JobStatus.COMPLETED: 1_000_000}, 10.0, measured=1)
    few_new = TypeStatistics({JobStatus.COMPLETED: 3}, 2.0, measured=3)
    none_lately = TypeStatistics({JobStatus.COMPLETED: 5}, None)
    by_type = {"digest": many_old, "scan": few_new, "validate": none_lately}
    assert Statistics({}, by_type, 0, 7, ()).mean_seconds == 4.0
    assert Statistics({}, {"validate": none_lately}, 0, 7, ()).mean_seconds is None


def test_every_job_that_is_left_alone_is_counted_with_a_reason() -> None:
    counts = {status: number for number, status in enumerate(JobStatus, start=1)}
    for action in BulkAction:
        preview = preview_of(action, counts)
        assert preview.would_change == sum(counts[status] for status in CHANGES[action])
        assert preview.would_change + sum(preview.untouched.values()) == preview.total == 28
    assert preview_of(BulkAction.PAUSE, counts).untouched == {"paused already": 7, "over": 4 + 5 + 6}
    assert preview_of(BulkAction.CANCEL, {JobStatus.FAILED: 0}) == BulkPreview(BulkAction.CANCEL, 0, {}, 0, {})
