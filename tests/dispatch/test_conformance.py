"""The site in memory does what a Prefect server does: each test runs on both. A run that is running has no process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, LogCreate
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running

from flows.validate import validate
from reelmill.clock import FakeClock
from reelmill.dispatch import Actor, BulkAction, Dispatcher, JobFilter, Progress
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.testing import MemorySite
from reelmill.errors import AlreadyThere, UnknownName, UserError, WrongParameter, WrongStatus
from reelmill.operations.result_card import ResultCard, ResultImage
from reelmill.queue.job import INVALID, LANES, QUEUE_TYPES, Job, JobStatus
from reelmill.queue.result_key import result_key
from reelmill.queue.retry_policy import ANNOUNCED_LABEL, NOT_ANNOUNCED, RETRYABLE_LABEL
from reelmill.queue.rule import Rule, RuleJob
from tests.refusals import refused


@dataclass
class Queue:
    """A site's queue, and Prefect's own client of it for what a worker does."""

    prefect: Dispatcher
    client: SyncPrefectClient

    def submit(self, **options: Any) -> Job:
        return self.prefect.jobs.submit("validate", {"video_id": str(uuid.uuid4())}, **options)

    def put(self, job: Job, state: State[Any]) -> None:
        self.client.set_flow_run_state(job.id, state, force=True)


@pytest.fixture(params=["memory", pytest.param("server", marks=pytest.mark.site)])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    if request.param == "server":
        yield Queue(request.getfixturevalue("prefect"), request.getfixturevalue("client"))
        return
    site = MemorySite()
    site.deploy("validate", pool="cpu", schema=validate.parameters.model_dump())
    with site.dispatcher() as prefect, site.client() as client:
        prefect.pools.drain("cpu")
        yield Queue(prefect, client)


def test_a_job_is_where_it_was_put(queue: Queue) -> None:
    job = queue.submit(queue="batch", level="low", vram_mb=5, max_retries=1)
    assert (job.type, job.pool, job.lane, job.priority) == ("validate", "cpu", "batch-low", 9)
    assert (job.status, job.state, job.vram_mb, job.max_retries) == (JobStatus.PENDING, "Scheduled", 5, 1)
    assert "cpu" in job.tags
    assert queue.prefect.jobs.read(job.id).waiting_reason == "the pool cpu is drained: it takes nothing new"
    assert queue.submit().lane == "default-medium"


@pytest.mark.parametrize(
    ("job_type", "parameters", "options", "refusal"),
    [
        ("dance", {}, {}, refused(UnknownName, name="dance")),
        ("validate", {}, {}, refused(WrongParameter, parameter="video_id")),
        ("validate", {"video_id": "x", "speed": 3}, {}, refused(UnknownName, name="speed")),
        ("validate", {"video_id": "x"}, {"queue": "urgent"}, refused(UnknownName, name="urgent", known=QUEUE_TYPES)),
    ],
)
def test_what_makes_no_sense_is_refused(
    queue: Queue,
    job_type: str,
    parameters: dict[str, object],
    options: dict[str, Any],
    refusal: refused,
) -> None:
    with refusal:
        queue.prefect.jobs.submit(job_type, parameters, **options)


def test_an_option_that_does_not_exist_is_no_option(queue: Queue) -> None:
    with pytest.raises(TypeError):
        queue.submit(prio=1)


def test_the_same_work_is_one_job_until_it_is_over(queue: Queue) -> None:
    first = queue.submit()
    jobs = queue.prefect.jobs
    assert jobs.submit("validate", {**first.parameters, "depth": "quick"}).id == first.id
    forced = jobs.submit("validate", first.parameters, force=True)
    assert forced.id != first.id
    many = jobs.submit_many("validate", [{"video_id": "a" * 8}, first.parameters, {"video_id": "a" * 8}])
    assert many[0].id == many[2].id
    assert many[1].id in (first.id, forced.id)
    (tag,) = (tag for tag in first.tags if tag.startswith("same-"))
    for job in jobs.search(JobFilter(tag=tag)).jobs:
        queue.put(job, Completed())
    again = jobs.submit("validate", first.parameters)
    assert (again.status, again.id == first.id) == (JobStatus.PENDING, False)


def test_work_handed_in_again_under_its_key_is_that_job_whatever_became_of_it(queue: Queue) -> None:
    jobs, work = queue.prefect.jobs, [{"video_id": str(uuid.uuid4())}] * 2
    keys = [uuid.uuid4().hex for _ in work]
    first = jobs.submit_many("validate", work, force=True, keys=keys)
    assert first[0].id != first[1].id
    queue.put(first[0], Completed())
    again = jobs.submit_many("validate", work, force=True, keys=keys)
    assert [job.id for job in again] == [job.id for job in first]
    (another,) = jobs.submit_many("validate", work[:1], force=True, keys=[uuid.uuid4().hex])
    assert another.id not in {job.id for job in first}


def test_what_is_handed_in_again_under_its_key_is_called_old(queue: Queue) -> None:
    intake, work = queue.prefect.intake, [{"video_id": str(uuid.uuid4())} for _ in range(2)]
    keys = [uuid.uuid4().hex for _ in work]
    for force in (True, False):
        first = intake.submit("validate", work, force=force, keys=keys)
        assert [each.is_new for each in first] == [True, True]
        queue.put(first[0].job, Completed())  # before its like is sent again
        again = intake.submit("validate", work, force=force, keys=keys)
        assert [each.job.id for each in again] == [each.job.id for each in first]
        assert [each.is_new for each in again] == [False, False]
        for each in first:
            queue.put(each.job, Completed())
    (other,) = intake.submit("validate", work[:1], keys=[uuid.uuid4().hex])
    assert (other.is_new, other.job.status) == (True, JobStatus.PENDING)


def test_a_job_that_was_put_off_folds_until_it_begins(queue: Queue) -> None:
    now = queue.submit()
    jobs, before = queue.prefect.jobs, datetime.now(UTC)
    later = jobs.submit("validate", now.parameters, delay=600)
    assert later.id != now.id
    assert later.scheduled is not None
    assert timedelta(seconds=590) < later.scheduled - before < timedelta(seconds=700)
    assert jobs.submit("validate", now.parameters, delay=5).id == later.id
    assert jobs.submit("validate", now.parameters).id == now.id  # who asks for it now does not wait
    queue.put(later, Running())  # it may be past what is to be looked at again
    again = jobs.submit("validate", now.parameters, delay=600)
    assert again.id not in (now.id, later.id)
    assert jobs.submit("validate", now.parameters, delay=600).id == again.id


def test_jobs_are_searched_in_pages(queue: Queue) -> None:
    began = datetime.now(UTC)
    waiting, queued, failed, done = (queue.submit(priority=2) for _ in range(4))
    queue.put(queued, Pending())
    queue.put(failed, Crashed(message="no luck"))
    queue.put(done, Completed())
    queue.client.update_flow_run(failed.id, name="a 50% Unlucky one", tags=["dead-letter"])

    def found(**job_filter: Any) -> set[uuid.UUID]:
        return {job.id for job in queue.prefect.jobs.search(JobFilter(since=began, **job_filter)).jobs}

    assert found() == {waiting.id, queued.id, failed.id, done.id}
    assert found(statuses=(JobStatus.PENDING,)) == {waiting.id}
    assert found(statuses=(JobStatus.QUEUED,)) == {queued.id}
    assert found(statuses=(JobStatus.FAILED, JobStatus.COMPLETED)) == {failed.id, done.id}
    assert found(lane="live-medium", types=("validate",), pool="cpu") == found()
    assert found(lane="idle") == found(types=("digest",)) == found(until=began) == set()
    assert found(dead_letter=True) == found(text="50% unlucky") == {failed.id}
    page = queue.prefect.jobs.search(JobFilter(since=began), page=2, size=3)
    assert ([job.id for job in page.jobs], page.pages, page.total) == ([waiting.id], 2, 4)


def test_a_job_that_found_its_video_invalid_has_completed(queue: Queue) -> None:
    began, job = datetime.now(UTC), queue.submit()
    queue.put(job, Running())
    queue.put(job, Completed(name=INVALID, message="a.mp4 is empty."))
    (done,) = queue.prefect.jobs.wait([job.id])
    assert (done.status, done.state, done.message, done.over) == (JobStatus.COMPLETED, INVALID, "a.mp4 is empty.", True)
    found = queue.prefect.jobs.search(JobFilter(statuses=(JobStatus.COMPLETED,), since=began)).jobs
    assert job.id in {each.id for each in found}
    with refused(WrongStatus, status="completed"):
        queue.prefect.jobs.retry(job.id)


@pytest.mark.parametrize("state", [Failed(), Crashed()])
def test_what_failed_is_sent_back(queue: Queue, state: State[Any]) -> None:
    job = queue.submit(priority=8)
    with refused(WrongStatus, status="pending"):
        queue.prefect.jobs.retry(job.id)
    queue.put(job, Running())
    queue.put(job, state)
    queue.client.update_flow_run(job.id, tags=[*job.tags, "dead-letter"])
    assert job.id in {sent.id for sent in queue.prefect.jobs.retry_dead_letters()}
    again = queue.prefect.jobs.read(job.id)
    assert (again.status, again.state, again.lane, again.tags) == (
        JobStatus.PENDING,
        "AwaitingRetry",
        "batch-medium",
        job.tags,
    )
    assert (again.attempt, again.ended) == (1, None)


def test_a_job_is_cancelled(queue: Queue) -> None:
    waiting, running = queue.submit(), queue.submit()
    gone = queue.prefect.jobs.cancel(waiting.id)
    assert (gone.status, gone.message) == (JobStatus.CANCELLED, f"Cancelled by {this_user().name}")
    with refused(WrongStatus, status="cancelled"):
        queue.prefect.jobs.cancel(waiting.id)
    queue.put(running, Running())
    assert queue.prefect.jobs.cancel(running.id).state == "Cancelling"
    names = [change.state for change in queue.prefect.jobs.states(running.id)]
    assert names == ["Scheduled", "Running", "Cancelling"]


@pytest.mark.parametrize("state", [None, Running(), Pending(name="WaitingForVram", message="full")])
def test_a_job_is_paused_and_comes_back_to_its_place(queue: Queue, state: State[Any] | None) -> None:
    job = queue.submit(priority=8)
    if state is not None:
        queue.put(job, state)
    paused = queue.prefect.jobs.pause(job.id)
    reason = f"paused by {this_user().name}"
    assert (paused.status, paused.state, paused.waiting_reason) == (JobStatus.PAUSED, "Suspended", reason)
    back = queue.prefect.jobs.resume(job.id)
    assert (back.status, back.scheduled, back.lane) == (JobStatus.PENDING, job.scheduled, "batch-medium")
    with refused(WrongStatus, status="pending"):
        queue.prefect.jobs.resume(job.id)


def _log(queue: Queue, job: Job) -> list[str]:
    return [line.text for line in queue.prefect.jobs.log(job.id)]


def test_a_log_names_who_did_what(queue: Queue) -> None:
    jobs, alice = queue.prefect.jobs, Actor("alice@nas", "the wrong preset")
    job, other, third = queue.submit(), queue.submit(queue="idle"), queue.submit(queue="idle")
    cancelled = jobs.cancel(job.id, alice)
    assert cancelled.message == "Cancelled by alice@nas: the wrong preset"
    jobs.retry(job.id, Actor("bob@nas"))
    assert jobs.pause(job.id, alice).waiting_reason == "paused by alice@nas: the wrong preset"
    jobs.resume(job.id)
    assert _log(queue, job) == [
        "cancelled by alice@nas: the wrong preset", "--- JOB CANCELLED BY ADMIN ---",
        "sent back by bob@nas", "--- RETRY ATTEMPT 1 ---",
        "paused by alice@nas: the wrong preset", f"resumed by {this_user().name}",
    ]  # fmt: skip
    jobs.move_to_front(third.id, Actor("bob@nas"))
    moved = jobs.prioritise(third.id, 1, by=Actor("bob@nas"))
    place = f"moved from the lane idle to live-high by bob@nas; the run {moved.id} takes the place of {third.id}"
    assert _log(queue, third) == _log(queue, moved) == ["moved to the front of its lane by bob@nas", place]
    assert queue.prefect.bulk.cancel([other.id, moved.id, uuid.uuid4()], alice) == 2
    assert _log(queue, other) == _log(queue, moved)[2:] == [
        "cancelled by alice@nas: the wrong preset", "--- JOB CANCELLED BY ADMIN ---",
    ]  # fmt: skip


def test_who_cancels_in_prefects_ui_gives_no_name(queue: Queue) -> None:
    job = queue.submit()
    queue.client.set_flow_run_state(job.id, Cancelled(), force=True)
    assert queue.prefect.jobs.read(job.id).message == "Cancelled by somebody in the Prefect UI or its command line"


def test_a_result_card_is_read_back(queue: Queue) -> None:
    job, other = queue.submit(), queue.submit()
    assert queue.prefect.jobs.card(job.id) is None
    for title in ("the first try", "the second"):
        shown = ResultCard(title, (("a", "b"),), images=(ResultImage("x", "one ] image"),))
        text = shown.markdown(lambda _: "data:image/jpeg;base64,AAAA")
        queue.client.create_artifact(
            ArtifactCreate(key=result_key(job.id), type="markdown", data=text, flow_run_id=job.id)
        )
    queue.client.create_artifact(ArtifactCreate(type="markdown", data="something else", flow_run_id=other.id))
    assert queue.prefect.jobs.card(job.id) == "### the second\n\n|  |  |\n| --- | --- |\n| **a** | b |"
    assert queue.prefect.jobs.card(other.id) is None


def test_a_job_changes_its_place(queue: Queue) -> None:
    first, second = queue.submit(queue="idle"), queue.submit(queue="idle")
    front = queue.prefect.jobs.move_to_front(second.id)
    assert front.scheduled is not None
    assert first.scheduled is not None
    assert front.scheduled < first.scheduled
    moved = queue.prefect.jobs.prioritise(second.id, 1)
    assert (moved.lane, moved.parameters, moved.name) == ("live-high", second.parameters, second.name)
    assert set(moved.tags) == {*second.tags, f"job:{second.id}", f"replaces:{second.id}"}
    old = queue.client.read_flow_run(second.id).state
    assert old is not None
    why = f"moved from the lane idle to live-high by {this_user().name}"
    assert (old.type.value, old.name, old.message) == ("CANCELLED", "Replaced", f"Replaced by {moved.id}: {why}")
    queue.put(first, Running())
    with refused(WrongStatus, status="running"):
        queue.prefect.jobs.prioritise(first.id, 1)


def test_a_job_keeps_its_id_over_every_change_of_lane(queue: Queue) -> None:
    jobs, began = queue.prefect.jobs, datetime.now(UTC)
    first = queue.submit(queue="idle")
    second = jobs.prioritise(first.id, 9)
    third = jobs.prioritise(first.id, 2)  # by the id that it had when it was handed in
    runs = (first.id, second.id, third.id)
    assert len({*runs}) == 3
    assert {job.public_id for job in (first, second, third)} == {first.id}
    assert (third.replaces, third.replaced_by, third.lane) == (second.id, None, "live-medium")
    for run_id in runs:
        assert jobs.read(run_id).id == jobs.read(jobs.find(str(run_id))).id == third.id
        assert [line.text.partition(" by ")[0] for line in jobs.log(run_id)] == [
            "moved from the lane idle to batch-low", "moved from the lane batch-low to live-medium",
        ]  # fmt: skip
        assert [change.state for change in jobs.states(run_id)].count("Replaced") == 2
    chosen = JobFilter(since=began, types=("validate",))
    assert (queue.prefect.bulk.count(chosen), queue.prefect.bulk.ids(chosen)) == (1, [third.id])
    assert jobs.find(third.name) == third.id
    assert jobs.pause(first.id).id == third.id
    assert jobs.resume(second.id).status is JobStatus.PENDING
    body = {"type": "progress", "data": 42.0, "description": "3x", "flow_run_id": str(third.id)}
    queue.client.request("POST", "/artifacts/", json=body)
    assert jobs.progress([first.id])[first.id].fraction == 0.42
    queue.put(third, Completed())
    (done,) = jobs.wait([first.id])
    assert (done.id, done.public_id, done.status) == (third.id, first.id, JobStatus.COMPLETED)
    assert queue.prefect.bulk.clear([first.id]) == 1
    for run_id in runs:  # its earlier runs went with it
        with refused(UnknownName, name=str(run_id)):
            jobs.read(run_id)


def test_a_job_whose_first_run_was_deleted_is_found_by_its_id(queue: Queue) -> None:
    first = queue.submit(queue="idle")
    moved = queue.prefect.jobs.prioritise(first.id, 2)
    route: Any = "/flow_runs/bulk_delete"
    queue.client.request("POST", route, json={"flow_runs": {"id": {"any_": [str(first.id)]}}})
    assert queue.prefect.jobs.read(first.id).id == moved.id
    assert queue.prefect.jobs.cancel(first.id).status is JobStatus.CANCELLED


@pytest.mark.parametrize("gone", ["the first", "one between", "all but the last"])
def test_a_job_keeps_its_id_whichever_of_its_runs_are_gone(queue: Queue, gone: str) -> None:
    jobs, first = queue.prefect.jobs, queue.submit(queue="idle")
    runs = [first, jobs.prioritise(first.id, 9), jobs.prioritise(first.id, 2)]
    last, deleted = runs[-1], {"the first": runs[:1], "one between": runs[1:2], "all but the last": runs[:2]}[gone]
    route: Any = "/flow_runs/bulk_delete"
    ids = [str(run.id) for run in deleted]
    queue.client.request("POST", route, json={"flow_runs": {"id": {"any_": ids}}})
    assert (jobs.read(first.id).id, jobs.read(first.id).public_id) == (last.id, first.id)
    assert [job.id for job in jobs.wait([first.id], until_over=False)] == [last.id]
    assert "moved from the lane batch-low to live-medium" in jobs.log(first.id)[-1].text
    assert queue.prefect.bulk.cancel([first.id]) == 1
    with refused(WrongStatus, status="cancelled") as refusal:
        jobs.cancel(last.id)
    assert str(first.id) in str(refusal.error)  # who knows a job by its public id is not given another
    assert jobs.read(first.id).status is JobStatus.CANCELLED
    assert jobs.retry(first.id).id == last.id
    assert [entry.action for entry in queue.prefect.audit.entries(first.id).entries] == [
        "retry", "cancel", "prioritise", "prioritise", "submit",
    ]  # fmt: skip


def test_it_is_written_down_who_did_what(queue: Queue) -> None:
    jobs, audit, ann = queue.prefect.jobs, queue.prefect.audit, Actor("ann@nas", "too slow", "api")
    job = queue.prefect.jobs.submit("validate", {"video_id": str(uuid.uuid4())}, ann, queue="idle")
    jobs.submit("validate", job.parameters, ann)
    moved = jobs.prioritise(job.id, 1, by=ann)
    jobs.pause(moved.id, ann)
    jobs.pause(moved.id, ann)  # it is paused already
    with refused(WrongStatus, status="paused"):
        jobs.retry(job.id, ann)
    queue.prefect.bulk.cancel([job.id], ann)
    entries = audit.entries(moved.id).entries
    assert [entry.action for entry in entries] == ["cancel", "pause", "prioritise", "submit", "submit"]
    assert {(entry.job_id, entry.actor, entry.reason, entry.origin) for entry in entries} == {
        (job.id, "ann@nas", "too slow", "api")
    }
    assert (entries[2].details["lane"], entries[3].details) == ("live-high", {"type": "validate", "folded": True})
    assert audit.entries(job.id, page=2, size=2).entries[0].action == "prioritise"


def test_what_is_done_to_many_is_written_down_once_and_for_each(queue: Queue) -> None:
    began, bob = datetime.now(UTC), Actor("bob@nas")
    videos = [{"video_id": str(uuid.uuid4())} for _ in range(3)]
    jobs = queue.prefect.jobs.submit_many("validate", [*videos, videos[0]], bob, priority=2)
    chosen = JobFilter(since=began, types=("validate",))
    assert queue.prefect.bulk.cancel(chosen, bob) == 3
    entries = queue.prefect.audit.entries(size=8).entries
    assert [entry.action for entry in entries] == [
        "bulk.cancel", "cancel", "cancel", "cancel", "submit", "submit", "submit", "submit",
    ]  # fmt: skip
    assert (entries[0].details["chosen"], entries[0].details["done"]) == (3, 3)
    assert entries[0].details["filter"] == {"types": ["validate"], "since": str(began)}
    assert {entry.job_id for entry in entries[1:4]} == {job.public_id for job in jobs}
    (of_all,) = (entry.details for entry in entries[4:] if entry.job_id is None)
    assert of_all == {"type": "validate", "asked": 4, "new": 3}


def test_pools_and_lanes_are_written_down(queue: Queue) -> None:
    bob = Actor("bob@nas", origin="cli")
    queue.prefect.lanes.pause("cpu", "idle", bob)
    queue.prefect.lanes.resume("cpu", "idle", bob)
    queue.prefect.pools.undrain("cpu", bob)
    queue.prefect.pools.drain("cpu", bob)
    with pytest.raises(UnknownName):
        queue.prefect.pools.drain("gone", bob)
    entries = queue.prefect.audit.entries(size=4).entries
    assert [(entry.action, entry.details) for entry in entries] == [
        ("pool.drain", {"pool": "cpu"}), ("pool.undrain", {"pool": "cpu"}),
        ("lane.resume", {"pool": "cpu", "lane": "idle"}), ("lane.pause", {"pool": "cpu", "lane": "idle"}),
    ]  # fmt: skip


def test_many_are_counted_first_then_steered(queue: Queue) -> None:
    began = datetime.now(UTC)
    waiting, running, failed, done, paused = (queue.submit(priority=2) for _ in range(5))
    queue.put(running, Running())
    queue.put(failed, Failed())
    queue.put(done, Completed())
    queue.prefect.jobs.pause(paused.id)
    bulk, chosen = queue.prefect.bulk, JobFilter(since=began, types=("validate",))
    preview = bulk.preview(chosen, BulkAction.RETRY)
    assert (preview.total, preview.would_change) == (5, 1)
    assert preview.untouched == {"under way": 3, "completed": 1}
    assert preview.by_status == dict.fromkeys(("pending", "running", "failed", "completed", "paused"), 1)
    back = bulk.retry(chosen)
    assert (back.done, back.refused, len(back.reasons)) == (1, 4, 4)
    assert queue.prefect.jobs.read(failed.id).status is JobStatus.PENDING
    moved = bulk.prioritise(chosen, "idle")
    assert (moved.done, moved.refused) == (3, 2)
    lanes = {job.public_id: job.lane for job in queue.prefect.jobs.search(chosen).jobs}
    assert {lanes[job.id] for job in (waiting, failed, paused)} == {"idle"}
    assert bulk.resume([paused.id]).done == 1
    assert bulk.pause([waiting.id, paused.id, uuid.uuid4()]).done == 2
    assert queue.prefect.jobs.read(paused.id).status is JobStatus.PAUSED


def test_a_job_is_found_by_a_beginning_of_its_id_or_by_its_name(queue: Queue) -> None:
    jobs = [queue.submit() for _ in range(30)]
    find = queue.prefect.jobs.find
    for job in (jobs[0], jobs[17], jobs[-1]):
        unique = next(
            job.id.hex[:digits]
            for digits in range(4, 33)
            if [_begins(other, job.id.hex[:digits]) for other in jobs].count(True) == 1
        )
        assert find(unique) == find(str(job.id).upper()) == job.id
    queue.client.update_flow_run(jobs[3].id, name="the one")
    assert find("the one") == jobs[3].id
    queue.client.update_flow_run(jobs[4].id, name="the one")
    with pytest.raises(UserError) as several:
        find("the one")
    assert all(str(job.id) in str(several.value) for job in jobs[3:5])
    for nobody in ("ffffffff", "0000", "no such"):
        with refused(UnknownName, name=nobody):
            find(nobody)


def _begins(job: Job, digits: str) -> bool:
    return job.id.hex.startswith(digits)


def test_many_are_cancelled_and_cleared_at_once(queue: Queue) -> None:
    began = datetime.now(UTC)
    waiting, full, started, running, paused, done = (queue.submit(priority=2) for _ in range(6))
    queue.put(full, Pending(name="WaitingForVram"))
    queue.put(started, Pending())
    queue.put(running, Running())
    queue.put(done, Completed())
    queue.prefect.jobs.pause(paused.id)
    bulk, chosen = queue.prefect.bulk, JobFilter(since=began, types=("validate",))
    ids = bulk.ids(chosen)
    assert (bulk.count(chosen), set(ids)) == (6, {waiting.id, full.id, started.id, running.id, paused.id, done.id})
    assert bulk.cancel(ids) == 5
    states = {job.id: job.state for job in queue.prefect.jobs.search(chosen).jobs}
    assert {states[job.id] for job in (waiting, full, paused)} == {"Cancelled"}
    assert {states[job.id] for job in (started, running)} == {"Cancelling"}
    assert states[done.id] == "Completed"
    assert bulk.clear(ids) == 4
    assert set(bulk.ids(chosen)) == {started.id, running.id}


def test_what_failed_just_now_is_not_cleared_away_before_it_is_given_up(queue: Queue) -> None:
    lately, crashed, dead, refused_, _ = jobs = [queue.submit() for _ in range(5)]
    states: list[State[Any]] = [Failed(), Crashed(), Failed(), Failed(), Completed()]
    for job, state in zip(jobs, states, strict=True):
        queue.put(job, Running())
        queue.put(job, state)
    queue.client.update_flow_run(dead.id, tags=[*dead.tags, "dead-letter"])
    queue.client.update_flow_run_labels(refused_.id, {RETRYABLE_LABEL: False})
    assert queue.prefect.bulk.clear([job.id for job in jobs]) == 3
    assert {job.id for job in queue.prefect.jobs.wait([job.id for job in jobs], until_over=False)} == {
        lately.id,
        crashed.id,
    }


def test_a_job_that_is_sent_back_is_announced_anew(queue: Queue) -> None:
    job = queue.submit()
    queue.put(job, Crashed())
    queue.client.update_flow_run_labels(job.id, {ANNOUNCED_LABEL: 0})  # by its worker: it never ran
    queue.prefect.jobs.retry(job.id)
    run = queue.client.read_flow_run(job.id)
    assert (run.run_count, run.labels[ANNOUNCED_LABEL]) == (0, NOT_ANNOUNCED)
    assert run.labels[ANNOUNCED_LABEL] != run.run_count


def test_dead_letters_that_cannot_be_sent_back_are_named() -> None:
    site = MemorySite()
    for job_type in ("validate", "digest"):
        site.deploy(job_type, pool="cpu", schema=validate.parameters.model_dump())
    with site.dispatcher() as prefect, site.client() as client:
        stays, goes = (prefect.jobs.submit(job_type, {"video_id": "a"}) for job_type in ("digest", "validate"))
        for job in (stays, goes):
            client.set_flow_run_state(job.id, Failed(), force=True)
            client.update_flow_run(job.id, tags=[*job.tags, "dead-letter"])
        gone = client.read_flow_run(stays.id).deployment_id
        assert gone is not None
        client.delete_deployment(gone)
        refusals: list[UserError] = []
        assert [job.id for job in prefect.jobs.retry_dead_letters(on_refused=refusals.append)] == [goes.id]
        assert [str(stays.id) in str(refusal) for refusal in refusals] == [True]


def test_a_job_that_is_deleted_while_it_is_waited_for_is_missing_from_the_result() -> None:
    site = MemorySite(FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))
    site.deploy("validate", pool="cpu", schema=validate.parameters.model_dump())
    with site.dispatcher() as prefect, site.client() as client:
        ends, goes = (prefect.jobs.submit("validate", {"video_id": name}) for name in "ab")
        client.set_flow_run_state(ends.id, Completed(), force=True)
        route: Any = "/flow_runs/bulk_delete"

        def delete(jobs: list[Job], _: dict[uuid.UUID, Progress]) -> None:
            client.request("POST", route, json={"flow_runs": {"id": {"any_": [str(goes.id)]}}})

        assert [job.id for job in prefect.jobs.wait([ends.id, goes.id], on_poll=delete)] == [ends.id]


def test_a_log_is_read_from_a_moment_on(queue: Queue) -> None:
    job = queue.submit()
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=10 * number) for number in range(4)]
    queue.client.create_logs(
        [LogCreate(name="x", level=20, message=f"{n}", timestamp=at, flow_run_id=job.id) for n, at in enumerate(times)]
    )
    log = queue.prefect.jobs.log
    assert [line.text for line in log(job.id)] == ["0", "1", "2", "3"]
    assert [line.text for line in log(job.id, tail=2)] == ["2", "3"]
    assert [line.text for line in log(job.id, after=times[2])] == ["2", "3"]


def test_pools_and_lanes(queue: Queue) -> None:
    queue.submit(queue="idle")
    queue.prefect.lanes.pause("cpu", "idle")
    (cpu,) = [pool for pool in queue.prefect.pools.all() if pool.name == "cpu"]
    queue.prefect.lanes.resume("cpu", "idle")
    assert (cpu.drained, cpu.waiting) == (True, 1)
    assert [lane.priority for lane in cpu.lanes] == list(range(1, 11))
    assert [(lane.name, lane.waiting) for lane in cpu.lanes if lane.paused] == [("idle", 1)]
    with pytest.raises(UnknownName) as unknown:
        queue.prefect.pools.drain("tape")
    assert (unknown.value.name, "cpu" in unknown.value.known) == ("tape", True)
    with refused(UnknownName, name="slow", known=LANES):
        queue.prefect.lanes.pause("cpu", "slow")


def test_the_site_in_numbers(queue: Queue) -> None:
    before = queue.prefect.numbers.statistics()
    done, running, _ = queue.submit(), queue.submit(), queue.submit()
    for job in (done, running):
        queue.put(job, Running())
    queue.put(done, Completed())
    after = queue.prefect.numbers.statistics()
    more = {status: after.by_status[status] - before.by_status[status] for status in JobStatus}
    assert {status: count for status, count in more.items() if count} == {
        JobStatus.COMPLETED: 1,
        JobStatus.RUNNING: 1,
        JobStatus.PENDING: 1,
    }
    mean = after.by_type["validate"].mean_seconds
    assert mean is not None
    assert 0 <= mean < 5


def test_a_rule_is_added_off_turned_on_and_removed(queue: Queue) -> None:
    rules, name = queue.prefect.rules, f"check {uuid.uuid4()}"
    jobs = (RuleJob("validate", {"depth": "full"}),)
    added = rules.add(Rule(name, "videos", jobs))
    assert (added.rule.on, added.lost) == (False, ())
    with refused(AlreadyThere, name=name):
        rules.add(Rule(name, "videos", jobs))
    assert rules.turn(name, on=True).rule == Rule(name, "videos", jobs, on=True)
    assert [state.rule.on for state in rules.all() if state.rule.name == name] == [True]
    assert rules.turn(name, on=False) == rules.read(name) == added
    rules.remove(name)
    with refused(UnknownName, name=name):
        rules.turn(name, on=True)


def test_an_unknown_id_has_no_job(queue: Queue) -> None:
    nobody = uuid.uuid4()
    jobs = queue.prefect.jobs
    for ask in (jobs.read, jobs.log, jobs.states, jobs.retry, jobs.cancel, jobs.pause):
        with refused(UnknownName, name=str(nobody)):
            ask(nobody)


def test_the_same_work_is_handed_in_again_after_old_jobs_were_cleared_away() -> None:
    site = MemorySite()
    site.deploy("validate", pool="cpu", schema=validate.parameters.model_dump())
    with site.dispatcher() as prefect, site.client() as client:
        ids = []
        for _ in range(24):
            ids.append(prefect.jobs.submit("validate", {"video_id": "a"}).id)
            client.set_flow_run_state(ids[-1], Completed(), force=True)
        prefect.bulk.clear(ids[:12])
        assert prefect.jobs.submit("validate", {"video_id": "a"}).id not in ids


def test_a_log_is_followed_to_its_end() -> None:
    """Each line once, one that comes late too, and none of those before the tail; then it ends with the job."""
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    site = MemorySite(clock)
    site.deploy("validate", pool="cpu", schema=validate.parameters.model_dump())
    with site.dispatcher() as prefect, site.client() as client:
        job = prefect.jobs.submit("validate", {"video_id": "a"})

        def write(text: str, seconds_ago: float = 0) -> None:
            at = clock.now() - timedelta(seconds=seconds_ago)
            client.create_logs([LogCreate(name="x", level=20, message=text, timestamp=at, flow_run_id=job.id)])

        write("before the tail", 2)
        write("first", 1)
        lines = []
        for new in prefect.jobs.follow_log(job.id, tail=1):
            lines += [line.text for line in new]
            if lines == ["first"]:
                write("second")
            elif lines[-1] == "second":
                write("late", 0.5)
                client.set_flow_run_state(job.id, Completed(), force=True)
            elif lines[-1] == "late":
                write("after the end")
    assert lines == ["first", "second", "late", "after the end"]


def test_with_a_clock_of_its_own_nobody_waits() -> None:
    """A job that takes a minute is waited for in no time."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = FakeClock(start)
    site = MemorySite(clock)
    site.deploy("validate", pool="cpu", schema=validate.parameters.model_dump())
    with site.dispatcher() as prefect, site.client() as client:
        job = prefect.jobs.submit("validate", {"video_id": "a"})
        client.set_flow_run_state(job.id, Running(), force=True)

        def worker(jobs: list[Job], _: dict[uuid.UUID, Progress]) -> None:
            if clock.monotonic() >= 60 and not jobs[0].over:
                client.set_flow_run_state(job.id, Completed(), force=True)

        (done,) = prefect.jobs.wait([job.id], on_poll=worker)
    assert (done.status, done.created, done.ended) == (JobStatus.COMPLETED, start, start + timedelta(minutes=1))
