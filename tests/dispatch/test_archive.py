"""Old jobs leave the server: none is lost, none is counted twice, and what must stay does; whatever is killed."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, insert, select, text, update

from reelmill.catalogue import advisory_lock, archived_runs
from reelmill.catalogue.embedded import EmbeddedPostgres
from reelmill.catalogue.engine import get_engine, migrate, session
from reelmill.catalogue.models import ArchivedJobs, ArchivedRun, Batch, BatchState, batch_tag
from reelmill.dispatch.runs.job_log import LogLine
from reelmill.dispatch.services import archive as archive_module
from reelmill.dispatch.services.archive import Archive, ArchivedPortion
from reelmill.dispatch.tables import job_statistics, run_records
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.prefect_tables import METADATA, STATE_TYPES, artifact, flow, flow_run, flow_run_state, log
from reelmill.dispatch.tables.read_only import read_only
from reelmill.dispatch.totals.tally import JobTally
from reelmill.errors import PlatformError, UserError
from reelmill.queue.encode_labels import ENGINE
from reelmill.queue.job import JobStatus
from reelmill.queue.job_chain import JOB_LABEL, REPLACED
from reelmill.queue.result_key import RESULT_DATA, result_key
from reelmill.queue.retry_policy import DEAD_LETTER, RETRIES_LABEL
from reelmill.settings import get_settings
from reelmill.storage import line_file
from tests.dispatch.run_server import Killed, TableServer, archiving
from tests.refusals import refused

_OLD = timedelta(days=90)
_AGE = timedelta(days=100)


@pytest.fixture(scope="module")
def beside_prefect(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database with a catalogue and Prefect's tables, as a site has it; its URL."""
    name = f"archive_{uuid.uuid4().hex[:8]}"
    server = create_engine(postgres.url(), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    url = postgres.url().replace("/reelmill?", f"/{name}?")
    engine = create_engine(url)
    migrate(engine)
    with engine.begin() as connection:
        names = ", ".join(f"'{state}'" for state in STATE_TYPES)
        connection.execute(text(f"CREATE TYPE state_type AS ENUM ({names})"))
        METADATA.create_all(connection)
        connection.execute(insert(flow).values(id=uuid.uuid4(), name="validate"))
    engine.dispose()
    yield url.replace("+psycopg", "")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def database(beside_prefect: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """That database without a job."""
    monkeypatch.setenv("REELMILL_DATABASE_URL", beside_prefect)
    monkeypatch.setattr(advisory_lock, "GRACE_SECONDS", 0.0)
    get_settings.cache_clear()
    with get_engine().begin() as connection:
        connection.execute(text("TRUNCATE flow_run, flow_run_state, log, artifact"))
        connection.execute(text("TRUNCATE catalogue.archived_jobs, catalogue.archived_run, catalogue.batch"))
        connection.execute(text("TRUNCATE catalogue.metric_total, catalogue.tallied_ending"))
    yield
    get_engine().dispose()


@pytest.fixture
def server(database: None) -> TableServer:
    """Whoever removes runs."""
    return TableServer()


@pytest.fixture
def archive(server: TableServer) -> Iterator[Archive]:
    """The archive of that database."""
    with archiving(server) as prefect:
        yield prefect.archive


def _tally() -> JobTally:
    """What a scrape counts by."""
    return JobTally(JobReader(dict))


def _counted() -> dict[str, float]:
    """What a scrape would find that have ended, by their status."""
    totals = _tally().update()
    return {labels[1]: value for (name, labels), value in totals.items() if name == "media_jobs_total"}


def _run(kind: str = "COMPLETED", age: timedelta = _AGE, **columns: Any) -> uuid.UUID:
    """Write a run that ended that long ago."""
    run_id, ended = uuid.uuid4(), datetime.now(UTC) - age
    state = {"id": uuid.uuid4(), "type": kind, "name": columns.get("state_name", kind.capitalize())}
    with get_engine().begin() as connection:
        values = {
            "id": run_id,
            "created": ended,
            "updated": ended,
            "name": "generated",
            "flow_id": connection.scalar(select(flow.c.id)),
            "state_id": state["id"],
            "state_type": kind,
            "state_name": state["name"],
            "run_count": 1,
            "expected_start_time": ended,
            "start_time": ended - timedelta(seconds=60),
            "end_time": ended,
            "total_run_time": timedelta(seconds=60),
            "parameters": {"video_id": "v"},
            "tags": [],
            "labels": {},
            "job_variables": {},
            **columns,
        }
        connection.execute(insert(flow_run).values(values))
        connection.execute(insert(flow_run_state).values(flow_run_id=run_id, timestamp=ended, message="why", **state))
    return run_id


def _left() -> set[uuid.UUID]:
    with get_engine().connect() as connection:
        return set(connection.scalars(select(flow_run.c.id)))


def _files(ending: str = "") -> list[Path]:
    return sorted(get_settings().archive_dir.glob(f"*{ending}"))


def _lines(*paths: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in paths or _files(line_file.SUFFIX)
        for line in gzip.open(path, "rt", encoding="utf-8")
    ]


def _filed() -> list[uuid.UUID]:
    return [uuid.UUID(line["run"]) for line in _lines()]


def _totals() -> tuple[dict[JobStatus, int], int]:
    with read_only() as connection:
        found = job_statistics.statistics(connection, 7, datetime.now(UTC))
    return dict(found.by_status), found.dead_letters


def _claimed() -> int:
    with session() as opened:
        return opened.connection().scalar(select(func.count()).select_from(ArchivedRun)) or 0


def test_old_jobs_go_into_a_file_with_all_that_was_known_of_them(archive: Archive) -> None:
    labels = {RETRIES_LABEL: 2, ENGINE: "nvenc"}
    encoded = _run(labels=labels, tags=["gpu"])
    failed, young = _run("FAILED"), _run(age=timedelta(days=89))
    now = datetime.now(UTC)
    with get_engine().begin() as connection:
        for data in ({"old": 1}, {"seconds": 3}):
            of_run = {"id": uuid.uuid4(), "flow_run_id": encoded, "updated": datetime.now(UTC), "data": data}
            connection.execute(insert(artifact).values(type=RESULT_DATA, **of_run))
        key = {"key": result_key(encoded), "type": "markdown", "data": "done ![x](data:image/png;base64,AA)"}
        connection.execute(insert(artifact).values(id=uuid.uuid4(), updated=now, **key))
        for second, message in ((2, "last\nof two"), (1, "first, é")):
            at = now + timedelta(seconds=second)
            logged = {"flow_run_id": encoded, "level": 20, "message": message, "timestamp": at}
            connection.execute(insert(log).values(id=uuid.uuid4(), **logged))
    before, portions = _totals(), list[ArchivedPortion]()
    assert archive.write(_OLD, on_portion=portions.append) == 2
    assert (_left(), _totals(), _claimed()) == ({young}, before, 0)
    (path,) = _files()
    assert (path.name, portions) == (f"{now:%Y-%m-%d}.0001.jsonl.gz", [ArchivedPortion(path, 2)])
    assert path.stat().st_mode & 0o077 == 0
    found = {line["run"]: line for line in _lines()}
    assert set(found) == {str(encoded), str(failed)}
    line = found[str(encoded)]
    assert (line["id"], line["type"], line["status"], line["seconds"]) == (str(encoded), "validate", "completed", 60.0)
    assert (line["parameters"], line["labels"], line["tags"]) == ({"video_id": "v"}, labels, ["gpu"])
    assert (line["result"], line["result_card"].strip(), line["log_cut"]) == ({"seconds": 3}, "done", False)
    assert line["log"].index("first, é") < line["log"].index("last\nof two")
    assert [state["message"] for state in line["states"]] == ["why"]
    assert datetime.fromisoformat(line["ended"]) < now - _OLD
    with session() as opened:
        kept = {(row.status, row.engine): row for row in opened.connection().execute(select(ArchivedJobs.__table__))}  # type: ignore[attr-defined]
    assert kept.keys() == {("completed", "nvenc"), ("failed", "")}
    assert (kept["completed", "nvenc"].retries, kept["completed", "nvenc"].seconds) == (2, 60.0)


@pytest.mark.parametrize(
    "step", ["claim", "before the file", "within the file", "the file", "mark_written", "remove", "half", "settle"]
)
def test_whatever_is_killed_no_job_is_lost_and_none_is_counted_twice(
    step: str, archive: Archive, server: TableServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {_run(), _run("FAILED"), _run("FAILED", tags=[DEAD_LETTER]), _run("CANCELLED", state_name=REPLACED)}
    young, before = _run(age=timedelta(hours=1)), _totals()
    with monkeypatch.context() as patch:
        _die(step, server, patch)
        with pytest.raises(Killed):
            archive.write(_OLD, dead_letters=True)
    server.dies_after = None
    assert runs <= _left() | set(_filed())
    assert _totals() == before
    assert archive.write(_OLD, dead_letters=True) in (0, 3)  # jobs: the one that was replaced is none
    assert (_left(), _totals(), _claimed()) == ({young}, before, 0)
    assert sorted(_filed()) == sorted(runs)
    assert _files(line_file.PARTIAL) == []
    assert archive.write(_OLD, dead_letters=True) == 0
    assert _totals() == before
    assert _counted() == {"completed": 2, "failed": 2}  # nobody had scraped the site before


@pytest.mark.parametrize("scraped", [False, True])
def test_metrics_count_what_is_archived_once_whether_or_not_somebody_scraped_before(
    scraped: bool, archive: Archive
) -> None:
    _run(), _run("FAILED", labels={RETRIES_LABEL: 2})
    if scraped:
        assert _counted() == {"completed": 1, "failed": 1}
    assert archive.write(_OLD) == 2
    assert _left() == set()
    for _ in range(2):
        assert _counted() == {"completed": 1, "failed": 1}
    assert _tally().update()["media_job_duration_seconds_sum", ("validate",)] == 120
    assert _tally().update()["media_job_retries_total", ("validate",)] == 2


def _die(step: str, server: TableServer, patch: pytest.MonkeyPatch) -> None:
    """Be killed after a step; within a transaction, which is then undone."""
    write = line_file.write

    def of_file(path: Path, lines: Any) -> None:
        if step == "within the file":
            path.parent.mkdir(parents=True)
            path.with_name(path.name + line_file.PARTIAL).write_bytes(b"\x1f\x8b")
        if step == "the file":
            write(path, lines)
        raise Killed

    def after(name: str) -> None:
        real = getattr(archived_runs, name)

        def killed(*arguments: Any) -> None:
            real(*arguments)
            raise Killed

        patch.setattr(archived_runs, name, killed)

    if step in ("claim", "mark_written", "settle"):
        after(step)
    elif step in ("remove", "half"):
        server.dies_after = 0 if step == "remove" else 2
    else:
        patch.setattr(line_file, "write", of_file)


def test_what_must_stay_stays(archive: Archive) -> None:
    with session() as opened:
        for batch_id, state in (("goes", BatchState.PAUSED), ("done", BatchState.FINISHED)):
            batch = Batch(
                id=batch_id,
                state=state,
                job_type="validate",
                video_parameter="video_id",
                filter="",
                matched=1,
                created_by="ann",
            )
            opened.add(batch)
    stay = {
        _run(age=timedelta(days=89)),
        _run("FAILED", tags=[DEAD_LETTER]),
        _run("CRASHED", tags=["cpu", DEAD_LETTER]),
        _run(tags=[batch_tag("goes")]),
        *(_run(kind) for kind in ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")),
        _run("SCHEDULED", state_name="AwaitingRetry"),
    }
    go = {_run(tags=[batch_tag("done")]), _run(tags=[DEAD_LETTER]), _run("CANCELLED")}
    assert archive.count(_OLD) == {JobStatus.COMPLETED: 2, JobStatus.CANCELLED: 1}
    assert archive.count(_OLD, dead_letters=True)[JobStatus.FAILED] == 2
    assert (_left(), _files()) == (stay | go, [])  # counting changes nothing
    archive.write(_OLD)
    assert _left() == stay
    assert set(_filed()) == go


def test_runs_of_a_job_stay_while_another_run_of_it_is_not_old(archive: Archive) -> None:
    first = _run("CANCELLED", state_name=REPLACED)
    waits = _run("PAUSED", labels={JOB_LABEL: str(first)})
    runs = _run("RUNNING")
    late = _run("CANCELLED", labels={JOB_LABEL: str(runs)})
    over = _run("CANCELLED", state_name=REPLACED)
    whole = {over, _run(labels={JOB_LABEL: str(over)}), _run(labels={JOB_LABEL: "no id"})}
    assert archive.write(_OLD) == 2
    assert _left() == {first, waits, runs, late}
    assert {line["id"] for line in _lines() if line["run"] != line["id"]} == {str(over)}
    assert set(_filed()) == whole


@pytest.mark.parametrize("when", ["claimed", "written"])
def test_a_job_that_is_tried_again_meanwhile_stays(
    when: str, archive: Archive, server: TableServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, again, other, before = _run("FAILED"), _run("FAILED"), _run(), _totals()

    def revive() -> None:
        with get_engine().begin() as connection:
            values = {"state_type": "SCHEDULED", "state_name": "AwaitingRetry", "end_time": None}
            connection.execute(update(flow_run).where(flow_run.c.id == waits).values(values))
            connection.execute(update(flow_run).where(flow_run.c.id == again).values(end_time=datetime.now(UTC)))

    write, remove = line_file.write, server.remove

    def write_late(path: Path, lines: Any) -> None:
        revive()
        write(path, lines)

    def remove_late(ended: Mapping[uuid.UUID, datetime]) -> None:
        assert set(ended) == {waits, again, other}
        revive()
        remove(ended)

    if when == "claimed":
        monkeypatch.setattr(line_file, "write", write_late)
    else:
        monkeypatch.setattr(server, "remove", remove_late)
    assert archive.write(_OLD) == 1
    assert (_left(), _claimed()) == ({waits, again}, 0)
    failed, completed = before[0][JobStatus.FAILED], before[0][JobStatus.COMPLETED]
    now = _totals()[0]
    assert (now[JobStatus.FAILED], now[JobStatus.PENDING], now[JobStatus.COMPLETED]) == (failed - 1, 1, completed)


def test_what_the_server_does_not_remove_is_tried_again(archive: Archive, server: TableServer) -> None:
    runs, before = {_run(), _run()}, _totals()
    server.idle = True
    assert archive.write(_OLD) == 0
    assert (_left(), _totals()) == (runs, before)
    server.idle = False
    assert archive.write(_OLD) == 2
    assert (_left(), _totals(), sorted(_filed())) == (set(), before, sorted(runs))


def test_portions_are_files_and_so_many_at_most(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "PORTION", 2)
    oldest = _run(age=2 * _AGE)
    runs = {oldest, *(_run() for _ in range(4))}
    assert archive.write(_OLD, portions=1) == 2
    assert oldest not in _left()
    assert archive.write(_OLD) == 3
    assert [len(_lines(path)) for path in _files()] == [2, 2, 1]
    assert (_left(), sorted(_filed())) == (set(), sorted(runs))


def test_one_process_of_a_site_archives_at_a_time_and_nothing_young(archive: Archive) -> None:
    run = _run()
    lock = advisory_lock.try_acquire("archive of jobs")
    assert lock is not None
    with refused(UserError):
        archive.write(_OLD)
    lock.release()
    for age in (timedelta(hours=23), timedelta(days=999_999)):
        with refused(UserError):
            archive.write(age)
    assert _left() == {run}


def test_a_disk_that_refuses_costs_no_job(archive: Archive) -> None:
    run, before = _run(), _totals()
    get_settings().data_dir.mkdir(parents=True)
    get_settings().archive_dir.write_text("a file in the way")
    with refused(PlatformError):
        archive.write(_OLD)
    assert (_left(), _totals()) == ({run}, before)
    get_settings().archive_dir.unlink()
    assert archive.write(_OLD) == 1


def test_of_a_long_log_its_end_is_kept() -> None:
    lines = [LogLine(datetime.now(UTC), "INFO", f"{number} " + "x" * 50_000, uuid.uuid4()) for number in range(40)]
    kept = run_records.log_record(lines)
    assert (len(kept["log"]), kept["log_cut"]) == (run_records.MOST_OF_A_LOG, True)
    assert kept["log"].endswith("x" * 50_000)
    assert "39 x" in kept["log"]
    assert run_records.log_record(lines[:3])["log_cut"] is False
