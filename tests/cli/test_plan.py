"""``reelmill plan`` on files without a site, and on a library."""

from __future__ import annotations

import json
import tracemalloc
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reelmill.cli.commands.plan import in_portions, print_plans, sort_out
from reelmill.cli.main import app
from reelmill.errors import UserError
from reelmill.operations.context import Workbench
from reelmill.operations.web_copies.video_plan import VideoPlan
from tests.clips import clip
from tests.operations.library import add

_FAST = ("-movflags", "+faststart")


def _plan(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


@pytest.fixture
def films(tmp_path: Path) -> list[Path]:
    ready = clip(tmp_path / "films" / "ready.mp4", seconds=2, options=_FAST)
    old = clip(tmp_path / "films" / "old.avi", seconds=2, codec="mpeg4", options=["-q:v", "2"])
    broken = tmp_path / "films" / "[bold]broken.mp4"
    broken.write_text("words")
    return [ready, old, broken]


def test_files_are_planned(films: list[Path]) -> None:
    result = _plan(*films, "--preset", "ultrafast", "--output", "json")
    assert result.exit_code == 1  # one of them is broken
    plan = json.loads(result.stdout)
    assert [video["path"] for video in plan["videos"]] == [str(film) for film in films]
    assert [video["action"] for video in plan["videos"]] == ["skip", "encode", "cannot"]
    ready, old, broken = plan["videos"]
    assert ready["reasons"][0].startswith("already web-ready: H.264 ")
    assert "its video is mpeg4, not H.264" in old["reasons"]
    assert old["size"] == films[1].stat().st_size
    assert old["saving"]["likely"] == pytest.approx(old["size"] - old["prediction"]["size"]["likely"])
    assert old["prediction"]["cpu_seconds"]["likely"] > 0
    assert "[bold]broken.mp4 cannot be opened as a video" in broken["reasons"][0]
    assert plan["totals"]["actions"] == {"encode": 1, "remux": 0, "skip": 1, "cannot": 1}
    assert plan["totals"]["saving"] == old["saving"]


def test_it_is_planned_what_is_kept_of_surround(tmp_path: Path) -> None:
    film = clip(tmp_path / "film.mkv", options=["-c:a", "ac3", "-ac", "6"])
    for more in ((), ("--surround",)):
        (planned,) = json.loads(_plan(film, "--no-samples", "--output", "json", *more).stdout)["videos"]
        assert any("5.1 of 384k" in change for change in planned["changed"]) == bool(more)


def test_a_table_for_people(films: list[Path]) -> None:
    result = _plan(*films, "--preset", "ultrafast")
    assert result.exit_code == 1
    assert _plan(*films[:2], "--no-samples").exit_code == 0
    head, *rows, total = [line for line in result.stdout.splitlines() if line.strip()]
    assert head.split() == ["video", "what", "why", "now", "after", "encode", "saves"]
    text = " ".join(" ".join(rows).split())
    assert " skip " in text
    assert "[bold]broken.mp4 cannot be opened" in text
    assert " encode " in text
    assert total.startswith("1 to encode, 1 to skip, 1 cannot be used. ")
    assert " of encoding (" in total


def test_a_quick_verdict_predicts_nothing(films: list[Path]) -> None:
    plan = json.loads(_plan(*films, "--no-samples", "--output", "json").stdout)
    assert [video["action"] for video in plan["videos"]] == ["skip", "encode", "cannot"]
    assert [video["prediction"] for video in plan["videos"]] == [None] * 3
    forced = json.loads(_plan(films[0], "--no-samples", "--force", "--output", "json").stdout)
    assert forced["videos"][0]["action"] == "encode"
    tight = json.loads(_plan(films[0], "--no-samples", "--target-bitrate", 50, "--output", "json").stdout)
    assert tight["videos"][0]["action"] == "encode"
    assert tight["videos"][0]["reasons"][0].endswith("kbit/s, and 50 (+10%) are wanted")


def test_a_library_is_planned(bench: Workbench) -> None:
    inbox = bench.root.folder("inbox")
    clip(inbox / "b.mp4", seconds=2, options=_FAST)
    old = add(bench, clip(inbox / "a.avi", seconds=2, codec="mpeg4"))
    every = json.loads(_plan("--all", "--preset", "ultrafast", "--output", "json").stdout)
    assert [(video["path"], video["action"]) for video in every["videos"]] == [
        ("inbox/a.avi", "encode"), ("inbox/b.mp4", "skip"),
    ]  # fmt: skip
    assert every["free"] > 0
    one = json.loads(_plan(old.id, "--no-samples", "--output", "json").stdout)
    assert [video["video_id"] for video in one["videos"]] == [str(old.id)]
    unknown = str(uuid.uuid4())
    some = _plan(unknown, "a.avi", "gone.mp4", "--no-samples", "--output", "json")
    assert some.exit_code == 1
    plan = json.loads(some.stdout)
    assert [video["path"] for video in plan["videos"]] == ["inbox/a.avi"]
    assert [(one["file"], one["failure_class"]) for one in plan["errors"]] == [
        (unknown, "user_error"), ("gone.mp4", "user_error"),
    ]  # fmt: skip
    none = _plan(unknown)
    assert (none.exit_code, none.stdout, none.stderr.count(unknown)) == (1, "", 1)
    bench.root.path.joinpath("inbox/b.mp4").unlink()
    assert _plan("--all", "--no-samples").exit_code == 0  # nobody named what cannot be used


def test_what_is_asked_for_must_make_sense(tmp_path: Path) -> None:
    film = clip(tmp_path / "a.mp4")
    assert sort_out([str(film)], everything=False, library=True) == ([film], [])
    assert sort_out([str(film), "gone.mp4"], everything=False, library=True) == ([film, Path("gone.mp4")], [])
    assert sort_out(["gone.mp4", "a title"], everything=False, library=True) == ([], ["gone.mp4", "a title"])
    assert sort_out(["n" * 300], everything=False, library=True) == ([], ["n" * 300])
    assert sort_out(["gone.mp4"], everything=False, library=False) == ([Path("gone.mp4")], [])
    for targets, everything, words in (
        ([], False, "Name files, or videos"),
        ([str(film)], True, "Name files, or videos"),
        ([str(film), str(uuid.uuid4())], False, "name one kind"),
    ):
        with pytest.raises(UserError, match=words):
            sort_out(targets, everything=everything, library=True)
    with pytest.raises(UserError, match="'quick' is no preset; there are ultrafast, "):
        raise _plan(film, "--preset", "quick").exception or AssertionError
    assert _plan(film, "--crf", "99").exit_code == 2


def _generated(videos: int) -> Iterator[VideoPlan]:
    for number in range(videos):
        yield VideoPlan(path=f"{number}.avi", video_id=uuid.uuid4(), action="remux", reasons=("why",), size=number)


def test_a_plan_of_many_videos_is_one_document_and_not_held(capfd: pytest.CaptureFixture[str]) -> None:
    def peak(videos: int) -> tuple[int, str]:
        tracemalloc.start()
        total = print_plans(in_portions(_generated(videos)), 10, [], "json")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (total.actions["remux"], total.size) == (videos, sum(range(videos)))
        return most, capfd.readouterr().out

    few, many = peak(1000), peak(5000)
    assert many[0] < 1.2 * few[0]
    found = json.loads(many[1])
    assert list(found) == ["videos", "totals", "free", "errors"]
    assert [video["size"] for video in found["videos"]] == list(range(5000))
    print_plans(in_portions(_generated(0)), None, [], "json")
    assert json.loads(capfd.readouterr().out)["videos"] == []


def test_a_plan_of_many_videos_is_several_tables(capfd: pytest.CaptureFixture[str]) -> None:
    print_plans(in_portions(_generated(510)), 10, [], "table")
    lines = [line.split() for line in capfd.readouterr().out.splitlines() if line]
    assert [line[0] for line in lines if line[0] == "video" or line[0].endswith(".avi")] == [
        "video", *(f"{number}.avi" for number in range(500)), "video", *(f"{number}.avi" for number in range(500, 510)),
    ]  # fmt: skip
    assert lines[-1][:3] == ["510", "to", "remux."]
