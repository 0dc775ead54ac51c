"""Batches on a site in memory: every video exactly once, whatever is killed and whenever; seen and steered as one."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingRetry, Completed, Failed, Running
from sqlalchemy import event, text
from sqlmodel import col, select

from reelmill.catalogue import batches
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.filters.video_filter import clause, parse_filter, usable
from reelmill.catalogue.models import Batch, BatchState, Video
from reelmill.catalogue.videos import scanning
from reelmill.clock import FakeClock
from reelmill.dispatch import Dispatcher, JobFilter, SubmitOptions
from reelmill.dispatch.services import batch_feeder
from reelmill.dispatch.services.batch_feeder import BatchFeeder
from reelmill.dispatch.services.batches import seconds_left, video_parameter
from reelmill.dispatch.submission import SubmittedRuns
from reelmill.dispatch.testing.memory_server import MemoryServer
from reelmill.errors import (
    AlreadyThere,
    FilterError,
    PlatformError,
    UnknownName,
    WrongParameter,
    WrongStatus,
)
from reelmill.queue.actor import Actor
from reelmill.queue.job import JobStatus
from reelmill.settings import get_settings
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("catalogue")

_START = datetime(2026, 1, 1, tzinfo=UTC)
_TAKES_A_VIDEO: dict[str, Any] = {
    "properties": {"video_id": {"type": "string", "x-video": True}, "width": {"type": "integer", "default": 640}},
    "required": ["video_id"],
}


class KilledError(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Site:
    """A server in memory, the videos of a catalogue, and a hand that kills whoever asks the server."""

    def __init__(self) -> None:
        self.clock = FakeClock(_START)
        self.server = MemoryServer(self.clock)
        self.server.add_pool("cpu")
        self.server.add_deployment("thumbnail_generate", "cpu", _TAKES_A_VIDEO, {})
        self.requests = 0
        self.kill_before: int | None = None  # the number of a request
        self.kill_after: int | None = None

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.requests == self.kill_before:
            raise KilledError
        response = self.server.respond(request)
        if self.requests == self.kill_after:
            raise KilledError
        return response

    @contextmanager
    def dispatcher(self) -> Iterator[Dispatcher]:
        transport = httpx.MockTransport(self._respond)
        with SyncPrefectClient("http://memory/api", httpx_settings={"transport": transport}) as client:
            yield Dispatcher(client, self.clock)

    def submit(self, where: str = "thumbnail is missing", **options: Unpack[SubmitOptions]) -> Batch:
        with self.dispatcher() as prefect:
            return prefect.batches.submit("thumbnail_generate", where, {"width": 320}, options, Actor("ann@node"))

    def feed(self) -> None:
        with self.dispatcher() as prefect:
            prefect.batches.feed()

    def runs(self, *, waiting: bool = False) -> list[FlowRun]:
        runs = list(self.server.runs.values())
        return [run for run in runs if run.state is not None and run.state.is_scheduled()] if waiting else runs

    def work(self, count: int, state: State[Any] | None = None) -> None:
        """What workers do: some of those that wait are done."""
        for run in self.runs(waiting=True)[:count]:
            self.server.set_state(run.id, Running())
            self.server.set_state(run.id, state or Completed())

    def videos(self) -> Counter[str]:
        """How many runs each video has."""
        return Counter(run.parameters["video_id"] for run in self.runs())


def _add(count: int, **facts: Any) -> list[str]:
    videos = [
        Video(title=name, path=f"inbox/{name}", filename=name, directory_type="inbox", size=1, mtime_ns=1, **facts)
        for name in (f"{uuid.uuid4().hex[:6]}-{number}.mp4" for number in range(count))
    ]
    with session() as opened:
        scanning.upsert_videos(opened, videos)
    return [str(video.id) for video in videos]


def _stored(batch: Batch) -> Batch:
    with session() as opened:
        found = opened.get(Batch, batch.id)
        assert found is not None
        return found


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """Pages of 3, and at most 6 jobs that wait."""
    monkeypatch.setattr(batch_feeder, "PAGE", 3)
    monkeypatch.setenv("REELMILL_BATCH_WAITING", "6")
    get_settings.cache_clear()
    return Site()


def _drive(site: Site, batch: Batch, at_once: int = 4) -> int:
    """Feed and work in turn until the batch is finished; returns the most jobs that ever waited."""
    most = 0
    for _ in range(100):
        site.feed()
        most = max(most, len(site.runs(waiting=True)))
        site.work(at_once)
        if _stored(batch).state == BatchState.FINISHED:
            return most
    raise AssertionError("the batch does not end")


def test_each_video_gets_one_job_and_few_wait(site: Site) -> None:
    ids = _add(20)
    _add(3, thumbnail_path="thumbnails/a.jpg")
    batch = site.submit(queue="batch", level="low", pool="cpu")
    assert _drive(site, batch) == 6
    assert site.videos() == Counter(ids)
    done = _stored(batch)
    assert (done.matched, done.submitted, done.folded, done.refused, done.fed) == (20, 20, 0, 0, True)
    assert done.ended_at is not None
    assert done.created_by == "ann@node"
    for run in site.runs():
        assert batch.tag in run.tags
        assert run.name.startswith("thumbnail_generate ")
        assert run.name.endswith(".mp4")
        assert (run.work_queue_name, run.parameters["width"]) == ("batch-low", 320)


def _kill(site: Site, batch: Batch, *, before: int | None = None, after: int | None = None) -> bool:
    """Feed with a hand that kills at a request; returns whether it was reached."""
    site.requests, site.kill_before, site.kill_after = 0, before, after
    try:
        site.feed()
    except KilledError:
        return True
    finally:
        site.kill_before = site.kill_after = None
    return False


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("meanwhile", ["they wait", "they have ended"])
def test_killed_at_any_request_no_video_is_lost_or_done_twice(site: Site, when: str, meanwhile: str) -> None:
    ids, batch = _add(8), site.submit()
    number = 0
    while True:
        number += 1
        if not _kill(site, batch, **{when: number}):
            break
        if meanwhile == "they have ended":
            site.work(6)
        assert max(site.videos().values(), default=1) == 1, number
    assert number > 3
    _drive(site, batch)
    assert site.videos() == Counter(ids)
    assert (_stored(batch).submitted, _stored(batch).folded) == (8, 0)


def test_killed_before_each_commit_no_video_is_lost_or_done_twice(site: Site) -> None:
    ids, batch = _add(8), site.submit()
    commits = 0

    def kill(_connection: object) -> None:
        nonlocal commits
        commits += 1
        if commits % 3 == 2:  # the first of each round only reads
            raise KilledError

    event.listen(get_engine(), "commit", kill)
    try:
        for _ in range(5):
            with pytest.raises(KilledError):
                site.feed()
            commits = 0
            site.work(2)
    finally:
        event.remove(get_engine(), "commit", kill)
    assert _stored(batch).submitted == 0
    _drive(site, batch)
    assert site.videos() == Counter(ids)
    assert _stored(batch).submitted == 8


def test_a_batch_that_somebody_feeds_is_left_to_him(site: Site) -> None:
    _add(4)
    batch = site.submit()
    with get_engine().begin() as other:
        other.execute(text("SELECT 1 FROM catalogue.batch FOR UPDATE"))
        site.feed()
        assert site.runs() == []
    site.feed()
    assert len(site.runs()) == 4
    assert _stored(batch).submitted == 4


def test_work_that_is_under_way_is_folded(site: Site) -> None:
    first, *_ = _add(3)
    with site.dispatcher() as prefect:
        job = prefect.jobs.submit("thumbnail_generate", {"video_id": first, "width": 320})
    batch = site.submit()
    site.feed()
    assert (_stored(batch).submitted, _stored(batch).folded) == (2, 1)
    assert batch.tag not in site.server.runs[job.id].tags
    assert len(site.runs()) == 3


def test_work_that_was_done_before_the_batch_is_done_again(site: Site) -> None:
    (only,) = _add(1)
    with site.dispatcher() as prefect:
        prefect.jobs.submit("thumbnail_generate", {"video_id": only, "width": 320})
    site.work(1)
    batch = site.submit()
    _drive(site, batch)
    assert site.videos() == {only: 2}
    assert _stored(batch).submitted == 1


def test_one_bad_video_never_stops_the_batch(site: Site) -> None:
    ids = sorted(_add(7))
    schema = {**_TAKES_A_VIDEO["properties"], "video_id": {"type": "string", "not": {"const": ids[4]}}}
    (deployment,) = site.server.deployments.values()
    deployment.parameter_openapi_schema = {"properties": schema}
    batch = site.submit()
    _drive(site, batch)
    assert site.videos() == Counter(set(ids) - {ids[4]})
    stored = _stored(batch)
    assert (stored.submitted, stored.refused, [one["video"] for one in stored.refusals]) == (6, 1, [ids[4]])
    assert "does not take these parameters" in stored.refusals[0]["reason"]


def test_a_batch_that_nobody_takes_pauses_itself_and_stops_no_other(site: Site) -> None:
    ids = _add(4)
    site.server.add_deployment("reencode", "cpu", _TAKES_A_VIDEO, {})
    with site.dispatcher() as prefect:
        bad = prefect.batches.submit("reencode", "copy is missing", {}, {}, Actor("ann@node"))
    good = site.submit()
    gone = next(
        known for known in site.server.deployments.values() if site.server.flows[known.flow_id].name == "reencode"
    )
    del site.server.deployments[gone.id]
    _drive(site, good)
    assert site.videos() == Counter(ids)
    stored = _stored(bad)
    assert (stored.state, stored.submitted, stored.refused, stored.cursor) == (BatchState.PAUSED, 0, 0, None)
    assert "No job type 'reencode' is deployed" in str(stored.reason)


def test_videos_that_cannot_be_worked_on_are_left_out_unless_named(site: Site) -> None:
    good, (bad,) = _add(2), _add(1, is_valid=False)
    batch = site.submit()
    assert batch.filter == "thumbnail is missing and not missing and not invalid"
    _drive(site, batch)
    assert site.videos() == Counter(good)
    _drive(site, site.submit("invalid"))
    assert site.videos() == Counter([*good, bad])


def test_the_preview_counts_and_submits_nothing(site: Site) -> None:
    _add(6)
    _add(2, thumbnail_path="thumbnails/a.jpg")
    with site.dispatcher() as prefect:
        preview = prefect.batches.preview("thumbnail_generate", "directory_type = inbox", {}, {})
        assert (preview.matched, preview.already, len(preview.examples)) == (8, 2, 5)
        assert prefect.batches.all() == []
    assert site.runs() == []


@pytest.mark.parametrize(
    ("job_type", "where", "parameters", "options", "refusal"),
    [
        ("thumbnail_generate", "thumbnial is missing", {}, {}, refused(FilterError, position=0)),
        ("thumbnail_generate", "invalid", {"video_id": "x"}, {}, refused(WrongParameter, parameter="video_id")),
        ("thumbnail_generate", "invalid", {"speed": 3}, {}, refused(UnknownName, name="speed")),
        ("thumbnail_generate", "invalid", {"width": "x"}, {}, refused(WrongParameter, parameter="width")),
        ("thumbnail_generate", "invalid", {}, {"queue": "urgent"}, refused(UnknownName, name="urgent")),
        ("thumbnail_generate", "invalid", {}, {"pool": "gpu_ai"}, refused(UnknownName, name="thumbnail_generate")),
        ("scan", "invalid", {}, {}, refused(WrongParameter, parameter="job_type", value="scan")),
        ("dance", "invalid", {}, {}, refused(UnknownName, name="dance")),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(
    site: Site, job_type: str, where: str, parameters: Any, options: Any, refusal: refused
) -> None:
    site.server.add_deployment("scan", "cpu", {"properties": {"directory_type": {"type": "string"}}}, {})
    with site.dispatcher() as prefect:
        with refusal:
            prefect.batches.preview(job_type, where, parameters, options)
        with refusal:
            prefect.batches.submit(job_type, where, parameters, options, Actor("ann@node"))
        assert prefect.batches.all() == []


def test_a_paused_batch_waits_and_goes_on_where_it_was(site: Site) -> None:
    ids, batch = _add(9), site.submit()
    site.feed()
    running = site.runs(waiting=True)[0]
    site.server.set_state(running.id, Running())
    with site.dispatcher() as prefect:
        paused = prefect.batches.pause(batch.id.upper())
        assert paused.batch.state == BatchState.PAUSED
        assert {status: count for status, count in paused.jobs.items() if count} == {
            JobStatus.PAUSED: 5,
            JobStatus.RUNNING: 1,
        }
        site.feed()
        assert len(site.runs()) == 6
        site.server.set_state(running.id, Completed())
        resumed = prefect.batches.resume(batch.id)
    assert (resumed.batch.state, resumed.jobs[JobStatus.PENDING], resumed.to_come) == (BatchState.RUNNING, 5, 3)
    _drive(site, batch)
    assert site.videos() == Counter(ids)


def test_a_cancelled_batch_is_over_at_once(site: Site) -> None:
    _add(9)
    other, batch = site.submit("path ~ nothing*"), site.submit()
    site.feed()
    running, done = site.runs(waiting=True)[:2]
    site.server.set_state(running.id, Running())
    site.server.set_state(done.id, Completed())
    with site.dispatcher() as prefect:
        cancelled = prefect.batches.cancel(batch.id)
        assert {status: count for status, count in cancelled.jobs.items() if count} == {
            JobStatus.CANCELLED: 4,
            JobStatus.RUNNING: 1,  # its worker stops it
            JobStatus.COMPLETED: 1,
        }
        assert site.server.runs[running.id].state_name == "Cancelling"
        assert (cancelled.to_come, cancelled.batch.ended_at is not None) == (0, True)
        site.feed()
        assert len(site.runs()) == 6
        for change in (prefect.batches.pause, prefect.batches.resume):
            with refused(WrongStatus, status=BatchState.CANCELLED):
                change(batch.id)
        site.feed()
        with refused(WrongStatus, status=BatchState.FINISHED):
            prefect.batches.cancel(other.id)
        with refused(UnknownName, name="nobody"):
            prefect.batches.status("nobody")


def test_how_a_batch_is_doing(site: Site) -> None:
    _add(30)
    batch = site.submit()
    with session() as opened:  # by the clock of the site in memory
        opened.merge(batch).created_at = _START
    with site.dispatcher() as prefect:
        assert prefect.batches.status(batch.id).seconds_left is None
        site.feed()
        site.work(1, Failed())
        site.clock.sleep(100)
        site.work(4)
        status = prefect.batches.status(batch.id)
        assert {name: count for name, count in status.jobs.items() if count} == {
            JobStatus.PENDING: 1,
            JobStatus.COMPLETED: 4,
            JobStatus.FAILED: 1,
        }
        assert status.to_come == 24
        assert status.seconds_left == pytest.approx(25 * 100 / 5)
        (listed,) = prefect.batches.all()
        assert (listed.batch.id, listed.jobs) == (batch.id, status.jobs)


def test_a_batch_is_not_finished_while_a_failed_job_may_be_tried_again(site: Site) -> None:
    _add(2)
    batch = site.submit()
    site.feed()
    first, second = site.runs()
    for run in (first, second):
        site.server.set_state(run.id, Failed())
    site.feed()
    assert _stored(batch).state == BatchState.RUNNING
    site.server.set_state(first.id, AwaitingRetry(scheduled_time=_START + timedelta(minutes=2)))
    site.clock.sleep(60)
    site.feed()
    assert _stored(batch).state == BatchState.RUNNING
    site.server.set_state(first.id, Completed())
    site.feed()
    assert (_stored(batch).state, _stored(batch).ended_at) == (BatchState.FINISHED, site.clock.now())


def test_a_job_that_was_failing_when_its_batch_was_cancelled_does_not_come_back(site: Site) -> None:
    _add(2)
    batch = site.submit()
    site.feed()
    first, second = site.runs()
    for run in (first, second):
        site.server.set_state(run.id, Failed())
    with site.dispatcher() as prefect:
        prefect.batches.cancel(batch.id)
    site.clock.sleep(9)
    site.server.set_state(first.id, AwaitingRetry(scheduled_time=site.clock.now() + timedelta(minutes=2)))
    site.feed()
    assert [site.server.runs[run.id].state_name for run in (first, second)] == ["Cancelled", "Failed"]
    site.clock.sleep(60)
    with site.dispatcher() as prefect:
        prefect.jobs.retry(second.id)  # by a person, once it is over
    site.feed()
    assert site.server.runs[second.id].state_name == "AwaitingRetry"


def test_the_same_batch_is_not_made_twice_at_a_time_unless_forced(site: Site) -> None:
    _add(3)
    first = site.submit()
    with refused(AlreadyThere, name=first.id):
        site.submit(priority=1)
    with site.dispatcher() as prefect:
        prefect.batches.submit("thumbnail_generate", "thumbnail is missing", {"width": 64}, {}, Actor("ann@node"))
    site.submit("invalid")
    forced = site.submit(force=True)
    for batch in (first, forced):
        _drive(site, batch)
    assert site.submit().matched == 3


def test_a_batch_that_the_server_fails_over_stops_no_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, bad = _add(4), site.submit("thumbnail is missing and path ~ inbox*")
    odd, good = site.submit("invalid"), site.submit()
    with session() as opened:
        opened.merge(odd).options = {"colour": "red"}  # by a newer version
    respond = site.server.respond

    def trouble(request: httpx.Request) -> httpx.Response:
        if bad.tag.encode() in request.content:
            return httpx.Response(500, json={"detail": "trouble"}, request=request)
        return respond(request)

    monkeypatch.setattr(site.server, "respond", trouble)
    with refused(PlatformError):
        site.feed()
    assert site.videos() == Counter(ids)
    assert [_stored(batch).submitted for batch in (bad, odd, good)] == [0, 0, 4]
    assert [_stored(batch).state for batch in (bad, odd)] == [BatchState.RUNNING, BatchState.PAUSED]
    assert "does not know the option 'colour'" in str(_stored(odd).reason)


def test_the_speed_of_a_batch() -> None:
    assert seconds_left(100, 4, timedelta(minutes=15)) is None
    assert seconds_left(100, 10, timedelta(seconds=60)) == 600


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"video_id": {"type": "string"}}, "video_id"),
        ({"film": {"type": "string", "x-video": True}, "video_id": {"type": "string"}}, "film"),
        ({"video_ids": {"type": "array", "items": {"x-video": True}}}, None),
        ({"a": {"anyOf": [{"type": "string", "x-video": True}, {"type": "null"}]}}, "a"),
        ({"a": {"anyOf": [{"type": "array", "items": {"x-video": True}}, {"type": "null"}]}}, None),
        ({"a": {"x-video": True}, "b": {"x-video": True}}, None),
        ({"width": {"type": "integer"}}, None),
    ],
)
def test_which_parameter_takes_the_video(properties: dict[str, Any], name: str | None) -> None:
    if name is not None:
        assert video_parameter("x", {"properties": properties}) == name
        return
    with refused(WrongParameter, parameter="job_type", value="x"):
        video_parameter("x", {"properties": properties})


def test_ids_are_short_and_sayable(site: Site) -> None:
    batches = [site.submit(f"path ~ {number}*") for number in range(20)]
    assert len({batch.id for batch in batches}) == 20
    for batch in batches:
        assert re.fullmatch("([bdfgklmnprstvz][aeiou]){3}", batch.id)


class _Counting:
    """Takes the place of submission and server where only numbers matter: everything handed in waits a while."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.pages = self.waiting = self.most = 0

    def submit_many(self, _type: str, parameters: list[dict[str, str]], _options: object, tag: str) -> SubmittedRuns:
        before = len(self.seen)
        self.seen |= {one["video_id"] for one in parameters}
        assert len(self.seen) == before + len(parameters), "a video came twice"
        self.pages, self.waiting = self.pages + 1, self.waiting + len(parameters)
        self.most = max(self.most, self.waiting)
        run = FlowRun(flow_id=uuid.uuid4(), tags=[tag])
        return SubmittedRuns([run] * len(parameters), set())

    def count(self, job_filter: JobFilter) -> int:
        return self.waiting if job_filter.ended_since is None else 0


def test_a_hundred_thousand_videos_are_a_hundred_pages(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_feeder, "PAGE", 1000)
    monkeypatch.setenv("REELMILL_BATCH_WAITING", "3000")
    get_settings.cache_clear()
    with get_engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO catalogue.video (id, title, path, directory_type, filename, size, mtime_ns, is_valid, "
                "created_at, updated_at) SELECT gen_random_uuid(), 't', 'inbox/' || n, 'inbox', 'f', 1, 1, true, "
                "now(), now() FROM generate_series(1, 100000) AS n"
            )
        )
        connection.execute(text("ANALYZE catalogue.video"))
    batch = site.submit()
    fake: Any = _Counting()
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(get_engine(), "before_cursor_execute", count)
    try:
        while _stored(batch).state == BatchState.RUNNING:
            BatchFeeder(fake, fake, site.clock).feed()
            fake.waiting = max(0, fake.waiting - 2000)
    finally:
        event.remove(get_engine(), "before_cursor_execute", count)
    assert (_stored(batch).submitted, len(fake.seen)) == (100_000, 100_000)
    assert fake.most <= 3000
    assert fake.pages <= 110
    assert statements <= 8 * fake.pages


def test_the_usual_batches_go_by_an_index(catalogue: str) -> None:
    with get_engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO catalogue.video (id, title, path, directory_type, filename, size, mtime_ns, is_valid, "
                "thumbnail_path, created_at, updated_at) SELECT gen_random_uuid(), 't', 'inbox/' || n, "
                "'type' || n % 10, 'f', 1, 1, true, CASE WHEN n % 20 > 0 THEN 'x' END, now(), now() "
                "FROM generate_series(1, 20000) AS n"
            )
        )
        connection.execute(text("ANALYZE catalogue.video"))
    condition = clause(usable(parse_filter("thumbnail is missing and directory_type = type0")))
    wanted = select(Video.id).where(condition, col(Video.id) > uuid.uuid4()).order_by(col(Video.id)).limit(100)
    compiled = wanted.compile(get_engine(), compile_kwargs={"literal_binds": True})
    with get_engine().connect() as connection:
        plan = json.dumps(connection.execute(text(f"EXPLAIN (FORMAT JSON) {compiled}")).scalar_one())
    assert "video_without_thumbnail" in plan
    assert "Seq Scan" not in plan


def test_a_feeder_that_was_stopped_for_long_gives_its_batch_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, batch = _add(4), site.submit()
    monkeypatch.setattr(batches, "HOLD", "100ms")
    respond = site.server.respond

    def stopped(request: httpx.Request) -> httpx.Response:
        time.sleep(0.2)
        return respond(request)

    monkeypatch.setattr(site.server, "respond", stopped)
    with pytest.raises(PlatformError):
        site.feed()
    assert _stored(batch).submitted == 0
    monkeypatch.setattr(batches, "HOLD", "60s")
    monkeypatch.setattr(site.server, "respond", respond)
    _drive(site, batch)
    assert site.videos() == Counter(ids)
