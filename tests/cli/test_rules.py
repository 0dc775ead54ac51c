"""``reelmill rules`` as a person and a program use it, on a site in memory and a real catalogue."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from tests.cli.queue_in_memory import Shell, shell


@pytest.fixture
def reelmill() -> Iterator[Shell]:
    with shell() as opened:
        yield opened


def _add(reelmill: Shell, name: str, *jobs: str) -> None:
    options = [option for job in jobs for option in ("--job", job)]
    reelmill.json("rules", "add", name, "--directory-type", "home", *options)


def test_a_rule_is_off_until_it_is_turned_on(reelmill: Shell) -> None:
    _add(reelmill, "look after", "validate depth=full", "reencode/gpu_encode crf=20 vmaf=yes")
    (rule,) = reelmill.json("rules", "list")["rules"]
    assert (rule["name"], rule["on"], rule["directory_type"], rule["not_deployed"]) == ("look after", False, "home", [])
    assert rule["jobs"] == [
        {"type": "validate", "parameters": {"depth": "full"}, "pool": None},
        {"type": "reencode", "parameters": {"crf": 20, "vmaf": True}, "pool": "gpu_encode"},
    ]
    assert [state["on"] for state in reelmill.json("rules", "on", "look after")["rules"]] == [True]
    assert [state["on"] for state in reelmill.json("rules", "show", "look after")["rules"]] == [True]
    assert [state["on"] for state in reelmill.json("rules", "off", "look after")["rules"]] == [False]
    assert reelmill.json("rules", "remove", "look after") == {"removed": "look after"}
    assert reelmill.json("rules", "list")["rules"] == []


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("dance", "No job type 'dance'"),
        ("validate depth=deep", "validate takes one of"),
        ("validate 'depth", "is no job"),
        ("", "is no job"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(reelmill: Shell, job: str, words: str) -> None:
    error = reelmill("rules", "add", "a", "--job", job, code=1).exception
    assert isinstance(error, UserError)
    assert words in str(error)
    assert reelmill.json("rules", "list")["rules"] == []


@pytest.mark.usefixtures("catalogue")
def test_a_dry_run_counts_the_videos_that_are_there(reelmill: Shell) -> None:
    _add(reelmill, "look after", "validate")
    with session() as opened:
        for number in range(12):
            opened.add(_video(f"library/home/{number}.mp4", "home"))
        opened.add(_video("library/home/broken.mp4", "home", is_valid=False))
        opened.add(_video("library/videos/other.mp4", "videos"))
    found = reelmill.json("rules", "dry-run", "look after")
    assert (found["rule"], found["jobs"], found["videos"], len(found["first"])) == ("look after", ["validate"], 12, 10)
    assert {video["file"] for video in found["first"]} <= {f"{number}.mp4" for number in range(12)}
    assert reelmill.json("jobs", "list")["jobs"] == []


def _video(path: str, kind: str, *, is_valid: bool = True) -> Video:
    name = path.rpartition("/")[2]
    return Video(
        id=uuid.uuid4(),
        title=name,
        path=path,
        directory_type=kind,
        filename=name,
        size=1,
        mtime_ns=1,
        is_valid=is_valid,
    )
