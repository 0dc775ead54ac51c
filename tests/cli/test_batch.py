"""``reelmill jobs submit --where`` and ``reelmill batch`` as a person and a program use them, on a site in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from prefect.states import Completed

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning
from reelmill.errors import FilterError, UserError
from reelmill.queue.job import JobStatus
from tests.cli.queue_in_memory import Shell, shell

_SUBMIT = ("jobs", "submit", "validate", "--where", "directory_type = inbox", "-p", "depth=quick")


@pytest.fixture
def reelmill(catalogue: str) -> Iterator[Shell]:
    with session() as opened:
        scanning.upsert_videos(
            opened,
            [
                Video(
                    title=f"{number}", path=f"inbox/{number}.mp4", filename=f"{number}.mp4", directory_type="inbox",
                    size=1, mtime_ns=1,
                )
                for number in range(7)
            ],
        )  # fmt: skip
    with shell() as opened_shell:
        yield opened_shell


def test_a_dry_run_counts_and_hands_in_nothing(reelmill: Shell) -> None:
    shown = reelmill(*_SUBMIT, "--dry-run").stderr
    assert "validate for 7 video(s): directory_type = inbox and not missing and not invalid" in shown
    assert len(re.findall(r"^  inbox/\d\.mp4$", shown, re.MULTILINE)) == 5
    assert "and 2 more" in shown
    preview = reelmill.json(*_SUBMIT, "--dry-run")["preview"]
    assert (preview["matched"], preview["already"], len(preview["examples"])) == (7, None, 5)
    assert reelmill.json("batch", "list")["batches"] == []


def test_it_asks_first(reelmill: Shell) -> None:
    assert "Hand in 7 job(s) as one batch?" in reelmill(*_SUBMIT, code=130, stdin="n\n").stderr
    assert reelmill.json("batch", "list")["batches"] == []
    reelmill(*_SUBMIT, stdin="y\n")
    assert len(reelmill.json("batch", "list")["batches"]) == 1


def test_nothing_that_matches_is_nothing_to_ask(reelmill: Shell) -> None:
    nothing = reelmill.json("jobs", "submit", "validate", "--where", "tag = beach")
    assert (nothing["preview"]["matched"], "batch" in nothing) == (0, False)


def test_a_batch_is_seen_paused_and_cancelled(reelmill: Shell) -> None:
    made = reelmill.json(*_SUBMIT, "--yes", "--priority", "high")["batch"]
    assert made["created_by"].count("@") == 1
    reelmill.prefect.batches.feed()
    jobs = reelmill.prefect.jobs.search().jobs
    assert {(job.lane, job.parameters["depth"], job.name) for job in jobs} == {
        ("batch-high", "quick", f"validate {number}.mp4") for number in range(7)
    }
    reelmill.client.set_flow_run_state(jobs[0].id, Completed(), force=True)
    status = reelmill.json("batch", "status", made["id"])
    assert (status["state"], status["jobs"]["pending"], status["jobs"]["completed"]) == ("running", 6, 1)
    assert f"batch       {made['id']}" in reelmill("batch", "status", made["id"]).stdout
    assert made["id"] in reelmill("batch", "list").stdout
    assert reelmill.json("batch", "pause", made["id"])["jobs"]["paused"] == 6
    assert reelmill.json("batch", "resume", made["id"])["jobs"]["pending"] == 6
    asked = reelmill("batch", "cancel", made["id"], code=130, stdin="n\n").stderr
    assert "Cancel 6 job(s), and 0 video(s) that are to come?" in asked
    assert reelmill.json("batch", "cancel", made["id"], "--yes")["state"] == "cancelled"
    assert {job.status for job in reelmill.prefect.jobs.search().jobs} == {JobStatus.CANCELLED, JobStatus.COMPLETED}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("validate", "--where", "sise > 3"), FilterError, "did you mean size"),
        (("validate", "a", "--where", "invalid"), UserError, "Name videos, or choose them"),
        (("validate", "a", "--dry-run"), UserError, "which --dry-run goes with"),
        (("scan", "--where", "invalid"), UserError, "job types that take one video"),
        (("validate", "--where", "invalid", "-p", "video_id=a"), UserError, "leave it out"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(
    reelmill: Shell, arguments: tuple[str, ...], error: type[UserError], words: str
) -> None:
    raised = reelmill("jobs", "submit", *arguments, code=1).exception
    assert isinstance(raised, error)
    assert words in str(raised)
