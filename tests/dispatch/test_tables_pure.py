"""Jobs read by SQL, as far as it is pure: timelines, cursors, what a filter chooses."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.dialects import postgresql

from reelmill.api.routes.job_views import retry_count
from reelmill.dispatch.runs.job_filter import JobFilter, request_body
from reelmill.dispatch.runs.reading import Progress, progress_of
from reelmill.dispatch.tables import contract, cursors, job_pages
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.prefect_tables import METADATA, STATE_TYPES
from reelmill.dispatch.tables.timeline import Phase, StateRow, timeline
from reelmill.errors import FailureClass, PlatformError, UserError
from reelmill.queue.job import job_view
from reelmill.queue.job_chain import replaced_message, takes_place_message
from reelmill.queue.progress_pace import ProgressPace, from_metadata, to_metadata
from reelmill.settings import get_settings
from tests.queue.facts import NOW, RUN
from tests.refusals import refused

_START = datetime(2026, 1, 1, tzinfo=UTC)
_RUN, _NEXT = uuid.UUID(int=1), uuid.UUID(int=2)


def _states(*states: tuple[int, str, str]) -> list[StateRow]:
    return [StateRow(_RUN, kind, name, _at(seconds)) for seconds, kind, name in states]


def _at(seconds: int) -> datetime:
    return _START + timedelta(seconds=seconds)


def _phases(*states: tuple[int, str, str], now: int = 1000) -> list[tuple[str, float, bool]]:
    segments = timeline(_states(*states), _START + timedelta(seconds=now))
    return [(segment.what, segment.seconds, segment.end is None) for segment in segments]


def test_a_timeline_names_what_a_job_did_and_for_how_long() -> None:
    assert _phases(
        (0, "SCHEDULED", "Scheduled"),
        (10, "PENDING", "Pending"),
        (12, "PENDING", "Submitting"),
        (13, "PENDING", "WaitingForVram"),
        (43, "PENDING", "Submitting"),
        (45, "RUNNING", "Running"),
        (65, "PAUSED", "Suspended"),
        (70, "SCHEDULED", "Scheduled"),
        (72, "RUNNING", "Running"),
        (100, "CRASHED", "Crashed"),
        (101, "SCHEDULED", "AwaitingRetry"),
        (221, "RUNNING", "Running"),
        (230, "CANCELLING", "Cancelling"),
        (231, "CANCELLED", "Cancelled"),
    ) == [
        (Phase.WAITING, 13, False),
        (Phase.VRAM_WAIT, 30, False),
        (Phase.WAITING, 2, False),
        (Phase.RUNNING, 20, False),
        (Phase.PAUSED, 5, False),
        (Phase.WAITING, 2, False),
        (Phase.RUNNING, 28, False),
        (Phase.RETRYING, 120, False),
        (Phase.RUNNING, 10, False),
    ]


def test_what_a_job_does_now_has_no_end_yet() -> None:
    assert _phases((0, "SCHEDULED", "Scheduled"), (990, "RUNNING", "Running")) == [
        (Phase.WAITING, 990, False),
        (Phase.RUNNING, 10, True),
    ]


def test_time_after_the_end_is_no_segment_even_where_the_job_is_sent_back() -> None:
    assert _phases(
        (0, "RUNNING", "Running"), (5, "FAILED", "Failed"), (900, "SCHEDULED", "AwaitingRetry"), (901, "FAILED", "x")
    ) == [(Phase.RUNNING, 5, False), (Phase.RETRYING, 1, False)]


def _moved(name: str) -> list[StateRow]:
    """The states of a job that is moved to another lane after twenty seconds."""
    return [
        StateRow(_RUN, "SCHEDULED", name, _at(0)),
        StateRow(_NEXT, "PAUSED", "Suspended", _at(19), takes_place_message(_RUN)),
        StateRow(_RUN, "CANCELLED", "Replaced", _at(20), replaced_message(_NEXT, "moved by ann")),
        StateRow(_NEXT, "SCHEDULED", name, _at(21)),
        StateRow(_NEXT, "RUNNING", "Running", _at(30)),
        StateRow(_NEXT, "COMPLETED", "Completed", _at(40)),
    ]


@pytest.mark.parametrize(
    ("name", "phase", "retries"), [("Scheduled", Phase.WAITING, 0), ("AwaitingRetry", Phase.RETRYING, 1)]
)
def test_a_change_of_lane_leaves_no_trace_in_a_timeline(name: str, phase: Phase, retries: int) -> None:
    segments = timeline(_moved(name), _at(50))
    assert [(each.what, each.seconds) for each in segments] == [(phase, 30), (Phase.RUNNING, 10)]
    assert retry_count(segments) == retries


def test_a_paused_job_stays_paused_over_a_change_of_lane() -> None:
    paused = [StateRow(_RUN, "PAUSED", "Suspended", _at(5), "Paused by ann"), *_moved("Scheduled")[1:3]]
    assert [(each.what, each.seconds, each.end) for each in timeline(paused, _at(50))] == [(Phase.PAUSED, 45, None)]


def test_a_change_of_lane_that_came_to_nothing_leaves_no_trace_in_a_timeline() -> None:
    states = [
        StateRow(_RUN, "SCHEDULED", "Scheduled", _at(0)),
        StateRow(_RUN, "RUNNING", "Running", _at(18)),
        StateRow(_NEXT, "PAUSED", "Suspended", _at(19), takes_place_message(_RUN)),
        StateRow(_NEXT, "CANCELLED", "Replaced", _at(20), replaced_message(_RUN, "it has started meanwhile")),
        StateRow(_RUN, "COMPLETED", "Completed", _at(40)),
    ]
    segments = timeline(states, _at(50))
    assert [(each.what, each.seconds) for each in segments] == [(Phase.WAITING, 18), (Phase.RUNNING, 22)]


def test_a_timeline_takes_states_in_any_order_and_none_at_all() -> None:
    states = _states((0, "SCHEDULED", "Scheduled"), (4, "RUNNING", "Running"), (6, "COMPLETED", "Completed"))
    assert timeline(states[::-1], _START) == timeline(states, _START)
    assert timeline([], _START) == []


def test_a_cursor_comes_back_as_it_was_and_only_for_its_own_reading() -> None:
    run_id = uuid.uuid4()
    cursor = cursors.encode("jobs", _START, run_id)
    assert cursors.place(cursors.decode("jobs", cursor, 2), cursor) == (_START, run_id)
    assert set(cursor) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    with refused(UserError):
        cursors.decode("log", cursor, 2)


@pytest.mark.parametrize(("found", "more"), [(0, False), (1, False), (2, False), (3, True)])
def test_a_page_that_is_just_full_is_the_last_unless_a_job_comes_after_it(found: int, more: bool) -> None:
    jobs = [job_view(replace(RUN, id=uuid.UUID(int=number)), NOW, 3) for number in range(found)]
    cursor = job_pages.cursor_after(jobs, 2)
    assert (cursor is not None) == more
    if cursor is not None:
        assert cursors.decode("jobs", cursor, 2)[1] == str(jobs[1].id)  # the last on the page, not the one after


@pytest.mark.parametrize("nonsense", ["", "x", "é", "jobs", cursors.encode("jobs", "yesterday", "you"), "AAAA"])
def test_what_is_no_cursor_is_refused(nonsense: str) -> None:
    with refused(UserError):
        cursors.place(cursors.decode("jobs", nonsense, 2), nonsense)


@pytest.mark.parametrize("text", ["1:2", "1:2:3; drop table", "a:b:", "-1:2:"])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    with refused(UserError):
        cursors.snapshot(text, "of it")


@pytest.mark.parametrize(
    "wanted", [{"failure_class": FailureClass.INPUT}, {"worker": "nas-cpu"}, {"video_id": uuid.uuid4()}]
)
def test_what_prefect_cannot_filter_is_refused_rather_than_left_out(wanted: dict[str, object]) -> None:
    with refused(UserError):
        request_body(JobFilter(**wanted), _START)  # type: ignore[arg-type]


def test_a_batch_is_chosen_by_its_tag() -> None:
    assert request_body(JobFilter(batch="b7", tag="cpu"), _START)["flow_runs"]["tags"] == {"all_": ["cpu", "batch:b7"]}


def test_pace_goes_through_the_metadata_of_a_progress_bar() -> None:
    pace = ProgressPace(speed=2.5, eta_seconds=90.0)
    assert from_metadata(to_metadata(pace)) == pace
    assert to_metadata(ProgressPace(speed=1.0)) == {"speed": "1.000"}
    assert from_metadata({"speed": "fast", "eta_seconds": "nan"}) == ProgressPace()
    assert progress_of(25, "decoding", to_metadata(pace)) == Progress(0.25, "decoding", 2.5, 90.0)
    assert progress_of(25.0, None, None) == Progress(0.25, "")
    assert progress_of("a table", None, None) is None


def _as_read() -> dict[tuple[str, str], str]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {
        (table.name, column.name): column.type.compile(dialect).lower()
        for table in METADATA.sorted_tables
        for column in table.columns
    }


def test_tables_as_they_are_read_breach_nothing() -> None:
    assert contract.compare(_as_read(), set(STATE_TYPES)) == []


def test_what_an_upgrade_of_prefect_changes_is_named() -> None:
    changed = _as_read()
    del changed["flow_run", "labels"], changed["flow", "id"], changed["flow", "name"]
    changed["flow_run", "run_count"] = "bigint"
    changed["log", "message"] = "character varying"  # which is read as text is
    changed["log", "something"] = "integer"  # nobody reads it
    found = contract.compare(changed, {*STATE_TYPES, "HALTED"} - {"PAUSED"})
    for named in ("table flow ", "flow_run has no column labels", "run_count is of type bigint", "PAUSED", "HALTED"):
        assert len([sentence for sentence in found if named in sentence]) == 1, (named, found)
    assert len(found) == 5


def test_a_database_without_prefects_tables_is_a_trouble_of_the_platform(catalogue: str) -> None:
    reader = JobReader(dict)
    with refused(PlatformError):
        reader.page()
    assert not reader.serves([uuid.uuid4()])


def test_where_no_site_is_no_database_is_started_to_look_into() -> None:
    reader = JobReader(dict)
    with refused(PlatformError):
        reader.counts()
    assert not reader.serves([uuid.uuid4()])
    assert not get_settings().data_dir.exists()
