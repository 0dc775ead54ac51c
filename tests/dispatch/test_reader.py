"""Jobs read by SQL on a running site: the same as through Prefect's API, and nothing missed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, LogCreate
from prefect.client.schemas.objects import State
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Pending,
    Running,
    Scheduled,
    Suspended,
)
from sqlalchemy import Connection, event, insert, text, update
from sqlalchemy.exc import InternalError

from bench import many_jobs
from reelmill.catalogue.engine import get_engine
from reelmill.catalogue.models import ArchivedJobs
from reelmill.dispatch import BulkAction, Dispatcher, JobFilter
from reelmill.dispatch.tables import contract, indexes, job_pages
from reelmill.dispatch.tables.job_values import ResultItems
from reelmill.dispatch.tables.prefect_tables import flow_run
from reelmill.dispatch.tables.read_only import read_only
from reelmill.dispatch.tables.timeline import Phase
from reelmill.errors import FailureClass, UnknownName, UserError, WrongParameter
from reelmill.queue.job import JobStatus
from reelmill.queue.progress_pace import ProgressPace, to_metadata
from reelmill.queue.result_key import RESULT_ITEMS, result_key
from reelmill.queue.retry_policy import CLASS_LABEL
from reelmill.queue.worker_facts import WORKER_LABEL
from tests.refusals import refused

pytestmark = pytest.mark.site

_STATES: tuple[State[Any], ...] = (
    Scheduled(),
    Scheduled(scheduled_time=datetime(2030, 1, 1, tzinfo=UTC)),
    AwaitingRetry(scheduled_time=datetime(2030, 1, 1, tzinfo=UTC), message="Retry 1 of 3 at 10:42:00: full"),
    Scheduled(name="AwaitingConcurrencySlot"),
    Pending(),
    Pending(name="WaitingForVram", message="8000 MB of VRAM needed"),
    Running(),
    Cancelling(),
    Completed(),
    Completed(name="Invalid", message="no video stream"),
    Failed(message="Flow run encountered an exception: InputError: no luck"),
    Crashed(message="killed"),
    Cancelled(),
    Suspended(timeout_seconds=None, message="Paused by alice"),
)


def _submit(prefect: Dispatcher, number: int = 1, **options: Any) -> list[uuid.UUID]:
    videos = [{"video_id": str(uuid.uuid4())} for _ in range(number)]
    return [job.id for job in prefect.jobs.submit_many("validate", videos, **options)]


def _ids(prefect: Dispatcher, **wanted: Any) -> set[uuid.UUID]:
    return {job.id for job in prefect.reader.page(JobFilter(**wanted), size=200).jobs}


def test_a_job_is_the_same_read_by_sql_and_through_the_api_whatever_its_state(
    prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    ids = _submit(prefect, len(_STATES), priority=2, vram_mb=7, max_retries=1)
    seen = set()
    for job_id, state in zip(ids, _STATES, strict=True):
        client.update_flow_run_labels(job_id, {WORKER_LABEL: "nas-cpu", CLASS_LABEL: FailureClass.INPUT.value})
        client.set_flow_run_state(job_id, state, force=True)
        # Read at once: the site ends what is set running and has no process.
        by_api, by_sql = prefect.jobs.read(job_id), prefect.reader.read(job_id).job
        assert by_sql == by_api
        seen.add(by_sql.status)
    client.update_flow_run(ids[10], name="a 50% Unlucky one", tags=["cpu", "dead-letter"])
    assert prefect.reader.read(ids[10]).job == prefect.jobs.read(ids[10])
    assert seen == set(JobStatus)
    mine = JobFilter(lane="live-medium", include_not_due=True)
    by_api_page = {job.id: job for job in prefect.jobs.search(mine, size=200).jobs if job.id in ids}
    assert {job.id: job for job in prefect.reader.page(mine, size=200).jobs if job.id in ids} == by_api_page


def test_every_filter_chooses_as_the_api_does_and_by_what_it_cannot(
    prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    began = datetime.now(UTC)
    waiting, queued, slot, failed, done, labelled = ids = _submit(prefect, 6, queue="batch", level="high")
    (gpu,) = [prefect.jobs.submit("digest", {"video_id": "a video"}).id]
    client.set_flow_run_state(queued, Pending(), force=True)
    client.set_flow_run_state(slot, Scheduled(name="AwaitingConcurrencySlot"), force=True)
    client.set_flow_run_state(failed, Failed(), force=True)
    client.update_flow_run(failed, name="a 50% Unlucky one", tags=["cpu", "dead-letter", "batch:b7"])
    client.update_flow_run_labels(failed, {CLASS_LABEL: "input_error", WORKER_LABEL: "nas-cpu"})
    client.update_flow_run_labels(done, {CLASS_LABEL: "input_error"})
    client.set_flow_run_state(done, Completed(), force=True)
    since = {"since": began}
    for wanted in (
        {"statuses": (JobStatus.PENDING,)},
        {"statuses": (JobStatus.QUEUED,)},
        {"statuses": (JobStatus.PENDING, JobStatus.QUEUED)},
        {"statuses": (JobStatus.FAILED, JobStatus.COMPLETED)},
        {"types": ("digest_generate",)},
        {"pool": "gpu_ai"},
        {"lane": "batch-high"},
        {"tag": "gpu_ai"},
        {"dead_letter": True},
        {"text": "50% unlucky"},
        {"until": began},
        {"ended_since": began},
        {"batch": "b7"},
    ):
        by_api = {job.id for job in prefect.jobs.search(JobFilter(**since, **wanted), size=200).jobs}  # type: ignore[arg-type]
        assert _ids(prefect, **since, **wanted) == by_api, wanted
        assert prefect.reader.page(JobFilter(**since, **wanted)).total == len(by_api)  # type: ignore[arg-type]
    assert _ids(prefect, **since) == {*ids, gpu}
    assert _ids(prefect, **since, failure_class=FailureClass.INPUT) == {failed}  # not the one that has completed since
    assert _ids(prefect, **since, worker="nas-cpu") == {failed}
    video = prefect.jobs.read(labelled).parameters["video_id"]
    assert _ids(prefect, video_id=uuid.UUID(video)) == {labelled}
    assert waiting in _ids(prefect, statuses=(JobStatus.PENDING,))


def test_a_cursor_goes_on_where_the_page_ended_while_jobs_come_in(prefect: Dispatcher) -> None:
    wanted = JobFilter(lane="idle", statuses=(JobStatus.PENDING,))
    ids = _submit(prefect, 5, queue="idle")
    first = prefect.reader.page(wanted, size=2)
    newer = _submit(prefect, 3, queue="idle")
    second = prefect.reader.page(wanted, size=2, before=first.next)
    third = prefect.reader.page(wanted, size=2, before=second.next)
    assert [job.id for page in (first, second, third) for job in page.jobs] == ids[::-1]
    assert (third.next, third.total) == (None, 8)
    uncounted = prefect.reader.rows(wanted, 2, first.next)
    assert (uncounted.jobs, uncounted.next) == (second.jobs, second.next)
    assert prefect.reader.total(wanted) == second.total
    by_page = [prefect.reader.page(wanted, page=page, size=3) for page in (1, 2, 3)]
    assert [job.id for page in by_page for job in page.jobs] == [*newer[::-1], *ids[::-1]]
    assert [(page.page, page.pages, page.total) for page in by_page] == [(1, 3, 8), (2, 3, 8), (3, 3, 8)]
    for page, size in ((0, 2), (1, 0), (1, 201)):
        with refused(WrongParameter, parameter="page", value=page):
            prefect.reader.page(wanted, page=page, size=size)
    with refused(UserError):
        prefect.reader.page(wanted, size=2, before="nonsense")


def test_a_job_is_read_with_its_timeline_and_its_place(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    first, second = _submit(prefect, 2, queue="idle")
    (urgent,) = _submit(prefect, queue="live", level="high")
    assert [prefect.reader.queue_position(job) for job in (urgent, first, second)] == [1, 2, 3]
    prefect.lanes.pause("cpu", "live-high")
    try:
        assert [prefect.reader.queue_position(job) for job in (urgent, first)] == [1, 1]
    finally:
        prefect.lanes.resume("cpu", "live-high")
    client.set_flow_run_state(first, Running(), force=True)
    detail = prefect.reader.read(first)
    assert (detail.queue_position, detail.progress) == (None, None)
    assert [(segment.what, segment.end is None) for segment in detail.timeline] == [
        (Phase.WAITING, False),
        (Phase.RUNNING, True),
    ]
    with refused(UnknownName):
        prefect.reader.read(uuid.uuid4())


def test_a_job_keeps_its_id_its_log_and_its_time_over_a_change_of_lane(
    prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    (old,) = _submit(prefect, queue="idle")
    client.create_logs([_line(old, "before", 0)])
    new = prefect.jobs.prioritise(old, 1).id
    if new == old:
        new = prefect.reader.read(old).job.id
    client.update_flow_run_labels(new, {"reelmill.job": str(old)})
    client.create_logs([_line(new, "after", 1)])
    detail = prefect.reader.read(old)
    assert (detail.job.id, detail.job.lane, detail.replaces) == (new, "live-high", old)
    texts = [line.text for line in prefect.reader.log(old).lines]
    assert [texts.index(text) for text in ("before", "after")] == sorted(texts.index(t) for t in ("before", "after"))
    assert detail.timeline[0].start < detail.timeline[-1].start or len(detail.timeline) == 1


def _line(job: uuid.UUID, message: str, seconds: float) -> LogCreate:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return LogCreate(name="test", level=20, message=message, timestamp=at, flow_run_id=job)


def test_a_log_goes_on_from_its_cursor_and_late_lines_come_once(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    (job,) = _submit(prefect)
    read = prefect.reader.log
    client.create_logs([_line(job, f"line {number}", number) for number in range(5)])
    pages = [read(job, limit=2)]
    while not pages[-1].complete:
        pages.append(read(job, pages[-1].cursor, limit=2))
    assert [line.text for page in pages for line in page.lines] == [f"line {number}" for number in range(5)]
    assert read(job, pages[-1].cursor).lines == []
    client.create_logs([_line(job, "late", 1.5), _line(job, "new", 9)])
    then = read(job, pages[-1].cursor)
    assert [line.text for line in then.lines] == ["late", "new"]
    assert read(job, then.cursor).lines == []
    tail = prefect.reader.log_tail(job, 2)
    assert [line.text for line in tail.lines] == ["line 4", "new"]
    assert read(job, tail.cursor).lines == []
    for cursor, limit in (("nonsense", 1), (None, 0)):
        with refused(UserError):
            read(job, cursor, limit)


def test_lines_that_come_between_two_pages_wait_until_the_first_ones_are_read(
    prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    (job,) = _submit(prefect)
    client.create_logs([_line(job, f"line {number}", number) for number in range(4)])
    first = prefect.reader.log(job, limit=2)
    client.create_logs([_line(job, "late", 0.5)])
    second = prefect.reader.log(job, first.cursor, limit=2)
    third = prefect.reader.log(job, second.cursor, limit=2)
    assert [line.text for page in (first, second, third) for line in page.lines] == [
        "line 0", "line 1", "line 2", "line 3", "late",
    ]  # fmt: skip


def test_the_progress_of_any_number_of_jobs_is_data(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    fast, slow, silent = _submit(prefect, 3)
    for job, percent, pace in ((fast, 25.0, ProgressPace(2.5, 90.0)), (slow, 10.0, ProgressPace())):
        metadata = to_metadata(pace)
        client.create_artifact(
            ArtifactCreate(type="progress", data=percent, description="…", flow_run_id=job, metadata_=metadata)
        )
    strangers = [uuid.uuid4() for _ in range(500)]
    found = prefect.reader.progress([fast, slow, silent, *strangers])
    assert found.keys() == {fast, slow}
    assert (found[fast].fraction, found[fast].speed, found[fast].eta_seconds) == (0.25, 2.5, 90.0)
    assert (found[slow].fraction, found[slow].speed) == (0.1, None)
    assert found == prefect.jobs.progress([fast, slow, silent])


def test_changes_name_the_jobs_whose_state_or_progress_moved(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    moved, progressed, still = _submit(prefect, 3)
    cursor = prefect.reader.changes().cursor
    assert still not in {job.id for job in prefect.reader.changes(cursor).jobs}
    client.set_flow_run_state(moved, Running(), force=True)
    client.create_artifact(ArtifactCreate(type="progress", data=50.0, flow_run_id=progressed))
    changes = prefect.reader.changes(cursor)
    found = {job.id: job.status for job in changes.jobs}
    assert found[moved] is JobStatus.RUNNING
    assert progressed in found
    assert still not in found
    assert changes.progress[progressed].fraction == 0.5
    assert not {moved, progressed} & {job.id for job in prefect.reader.changes(changes.cursor).jobs}


def test_a_job_that_is_not_due_is_no_change_until_it_is(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    cursor = prefect.reader.changes().cursor
    later, now = _submit(prefect, delay=86_400), _submit(prefect)
    found = {job.id for job in prefect.reader.changes(cursor).jobs}
    assert {*now} <= found
    assert not {*later} & found
    client.set_flow_run_state(later[0], Running(), force=True)
    assert later[0] in {job.id for job in prefect.reader.changes(cursor).jobs}


def test_many_jobs_are_steered_by_what_only_the_tables_can_choose_by(
    prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    worker, ids = f"nas-{uuid.uuid4()}", _submit(prefect, 3)
    for job_id in ids[:2]:
        client.update_flow_run_labels(job_id, {WORKER_LABEL: worker})
    chosen = JobFilter(worker=worker)
    moved = prefect.jobs.prioritise(ids[0], 1)
    client.update_flow_run_labels(moved.id, {WORKER_LABEL: worker})
    assert (prefect.bulk.count(chosen), {*prefect.bulk.ids(chosen)}) == (2, {moved.id, ids[1]})
    assert prefect.bulk.preview(chosen, BulkAction.CANCEL).would_change == 2
    assert prefect.bulk.cancel(chosen) == 2
    states = [prefect.jobs.read(job_id).status for job_id in ids]
    assert states == [JobStatus.CANCELLED, JobStatus.CANCELLED, JobStatus.PENDING]


@pytest.fixture
def late(prefect: Dispatcher) -> Iterator[Connection]:
    """A writer whose transaction has begun before all that a test does, and ends when the test has it end."""
    with get_engine().connect() as connection:
        connection.execute(text("SELECT pg_current_xact_id()"))
        yield connection


def test_a_row_that_is_committed_late_is_not_missed(prefect: Dispatcher, late: Connection) -> None:
    first, second = _submit(prefect, 2)
    cursor = prefect.reader.changes().cursor
    late.execute(update(flow_run).where(flow_run.c.id == first).values(name="late", updated=text("now()")))
    between = prefect.reader.changes(cursor)
    assert "late" not in {job.name for job in between.jobs}
    late.commit()
    with get_engine().begin() as quick:  # committed after, written before what comes next is read
        quick.execute(update(flow_run).where(flow_run.c.id == second).values(name="quick", updated=text("now()")))
    names = {job.id: job.name for job in prefect.reader.changes(between.cursor).jobs}
    assert (names[first], names[second]) == ("late", "quick")


def test_numbers_by_sql_are_those_of_the_server_and_keep_what_was_archived(
    prefect: Dispatcher, client: SyncPrefectClient
) -> None:
    done, failed, running, _, _ = _submit(prefect, 5, queue="batch", level="low")
    for job in (done, failed, running):
        client.set_flow_run_state(job, Running(), force=True)
    client.set_flow_run_state(done, Completed(), force=True)
    client.set_flow_run_state(failed, Failed(), force=True)
    client.update_flow_run(failed, tags=["dead-letter"])
    by_sql, by_api = prefect.reader.statistics(), prefect.numbers.of_server()
    assert by_sql.by_status == by_api.by_status
    assert {name: each.by_status for name, each in by_sql.by_type.items()} == {
        name: each.by_status for name, each in by_api.by_type.items()
    }
    assert by_sql.dead_letters == by_api.dead_letters
    validated, of_api = by_sql.by_type["validate"], by_api.by_type["validate"]
    assert validated.mean_seconds == pytest.approx(of_api.mean_seconds)
    assert validated.measured == of_api.measured
    assert by_sql.by_lane["batch-low"] == 2
    counts = {(each.type, each.lane, each.status): each.jobs for each in prefect.reader.counts()}
    assert counts["validate", "batch-low", JobStatus.PENDING] == 2
    assert prefect.reader.failures().dead_letters["validate"] >= 1
    gone = ArchivedJobs(job_type="gone", status="failed", jobs=1000, dead_letters=7)
    row = {name: getattr(gone, name) for name in ("job_type", "status", "jobs", "dead_letters")}
    with get_engine().begin() as connection:
        connection.execute(insert(ArchivedJobs).values(engine="", retries=0, seconds=0.0, **row))
    try:
        kept = prefect.numbers.statistics()
    finally:
        with get_engine().begin() as connection:
            connection.execute(text("DELETE FROM catalogue.archived_jobs WHERE job_type = 'gone'"))
    assert kept.by_type["gone"].by_status == {JobStatus.FAILED: 1000}
    assert kept.by_status[JobStatus.FAILED] == by_sql.by_status[JobStatus.FAILED] + 1000
    assert kept.dead_letters == by_sql.dead_letters + 7
    with refused(WrongParameter, parameter="days", value=0):
        prefect.reader.statistics(days=0)


def test_a_reading_cannot_write(prefect: Dispatcher) -> None:
    with pytest.raises(InternalError, match="read-only transaction"), read_only() as connection:
        connection.execute(text("DELETE FROM flow_run"))


def test_the_tables_are_as_they_are_read(prefect: Dispatcher) -> None:
    with read_only() as connection:
        assert contract.breaches(connection) == []


def test_a_page_by_any_one_filter_reads_no_run_that_is_not_meant(prefect: Dispatcher) -> None:
    """Asserted on PostgreSQL's plan, which does not depend on how busy a machine is; all of it is undone."""
    with get_engine().connect() as connection:
        many_jobs.insert(connection, 6_000)
        video = connection.scalar(text("SELECT parameters ->> 'video_id' FROM flow_run WHERE name LIKE 'generated%'"))
        filters = (
            JobFilter(),
            JobFilter(statuses=(JobStatus.FAILED,)),
            JobFilter(statuses=(JobStatus.PENDING,)),
            JobFilter(statuses=(JobStatus.RUNNING,)),
            JobFilter(types=("validate",)),
            JobFilter(pool="cpu"),
            JobFilter(lane="idle"),
            JobFilter(tag="cpu"),
            JobFilter(batch="g50"),
            JobFilter(dead_letter=True),
            JobFilter(text="of video 77"),
            JobFilter(since=datetime.now(UTC) - timedelta(hours=1)),
            JobFilter(ended_since=datetime.now(UTC) - timedelta(hours=1)),
            JobFilter(failure_class=FailureClass.INPUT),
            JobFilter(worker="node7-cpu"),
            JobFilter(video_id=uuid.UUID(video)),
        )
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # with so few rows it is a matter of taste
        plans = _explained(connection)
        for wanted in filters:
            connection.execute(job_pages.page_statement(wanted, datetime.now(UTC), 1, 20, None))
        connection.rollback()
    scanned = [wanted for wanted, plan in zip(filters, plans, strict=True) if "Seq Scan on flow_run " in plan]
    assert scanned == []


def _explained(connection: Connection) -> list[str]:
    """PostgreSQL's plan of each statement that is executed from now on."""
    plans: list[str] = []

    @event.listens_for(connection, "before_cursor_execute")
    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        plans.append("\n".join(line for (line,) in cursor.fetchall()))

    return plans


def test_our_indexes_are_there_and_one_that_a_killed_build_has_left_is_made_again(prefect: Dispatcher) -> None:
    engine, wanted = get_engine(), {index.name for index in indexes.INDEXES}
    assert indexes.ensure(engine) == []  # the site has made them as it came up
    name = indexes.INDEXES[-1].name
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(:name)"), {"name": name}
        )
    assert indexes.ensure(engine) == [name]
    with read_only() as connection:
        valid = "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indisvalid"
        assert wanted <= set(connection.scalars(text(valid)))


def test_the_site_is_read_once_for_all_who_ask(prefect: Dispatcher) -> None:
    _submit(prefect, 2, queue="idle")
    with ThreadPoolExecutor(8) as threads:
        readings = list(threads.map(lambda _: prefect.snapshot.now(), range(16)))
    (site,) = {id(reading): reading for reading in readings}.values()
    assert [pool.name for pool in site.pools] == ["cpu", "gpu_ai", "gpu_encode"]
    assert {lane.name: lane.waiting for lane in site.lanes["cpu"] if lane.waiting} == {"idle": 2}
    assert list(site.pools) == prefect.pools.all()
    assert [node.name for node in site.nodes] == [node.name for node in prefect.nodes.all()]
    assert site.waiting["cpu"].paused


def test_items_and_the_card_of_a_result_are_read_by_sql(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    job_id, other = _submit(prefect, 2)
    reader = prefect.reader
    assert (reader.result_items(job_id, 0, 2), reader.result_card(job_id)) == (None, None)
    for number in (3, 5):  # the second is of a later attempt
        items = [{"place": place} for place in range(number)]
        client.create_artifact(ArtifactCreate(type=RESULT_ITEMS, data=items, flow_run_id=job_id))
        text = f"{number} ![of it](data:image/jpeg;base64,AAAA)"
        key = result_key(job_id)
        client.create_artifact(ArtifactCreate(key=key, type="markdown", data=text, flow_run_id=job_id))
    for first, expected in ((0, ({"place": 0}, {"place": 1})), (4, ({"place": 4},)), (6, ())):
        assert reader.result_items(job_id, first, 2) == ResultItems(5, expected)
    assert reader.result_card(job_id) == "5 ![of it](data:image/jpeg;base64,AAAA)"
    assert (reader.result_items(other, 0, 2), reader.result_card(other)) == (None, None)
    with pytest.raises(UnknownName):
        reader.result_items(uuid.uuid4(), 0, 2)
