from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import NotMounted, UnknownVideo
from reelmill.ffmpeg.sampling import Range
from reelmill.layout import MediaRoot
from reelmill.operations.plan import Asked, Plan, VideoPlan, plan_files, plan_library, totals
from reelmill.operations.plan_table import HEADER, rows, summary
from reelmill.operations.reencode import reencode, web_h264
from reelmill.operations.webready import without_encoding
from reelmill.operations.workbench import Workbench
from tests.clips import clip, cut_off
from tests.operations.library import add

_FAST = ("-movflags", "+faststart")


def _asked(bench: Workbench, *, kbit: int = 2000, samples: bool = True, force: bool = False) -> Asked:
    h264 = web_h264(bench.transcoder, target_bitrate=kbit, preset="ultrafast")
    return Asked(bench.transcoder, h264, samples=samples, force=force)


def _everything(root: MediaRoot) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in root.path.rglob("*")}


def _records() -> list[dict[str, object]]:
    with session() as opened:
        return [video.model_dump() for video in opened.exec(select(Video).order_by(Video.path))]


@pytest.fixture
def library(bench: Workbench, tmp_path: Path) -> dict[str, Video]:
    """One video for each thing that can be done with one."""
    inbox = bench.root.folder("inbox")
    clip(inbox / "encode.avi", seconds=3, size="320x240", codec="mpeg4", options=["-q:v", "2"])
    clip(inbox / "ready.mp4", seconds=2, options=_FAST)
    clip(inbox / "remux.mkv", seconds=2, options=["-c:a", "aac"])
    cut_off(clip(tmp_path / "whole.mp4", seconds=9, options=_FAST), inbox / "short.mp4", keep=0.5)
    (inbox / "text.mp4").write_text("no video")
    clip(inbox / "done.avi", seconds=2, codec="mpeg4")
    add(bench, clip(inbox / "gone.avi", seconds=1, codec="mpeg4"))
    (inbox / "gone.avi").unlink()
    add(bench, inbox / "ready.mp4")
    with session() as opened:
        return {video.filename: video for video in opened.exec(select(Video))}


def test_every_video_gets_what_would_be_done_and_why(bench: Workbench, library: dict[str, Video]) -> None:
    made = reencode(bench, str(library["done.avi"].id), preset="ultrafast")
    files, records = _everything(bench.root), _records()
    plan = plan_library(bench, None, _asked(bench))
    assert (_everything(bench.root), _records()) == (files, records)  # nothing was made, nothing noted
    found = {Path(video.path).name: video for video in plan.videos}
    assert list(found) == ["done.avi", "encode.avi", "gone.avi", "ready.mp4", "remux.mkv", "short.mp4", "text.mp4"]
    told = {name: (video.action, video.reasons[0]) for name, video in found.items()}
    assert told["done.avi"] == ("skip", f"its copy was made before: {made.path}")
    assert told["encode.avi"] == ("encode", "its pictures are mpeg4, not H.264")
    assert told["gone.avi"][0] == told["short.mp4"][0] == told["text.mp4"][0] == "cannot"
    assert "was gone at the last scan" in told["gone.avi"][1]
    assert "of a promised 9.0 s" in told["short.mp4"][1]
    assert told["ready.mp4"][0] == "skip"
    assert told["ready.mp4"][1].startswith("already web-ready")
    assert told["remux.mkv"][0] == "remux"
    assert found["encode.avi"].video_id == library["encode.avi"].id
    assert plan.totals.actions == {"encode": 1, "remux": 1, "skip": 2, "cannot": 3}
    assert plan.totals.unpredicted == 0
    assert plan.free is not None
    assert plan.free > 0


def test_the_predicted_saving_is_the_one_that_comes(bench: Workbench, library: dict[str, Video]) -> None:
    video = library["encode.avi"]
    (planned,) = plan_library(bench, [str(video.id)], _asked(bench)).videos
    result = reencode(bench, str(video.id), preset="ultrafast")
    assert planned.after is not None
    assert planned.saving is not None
    assert planned.prediction is not None
    assert planned.after.likely == pytest.approx(result.size, rel=0.15)
    assert planned.saving.likely == pytest.approx(video.size - result.size, rel=0.15)
    assert 0 < planned.prediction.seconds.likely < 20
    (again,) = plan_library(bench, [str(video.id)], _asked(bench)).videos
    assert (again.action, again.after, again.saving) == ("skip", None, None)
    (other,) = plan_library(bench, [str(video.id)], _asked(bench, kbit=300)).videos  # other settings, another copy
    assert other.action == "encode"


def test_a_copy_is_never_planned_again(bench: Workbench, library: dict[str, Video]) -> None:
    made = reencode(bench, str(library["encode.avi"].id), preset="ultrafast", target_bitrate=900)
    (planned,) = plan_library(bench, [str(made.video_id)], _asked(bench, kbit=50, force=True)).videos
    assert planned.action == "skip"
    assert "is a copy that Reelmill made" in planned.reasons[0]


def test_a_copy_that_was_made_is_not_planned_unless_it_is_gone(bench: Workbench, library: dict[str, Video]) -> None:
    remux = str(library["remux.mkv"].id)
    made = without_encoding(bench, remux, target_bitrate=2000)
    assert made is not None
    (planned,) = plan_library(bench, [remux], _asked(bench)).videos
    assert (planned.action, planned.reasons) == ("skip", (f"its copy was made before: {made.path}",))
    (bench.root.path / made.path).write_bytes(b"somebody else's")
    records = _records()
    (planned,) = plan_library(bench, [remux], _asked(bench)).videos
    assert planned.action == "remux"
    assert _records() == records


def test_without_samples_nothing_is_predicted(bench: Workbench, library: dict[str, Video]) -> None:
    plan = plan_library(bench, None, _asked(bench, samples=False))
    found = {Path(video.path).name: video for video in plan.videos}
    assert found["encode.avi"].action == "encode"
    assert found["encode.avi"].prediction is None
    assert (plan.totals.unpredicted, plan.totals.seconds.likely) == (2, 0)
    assert "2 were not sampled and are in no sum" in summary(plan)


def test_what_is_ready_is_encoded_where_that_is_asked_for(bench: Workbench, library: dict[str, Video]) -> None:
    (planned,) = plan_library(bench, [str(library["ready.mp4"].id)], _asked(bench, force=True)).videos
    assert planned.action == "encode"
    assert planned.prediction is not None
    assert planned.reasons[0].startswith("it is asked for, though already web-ready")


def test_files_need_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Workbench(root=MediaRoot(tmp_path / "no library"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "films"
    clip(folder / "a.avi", seconds=2, codec="mpeg4")
    (folder / "b.mp4").write_bytes(b"")
    plan = plan_files([folder / "a.avi", folder / "b.mp4", folder / "c.mp4"], _asked(bench))
    assert [video.action for video in plan.videos] == ["encode", "cannot", "cannot"]
    assert [video.video_id for video in plan.videos] == [None] * 3
    assert plan.free is None
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.avi", "b.mp4", "films"]


def test_what_cannot_be_planned(bench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(UnknownVideo):
        plan_library(bench, [str(uuid.uuid4())], _asked(bench))
    with pytest.raises(NotMounted):
        plan_library(Workbench(root=MediaRoot(tmp_path / "away")), None, _asked(bench))
    assert plan_library(bench, None, _asked(bench)).videos == ()


def test_sums_and_words() -> None:
    same = VideoPlan(path="a|b.mkv", video_id=None, action="remux", reasons=("one", "two"), size=5_000_000)
    none = VideoPlan(path="c.avi", video_id=None, action="encode", reasons=("why",), size=7_000_000)
    total = totals([same, none])
    assert (total.size, total.after.likely, total.saving.likely, total.unpredicted) == (5_000_000, 5_000_000, 0, 1)
    plan = Plan(videos=(same, none), totals=total, free=1_000_000)
    assert [len(row) for row in rows(plan)] == [len(HEADER)] * 2
    assert rows(plan)[0] == ("a|b.mkv", "remux", "one; two", "5.0 MB", "5.0 MB", "", "0 bytes")
    assert summary(plan).startswith("1 to encode, 1 to remux. 5.0 MB become 5.0 MB, 0 bytes less")
    assert summary(plan).endswith("The copies do not all fit: 1.0 MB are free for them.")
    assert summary(Plan(videos=(), totals=totals([]))) == "no videos."
    assert total.after == Range(likely=5_000_000, least=5_000_000, most=5_000_000)
