"""``reelmill audit``: who did what, as a person and a program read it, on a site in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prefect.states import Completed

from reelmill.dispatch.runs.control import this_user
from reelmill.errors import UserError
from tests.cli.queue_in_memory import Shell, shell


@pytest.fixture
def reelmill() -> Iterator[Shell]:
    with shell() as opened:
        yield opened


def _submit(reelmill: Shell, video: str = "a") -> uuid.UUID:
    return reelmill.prefect.jobs.submit("validate", {"video_id": video}).id


def _actions(reelmill: Shell, *arguments: str) -> list[str]:
    return [entry["action"] for entry in reelmill.json("audit", *arguments)["entries"]]


def test_who_did_what_to_whom_and_why_the_newest_first(reelmill: Shell) -> None:
    job, other = str(_submit(reelmill)), str(_submit(reelmill, "b"))
    reelmill("jobs", "pause", job, "--reason", "a guest")
    reelmill("jobs", "prioritize", job, "--priority", "2")
    reelmill("pool", "drain", "cpu")
    shown = reelmill.json("audit")
    assert [(entry["action"], entry["job_id"]) for entry in shown["entries"]] == [
        ("pool.drain", None),
        ("prioritise", job),
        ("pause", job),
        ("submit", other),
        ("submit", job),
    ]
    assert shown["total"] == 5
    pause = shown["entries"][2]
    assert (pause["actor"], pause["origin"], pause["reason"]) == (this_user().name, "cli", "a guest")
    assert shown["entries"][-1]["origin"] == "python"
    rows = reelmill("audit").stdout.splitlines()
    assert [row for row in rows if "a guest" in row and job in row and this_user().name in row]


def test_one_job_is_named_as_everywhere_and_by_its_whole_id_once_it_is_gone(reelmill: Shell) -> None:
    job, _ = _submit(reelmill), _submit(reelmill, "b")
    reelmill("jobs", "cancel", str(job)[:13])
    name = reelmill.prefect.jobs.read(job).name
    for called in (str(job), str(job)[:13], name):
        assert _actions(reelmill, "--job", called) == ["cancel", "submit"]
    reelmill("jobs", "clear", str(job), "--yes")
    assert _actions(reelmill, "--job", str(job)) == ["clear", "cancel", "submit"]
    assert isinstance(reelmill("audit", "--job", name, code=1).exception, UserError)


def test_so_many_at_most_over_all_pages_and_since_when(reelmill: Shell) -> None:
    ids = [_submit(reelmill, str(number)) for number in range(205)]
    result = reelmill("audit", "--limit", "2")
    assert result.stderr == "2 of 205; --limit shows more\n"
    listed = reelmill.json("audit", "--limit", "203")["entries"]
    assert [entry["job_id"] for entry in listed] == [str(job_id) for job_id in ids[:1:-1]]
    assert reelmill("audit", "--limit", "300").stderr == ""
    _make_older(reelmill, timedelta(hours=3), ids[:4])
    assert len(_actions(reelmill, "--since", "2h", "-n", "300")) == 201
    assert len(_actions(reelmill, "--since", "1d", "-n", "300")) == 205
    assert isinstance(reelmill("audit", "--since", "lately", code=1).exception, UserError)


def _make_older(reelmill: Shell, ago: timedelta, job_ids: list[uuid.UUID]) -> None:
    for job_id in job_ids:
        for entry in reelmill.prefect.audit.entries({job_id}).entries:
            entry.at = datetime.now(UTC) - ago


def test_what_a_worker_did_to_a_job_is_no_deed_of_anybody(reelmill: Shell) -> None:
    job = _submit(reelmill)
    reelmill.client.set_flow_run_state(job, Completed(), force=True)
    assert _actions(reelmill) == ["submit"]
