"""``reelmill jobs`` as a person and a program use it, on a site in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime

import pytest
from prefect.client.schemas.actions import LogCreate
from prefect.states import Completed, Failed, Running

from reelmill.errors import UserError
from reelmill.queue.job import Job, JobStatus
from tests.cli.queue_in_memory import Shell, shell


@pytest.fixture
def reelmill() -> Iterator[Shell]:
    with shell() as opened:
        yield opened


def _submit(reelmill: Shell, *videos: str) -> list[Job]:
    return reelmill.prefect.jobs.submit_many("validate", [{"video_id": video} for video in videos or ("a",)])


def _fail(reelmill: Shell, job: Job) -> None:
    reelmill.client.set_flow_run_state(job.id, Failed(message="no luck"), force=True)
    reelmill.client.update_flow_run(job.id, tags=[*job.tags, "dead-letter"])


def test_a_job_for_each_video_with_what_was_typed(reelmill: Shell) -> None:
    options = ["-p", "crf=20", "-p", "vmaf=yes", "--priority", "high", "--queue", "live", "--vram", "7"]
    first, second = reelmill.json("jobs", "submit", "reencode", "a", "b", *options, "--max-retries", "1")["jobs"]
    assert [job["parameters"] for job in (first, second)] == [
        {"video_id": video, "crf": 20, "vmaf": True} for video in "ab"
    ]
    assert (first["lane"], first["priority"], first["pool"]) == ("live-high", 1, "gpu_encode")
    assert (first["vram_mb"], first["max_retries"], first["status"], first["over"]) == (7, 1, "pending", False)
    assert datetime.fromisoformat(first["created"]).utcoffset() is not None
    assert reelmill.json("jobs", "submit", "reencode", "a", *options[:4])["jobs"][0]["id"] == first["id"]
    (forced,) = reelmill.json("jobs", "submit", "reencode", "a", *options[:4], "--force")["jobs"]
    assert forced["id"] != first["id"]


def test_a_scenario_is_handed_in_by_its_own_options(reelmill: Shell) -> None:
    arguments = ["--scenario", "720p30-h264", "--duration", "1m", "--bitrate", "6M", "--engine", "ffmpeg"]
    (job,) = reelmill.json("jobs", "submit", "scenario", *arguments, "--priority", "9")["jobs"]
    assert job["parameters"] == {"name": "720p30-h264", "duration": 60.0, "bitrate": "6M", "engine": "ffmpeg"}
    assert job["lane"] == "batch-low"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], "dance"),
        (["scan", "a.mp4"], "scan takes no videos"),
        (["reencode", "a", "-p", "crf=99"], "from 0 to 51"),
        (["reencode", "a", "--priority", "11"], "11"),
        (["reencode", "a", "--priority", "urgent"], "'urgent'"),
        (["reencode", "a", "--priority", "3", "--queue", "live"], "either"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(reelmill: Shell, arguments: list[str], words: str) -> None:
    error = reelmill("jobs", "submit", *arguments, code=1).exception
    assert isinstance(error, UserError)
    assert words in str(error)


def test_a_list_is_chosen_and_counted(reelmill: Shell) -> None:
    one, two = _submit(reelmill, "a", "b")
    reelmill.client.set_flow_run_state(two.id, Running(), force=True)
    body = {"type": "progress", "data": 42.0, "description": "3.1x, 20 s left", "flow_run_id": str(two.id)}
    reelmill.client.request("POST", "/artifacts/", json=body)
    listed = reelmill.json("jobs", "list", "--limit", "1")
    assert (listed["total"], [job["id"] for job in listed["jobs"]]) == (2, [str(two.id)])
    assert listed["jobs"][0]["progress"] == {
        "fraction": 0.42,
        "text": "3.1x, 20 s left",
        "speed": None,
        "eta_seconds": None,
    }
    assert [job["id"] for job in reelmill.json("jobs", "list", "--status", "pending")["jobs"]] == [str(one.id)]
    assert reelmill.json("jobs", "list", "--type", "scan", "--status", "pending", "--pool", "cpu")["total"] == 0
    rows = reelmill("jobs", "list").stdout.splitlines()
    assert rows[0].split() == ["id", "job", "status", "lane", "since", "note"]
    assert "running 42%" in rows[1]
    short = rows[2].split()[0]
    assert str(one.id).startswith(short)
    assert reelmill.json("jobs", "status", short)["jobs"][0]["id"] == str(one.id)
    shown = reelmill("jobs", "status", short, str(two.id)).stdout
    assert "no worker online in the pool cpu" in shown
    assert "42% 3.1x, 20 s left" in shown


def test_named_jobs_are_steered_and_one_that_cannot_be_does_not_stop_the_others(reelmill: Shell) -> None:
    one, two = _submit(reelmill, "a", "b")
    nobody = str(uuid.uuid4())
    result = reelmill.json("jobs", "pause", str(one.id), nobody, str(two.id)[:20], code=1)
    assert [job["status"] for job in result["jobs"]] == ["paused", "paused"]
    assert [error["name"] for error in result["errors"]] == [nobody]
    assert [job["status"] for job in reelmill.json("jobs", "resume", str(one.id), str(two.id))["jobs"]] == [
        "pending"
    ] * 2
    for word in ("prioritize", "prioritise"):
        (moved,) = reelmill.json("jobs", word, str(one.id), "--priority", "high", "--queue", "live", code=0)["jobs"]
        assert moved["lane"] == "live-high"
        one = reelmill.prefect.jobs.read(uuid.UUID(moved["id"]))
    (front,) = reelmill.json("jobs", "prioritize", str(two.id), "--front")["jobs"]
    assert front["id"] == str(two.id)
    reelmill("jobs", "cancel", str(two.id))
    assert reelmill.json("jobs", "retry", str(two.id))["jobs"][0]["state"] == "AwaitingRetry"


def test_many_are_cancelled_once_somebody_has_agreed(reelmill: Shell) -> None:
    jobs = _submit(reelmill, *"abcde")
    reelmill.client.set_flow_run_state(jobs[0].id, Running(), force=True)
    other = reelmill.prefect.jobs.submit("scan", {})
    choice = ["jobs", "cancel", "--type", "validate", "--pool", "cpu"]
    assert "Cancel 5 job(s)?" in reelmill(*choice, stdin="n\n", code=130).stderr
    assert "--yes" in reelmill(*choice, code=130).stderr
    assert {reelmill.prefect.jobs.read(job.id).status for job in jobs[1:]} == {JobStatus.PENDING}
    assert reelmill.json(*choice, "--status", "pending", "--yes") == {"chosen": 4, "cancelled": 4}
    assert [reelmill.prefect.jobs.read(job.id).state for job in jobs] == ["Running", *["Cancelled"] * 4]
    assert reelmill.prefect.jobs.read(other.id).status is JobStatus.PENDING
    for wrong in ([], [str(other.id), "--pool", "cpu"], ["--status", "completed"]):
        assert isinstance(reelmill("jobs", "cancel", *wrong, code=1).exception, UserError)


def test_what_is_over_is_cleared_away(reelmill: Shell) -> None:
    done, failed, waiting = _submit(reelmill, *"abc")
    reelmill.client.set_flow_run_state(done.id, Completed(), force=True)
    _fail(reelmill, failed)
    assert f"{waiting.id} is pending" in reelmill("jobs", "clear", str(waiting.id), "--yes", code=1).stderr
    assert reelmill.json("jobs", "clear", "--older-than", "1h", "--yes") == {"chosen": 0, "cleared": 0}
    assert reelmill.json("jobs", "clear", "--status", "completed", "--yes") == {"chosen": 1, "cleared": 1}
    assert reelmill.json("jobs", "clear", str(failed.id), "--yes")["cleared"] == 1
    assert [job["id"] for job in reelmill.json("jobs", "list")["jobs"]] == [str(waiting.id)]


def test_one_that_cannot_be_cleared_does_not_stop_the_others(reelmill: Shell) -> None:
    done, waiting, failed = _submit(reelmill, *"abc")
    reelmill.client.set_flow_run_state(done.id, Completed(), force=True)
    _fail(reelmill, failed)
    nobody = str(uuid.uuid4())
    names = [str(done.id), nobody, str(waiting.id), str(failed.id), str(done.id)]
    result = reelmill.json("jobs", "clear", *names, "--yes", code=1)
    assert (result["chosen"], result["cleared"]) == (2, 2)
    assert [error["name"] for error in result["errors"]] == [nobody, str(waiting.id)]
    assert [job["id"] for job in reelmill.json("jobs", "list")["jobs"]] == [str(waiting.id)]


def test_followed_jobs_of_which_one_is_deleted_are_shown(reelmill: Shell) -> None:
    one, two = _submit(reelmill, "a", "b")
    reelmill.clock.steps = [
        lambda: reelmill.client.set_flow_run_state(one.id, Completed(), force=True),
        lambda: reelmill.prefect.bulk.clear([one.id]),
        lambda: reelmill.client.set_flow_run_state(two.id, Completed(), force=True),
    ]
    found = reelmill.json("jobs", "status", "--follow", str(one.id), str(two.id), code=1)
    assert [job["id"] for job in found["jobs"]] == [str(two.id)]
    assert [error["name"] for error in found["errors"]] == [str(one.id)]


@pytest.mark.parametrize("age", ["99999999d", f"{'9' * 5000}h", "9999999999999w", "", "-1d"])
def test_an_age_that_is_none_is_refused(reelmill: Shell, age: str) -> None:
    for command in (["list", "--since", age], ["clear", "--older-than", age, "--yes"]):
        assert isinstance(reelmill("jobs", *command, code=1).exception, UserError)


@pytest.mark.parametrize("priority", ["", "9" * 5000, "urgent", "-1", "1.5"])
def test_a_priority_that_is_none_is_refused(reelmill: Shell, priority: str) -> None:
    assert isinstance(reelmill("jobs", "submit", "scan", "--priority", priority, code=1).exception, UserError)


def test_names_are_shown_as_they_are(reelmill: Shell) -> None:
    reelmill("jobs", "submit", "validate", "a", "-p", "depth=full")
    (job,) = reelmill.prefect.jobs.search().jobs
    reelmill.client.update_flow_run(job.id, name="validate :cat: [x].mp4")
    assert "validate :cat: [x].mp4" in reelmill("jobs", "list").stdout
    error = reelmill("jobs", "status", ":dog:", code=1).stderr
    assert "':dog:'" in error


def test_a_name_longer_than_any_file_is_one_like_others(reelmill: Shell) -> None:
    (job,) = reelmill.json("jobs", "submit", "validate", "n" * 300)["jobs"]
    assert job["parameters"] == {"video_id": "n" * 300}


def test_dead_letters_are_listed_and_sent_back(reelmill: Shell) -> None:
    dead, _ = _submit(reelmill, "a", "b")
    _fail(reelmill, dead)
    assert reelmill.json("jobs", "stats")["dead_letters"] == 1
    assert "1 out of retries" in reelmill("jobs", "stats").stdout
    assert [job["id"] for job in reelmill.json("jobs", "dead")["jobs"]] == [str(dead.id)]
    asked = reelmill("jobs", "retry", "--dead", stdin="n\n", code=130)
    assert "Send 1 job(s) back" in asked.stderr
    assert [job["id"] for job in reelmill.json("jobs", "dead")["jobs"]] == [str(dead.id)]
    assert [job["id"] for job in reelmill.json("jobs", "retry", "--dead", "--yes")["jobs"]] == [str(dead.id)]
    assert reelmill.json("jobs", "dead")["jobs"] == []
    found = reelmill.json("jobs", "stats")
    assert (found["by_status"]["pending"], found["by_type"]["validate"]["by_status"]) == (2, {"pending": 2})


def test_dead_letters_that_cannot_be_sent_back_are_said(reelmill: Shell) -> None:
    (dead,) = _submit(reelmill, "a")
    _fail(reelmill, dead)
    gone = reelmill.client.read_flow_run(dead.id).deployment_id
    assert gone is not None
    reelmill.client.delete_deployment(gone)
    failed = reelmill("jobs", "retry", "--dead", "--yes", code=1)
    assert isinstance(failed.exception, UserError)
    assert str(dead.id) in str(failed.exception)


def test_a_log_is_followed_until_its_job_is_over(reelmill: Shell) -> None:
    (job,) = _submit(reelmill)

    def write(text: str) -> None:
        line = LogCreate(name="x", level=30, message=text, timestamp=reelmill.clock.tick(), flow_run_id=job.id)
        reelmill.client.create_logs([line])

    write("one")
    write("two")
    assert [line.split()[-1] for line in reelmill("jobs", "logs", str(job.id), "-n", "1").stdout.splitlines()] == [
        "two"
    ]
    reelmill.clock.steps = [
        lambda: write("three"),
        lambda: reelmill.client.set_flow_run_state(job.id, Completed(), force=True),
        lambda: write("last"),
    ]
    lines = reelmill("jobs", "logs", str(job.id), "--follow", "--all").stdout.splitlines()
    assert [line.split()[2:] for line in lines] == [["WARNING", word] for word in ("one", "two", "three", "last")]
