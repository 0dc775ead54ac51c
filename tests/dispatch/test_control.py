"""Jobs steered on a running site. A run said to be running here has no process: that is the worker's part."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Completed, Crashed, Failed, Pending, Running

from reelmill.dispatch import Dispatcher, JobFilter
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.runs.job_chains import successor_id
from reelmill.errors import Contention, WrongStatus
from reelmill.queue.job import Job, JobStatus
from reelmill.queue.retry_policy import BY_HAND, made_by_rule
from tests.refusals import refused

pytestmark = pytest.mark.site

VRAM: State[object] = Pending(name="WaitingForVram", message="8000 MB of VRAM needed")


@pytest.fixture
def job(prefect: Dispatcher) -> Job:
    return prefect.jobs.submit("validate", {"video_id": str(uuid.uuid4())}, priority=8, vram_mb=77)


def _put(client: SyncPrefectClient, job: Job, state: State[object]) -> None:
    client.set_flow_run_state(job.id, state, force=True)


@pytest.mark.parametrize("state", [Failed(), Crashed(), Cancelled()])
def test_what_ended_badly_is_sent_back_at_once(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job, state: State[object]
) -> None:
    _put(client, job, state)
    client.update_flow_run(job.id, tags=[*job.tags, "dead-letter"], infrastructure_pid="far:1:2")
    again = prefect.jobs.retry(job.id)
    assert (again.status, again.state, again.lane) == (JobStatus.PENDING, "AwaitingRetry", "batch-medium")
    assert (again.message or "").startswith(BY_HAND)
    assert not made_by_rule(again.state, again.message)  # counting begins anew
    assert again.tags == job.tags
    assert again.retry_at is not None
    assert again.retry_at <= datetime.now(UTC)
    assert client.read_flow_run(job.id).infrastructure_pid is None


@pytest.mark.parametrize(
    ("state", "called"),
    [(None, "pending"), (VRAM, "queued"), (Running(), "running"), (Completed(), "completed")],
)
def test_what_waits_runs_or_is_done_is_not_sent_back(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job, state: State[object] | None, called: str
) -> None:
    if state is not None:
        _put(client, job, state)
    with refused(WrongStatus, status=called):
        prefect.jobs.retry(job.id)


def test_all_dead_letters_are_sent_back(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    jobs = prefect.jobs.submit_many("validate", [{"video_id": str(uuid.uuid4())} for _ in range(4)])
    for dead in jobs[:3]:
        _put(client, dead, Failed())
    for dead in jobs[:2]:
        client.update_flow_run(dead.id, tags=[*dead.tags, "dead-letter"])
    sent = {job.id for job in prefect.jobs.retry_dead_letters()}  # and whatever other tests have left
    assert sent & {job.id for job in jobs} == {jobs[0].id, jobs[1].id}
    assert prefect.jobs.search(JobFilter(dead_letter=True)).total == 0
    assert prefect.jobs.read(jobs[2].id).status is JobStatus.FAILED


@pytest.mark.parametrize("state", [None, VRAM, AwaitingRetry(scheduled_time=datetime.now(UTC) + timedelta(hours=1))])
def test_a_waiting_job_is_cancelled_at_once(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job, state: State[object] | None
) -> None:
    client.update_flow_run(job.id, infrastructure_pid="far:1:2")  # of an earlier attempt
    if state is not None:
        _put(client, job, state)
    gone = prefect.jobs.cancel(job.id)
    assert (gone.status, gone.message) == (JobStatus.CANCELLED, f"Cancelled by {this_user().name}")
    with refused(WrongStatus, status="cancelled"):
        prefect.jobs.cancel(job.id)


@pytest.mark.parametrize("state", [Running(), Pending(name="Submitting")])
def test_a_running_job_is_left_to_its_worker_to_stop(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job, state: State[object]
) -> None:
    _put(client, job, state)
    for _ in range(2):  # asked twice, it is asked once
        stopping = prefect.jobs.cancel(job.id)
        assert (stopping.status, stopping.state) == (JobStatus.RUNNING, "Cancelling")
    assert [change.state for change in prefect.jobs.states(job.id)].count("Cancelling") == 1


def test_a_paused_job_is_cancelled_at_once(prefect: Dispatcher, job: Job) -> None:
    prefect.jobs.pause(job.id)
    assert prefect.jobs.cancel(job.id).status is JobStatus.CANCELLED


def test_a_waiting_job_is_held_and_comes_back_to_its_place(prefect: Dispatcher, job: Job) -> None:
    held = prefect.jobs.pause(job.id)
    reason = f"paused by {this_user().name}"
    assert (held.status, held.state, held.waiting_reason) == (JobStatus.PAUSED, "Suspended", reason)
    assert prefect.jobs.pause(job.id).id == job.id
    assert prefect.jobs.search(JobFilter(statuses=(JobStatus.PAUSED,))).total == 1
    back = prefect.jobs.resume(job.id)
    assert (back.status, back.scheduled, back.lane) == (JobStatus.PENDING, job.scheduled, "batch-medium")
    with refused(WrongStatus, status="pending"):
        prefect.jobs.resume(job.id)


def test_a_retry_that_was_held_is_the_same_retry_after(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job
) -> None:
    at = datetime.now(UTC) + timedelta(minutes=4)
    _put(client, job, AwaitingRetry(scheduled_time=at, message="Retry 2 of 3 at 10:42:00: full"))
    prefect.jobs.pause(job.id)
    back = prefect.jobs.resume(job.id)
    assert (back.state, back.retry_at, back.message) == ("AwaitingRetry", at, "Retry 2 of 3 at 10:42:00: full")
    assert made_by_rule(back.state, back.message)


@pytest.mark.parametrize("state", [Running(), VRAM])
def test_a_job_that_a_worker_has_is_held_and_begins_again(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job, state: State[object]
) -> None:
    _put(client, job, state)
    client.update_flow_run(job.id, infrastructure_pid="far:1:2")
    assert prefect.jobs.pause(job.id).state == "Suspended"
    assert client.read_flow_run(job.id).state.state_details.pause_timeout is None  # type: ignore[union-attr]
    assert prefect.jobs.resume(job.id).scheduled == job.scheduled
    assert client.read_flow_run(job.id).infrastructure_pid is None


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        (Completed(), refused(WrongStatus, status="completed")),
        (Cancelling(), refused(WrongStatus, status="running")),
        (Pending(), refused(Contention)),
    ],
)
def test_what_cannot_be_paused_is_refused_with_the_reason(
    prefect: Dispatcher,
    client: SyncPrefectClient,
    job: Job,
    state: State[object],
    refusal: refused,
) -> None:
    if state.is_cancelling():
        _put(client, job, Running())  # from any other state the server makes it Cancelled
    _put(client, job, state)
    with refusal:
        prefect.jobs.pause(job.id)
    assert prefect.jobs.states(job.id)[-1].state == state.name


def test_another_lane_is_another_run_and_the_old_one_names_it(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job
) -> None:
    client.update_flow_run_labels(job.id, {"reelmill.retries": 2, "reelmill.failure-attempt": 3})
    moved = prefect.jobs.prioritise(job.id, queue="live", level="high")
    assert moved.id != job.id
    assert (moved.lane, moved.parameters, moved.name) == ("live-high", job.parameters, job.name)
    assert (moved.status, moved.scheduled, moved.vram_mb, moved.retries) == (JobStatus.PENDING, job.scheduled, 77, 2)
    assert set(moved.tags) == {*job.tags, f"job:{job.id}", f"replaces:{job.id}"}
    assert "reelmill.failure-attempt" not in client.read_flow_run(moved.id).labels
    old = client.read_flow_run(job.id).state
    assert old is not None
    assert (old.name, successor_id(client.read_flow_run(job.id))) == ("Replaced", moved.id)
    with refused(WrongStatus, status="pending"):
        prefect.jobs.retry(job.id)
    assert prefect.jobs.submit("validate", job.parameters).id == moved.id  # the same work is under way
    assert prefect.jobs.prioritise(moved.id, 1).id == moved.id
    assert set(prefect.jobs.prioritise(moved.id, 10).tags) == {*job.tags, f"job:{job.id}", f"replaces:{moved.id}"}


def test_a_held_job_is_held_in_its_new_lane_too(prefect: Dispatcher, job: Job) -> None:
    prefect.jobs.pause(job.id)
    moved = prefect.jobs.prioritise(job.id, 2)
    assert (moved.status, moved.lane) == (JobStatus.PAUSED, "live-medium")
    assert prefect.jobs.resume(moved.id).status is JobStatus.PENDING


def test_a_job_that_runs_stays_where_it_is(prefect: Dispatcher, client: SyncPrefectClient, job: Job) -> None:
    _put(client, job, Running())
    with refused(WrongStatus, status="running"):
        prefect.jobs.prioritise(job.id, 1)
    with refused(WrongStatus, status="running"):
        prefect.jobs.move_to_front(job.id)


def test_a_job_that_starts_while_it_is_moved_stays_and_its_copy_goes(
    prefect: Dispatcher, client: SyncPrefectClient, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranking = prefect.jobs._ranking
    create = ranking.create_suspended

    def start_meanwhile(run: FlowRun, lane: str) -> uuid.UUID:
        _put(client, job, Running())
        return create(run, lane)

    monkeypatch.setattr(ranking, "create_suspended", start_meanwhile)
    with refused(Contention):
        prefect.jobs.prioritise(job.id, 1)
    assert prefect.jobs.read(job.id).status is JobStatus.RUNNING
    tagged: Any = {"flow_runs": {"tags": {"all_": [f"replaces:{job.id}"]}}}
    route: Any = "/flow_runs/filter"
    (left,) = client.request("POST", route, json=tagged).json()
    assert (left["state_type"], left["state_name"]) == ("CANCELLED", "Replaced")
    assert prefect.jobs.read(uuid.UUID(left["id"])).id == job.id  # the job that goes on


def test_the_front_of_a_lane_is_due_before_all_others(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    videos = [{"video_id": str(uuid.uuid4())} for _ in range(4)]
    first, second, third, retry = prefect.jobs.submit_many("validate", videos, queue="idle")
    at = datetime.now(UTC) + timedelta(minutes=4)
    _put(client, retry, AwaitingRetry(scheduled_time=at, message="Retry 2 of 3 at 10:42:00: full"))
    front = prefect.jobs.move_to_front(third.id)
    assert (front.id, front.lane) == (third.id, "idle")
    assert prefect.jobs.move_to_front(third.id).scheduled == front.scheduled  # it is there already
    sooner = prefect.jobs.move_to_front(retry.id)
    assert (sooner.state, sooner.message) == ("AwaitingRetry", "Retry 2 of 3 at 10:42:00: full")
    lane = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[first.id, second.id, third.id, retry.id])),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,  # as the server hands them out
    )
    assert [run.id for run in lane] == [retry.id, third.id, first.id, second.id]
    assert lane[0].next_scheduled_start_time is not None
    assert lane[0].next_scheduled_start_time <= datetime.now(UTC)
