"""Jobs that options choose: counted first, then done to all of them, on a site in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed, Running

from reelmill.cli.exit_codes import ExitCode
from reelmill.errors import UserError
from reelmill.queue.job import Job, JobStatus
from tests.cli.queue_in_memory import Shell, shell


@pytest.fixture
def reelmill() -> Iterator[Shell]:
    with shell() as opened:
        yield opened


def _submit(reelmill: Shell, *states: State | None) -> list[Job]:
    """A job for each of these states; None: it waits."""
    jobs = [reelmill.prefect.jobs.submit("validate", {"video_id": str(number)}) for number in range(len(states))]
    for job, state in zip(jobs, states, strict=True):
        if state is not None:
            reelmill.client.set_flow_run_state(job.id, state, force=True)
    return jobs


def _statuses(reelmill: Shell, jobs: list[Job]) -> list[str]:
    return [str(reelmill.prefect.jobs.read(job.id).status) for job in jobs]


@pytest.mark.parametrize(
    ("command", "counted", "after"),
    [
        (["pause"], "Pause 3 job(s)? 3 are chosen: 2 pending, 1 running", ["paused"] * 3),
        (["cancel"], "Cancel 3 job(s)? 3 are chosen: 2 pending, 1 running", ["cancelled", "cancelled", "running"]),
        (
            ["prioritize", "--priority", "1"],
            "Prioritise 2 job(s)? 2 are chosen: 2 pending",
            ["pending"] * 2 + ["running"],
        ),
    ],
)
def test_what_an_action_would_touch_is_counted_and_done_once_somebody_agrees(
    reelmill: Shell, command: list[str], counted: str, after: list[str]
) -> None:
    jobs, other = _submit(reelmill, None, None, Running()), reelmill.prefect.jobs.submit("scan", {})
    before = _statuses(reelmill, jobs)
    choice = ["jobs", *command, "--type", "validate"]
    for reply in ("n\n", ""):
        assert counted in reelmill(*choice, stdin=reply, code=ExitCode.INTERRUPTED).stderr
        assert _statuses(reelmill, jobs) == before
    asked = reelmill(*choice, "--reason", "a guest", stdin="y\n")
    assert counted in asked.stderr
    assert _statuses(reelmill, jobs) == after
    assert reelmill.prefect.jobs.read(other.id).status is JobStatus.PENDING
    entry, *of_jobs = reelmill.prefect.audit.entries(size=200).entries
    touched = sum(before != now for before, now in zip(before, after, strict=True)) or 2
    done = [one for one in of_jobs if one.reason == "a guest"]
    assert entry.action.startswith("bulk.")
    assert (entry.details["done"], entry.origin, entry.reason) == (len(done), "cli", "a guest")
    assert len(done) >= touched


def test_programs_read_how_many_and_are_asked_nothing(reelmill: Shell) -> None:
    jobs = _submit(reelmill, None, None, Running(), Completed())
    choice = ["--type", "validate", "--yes"]
    plain = {"refused": 0, "reasons": []}
    assert reelmill.json("jobs", "pause", *choice) == {"chosen": 3, "done": 3, **plain}
    assert _statuses(reelmill, jobs) == ["paused", "paused", "paused", "completed"]
    assert reelmill.json("jobs", "prioritize", "--queue", "live", *choice) == {"chosen": 3, "done": 3, **plain}
    assert reelmill.json("jobs", "resume", *choice) == {"chosen": 3, "done": 3, **plain}
    assert _statuses(reelmill, jobs) == ["pending", "pending", "pending", "completed"]
    assert {reelmill.prefect.jobs.read(job.id).lane for job in jobs[:3]} == {"live-medium"}
    assert reelmill.json("jobs", "pause", *choice, "--status", "running") == {"chosen": 0, "done": 0, **plain}


def test_failed_and_cancelled_ones_are_sent_back(reelmill: Shell) -> None:
    jobs = _submit(reelmill, Failed(), Cancelled(), Completed(), Running())
    assert "1 failed, 1 cancelled" in reelmill("jobs", "retry", "--pool", "cpu", stdin="y\n").stderr
    assert _statuses(reelmill, jobs) == ["pending", "pending", "completed", "running"]
    assert reelmill.json("jobs", "retry", "--status", "failed", "--yes")["chosen"] == 0


def test_one_that_cannot_be_is_said_and_the_others_are_done(reelmill: Shell) -> None:
    jobs = _submit(reelmill, Failed(), Failed())
    gone = reelmill.client.read_flow_run(jobs[0].id).deployment_id
    other = reelmill.prefect.jobs.submit("scan", {})
    reelmill.client.set_flow_run_state(other.id, Failed(), force=True)
    assert gone is not None
    reelmill.client.delete_deployment(gone)
    result = reelmill.json("jobs", "retry", "--status", "failed", "--yes", code=ExitCode.FAILED)
    assert (result["chosen"], result["done"], result["refused"], len(result["reasons"])) == (3, 1, 2, 2)
    assert _statuses(reelmill, [*jobs, other]) == ["failed", "failed", "pending"]
    table = reelmill("jobs", "retry", "--status", "failed", "--yes", code=ExitCode.FAILED)
    assert table.stdout == "0 sent back, 2 refused\n"
    assert all(str(job.id) in table.stderr for job in jobs)


@pytest.mark.parametrize(
    "wrong",
    [
        ["pause"],
        ["pause", "--status", "completed"],
        ["resume", "a", "--type", "validate"],
        ["retry", "--status", "running"],
        ["retry", "--dead", "--type", "validate"],
        ["prioritize", "--front", "--type", "validate"],
        ["prioritize", "--type", "validate"],
        ["clear", "--status", "pending"],
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(reelmill: Shell, wrong: list[str]) -> None:
    jobs = _submit(reelmill, None, Completed())
    assert isinstance(reelmill("jobs", *wrong, code=1).exception, UserError)
    assert _statuses(reelmill, jobs) == ["pending", "completed"]
