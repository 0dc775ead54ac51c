from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import NotMounted, UnknownVideo
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.trials.encode_prediction import Prediction, Range
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode, web_encoding
from reelmill.operations.web_copies.plan import PlanOptions, plan_files, plan_library
from reelmill.operations.web_copies.skip_or_remux import without_encoding
from reelmill.operations.web_copies.video_plan import HEADER, Plan, VideoPlan, totals
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip, cut_off, ffmpeg
from tests.operations.library import add

_FAST = ("-movflags", "+faststart")


def _asked(bench: Workbench, *, kbit: int = 2000, samples: bool = True, force: bool = False) -> PlanOptions:
    encoding = web_encoding(bench.transcoder, target_bitrate=kbit, preset="ultrafast")
    return PlanOptions(bench.transcoder, encoding, samples=samples, force=force)


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
    planned = {name: (video.action, video.reasons[0]) for name, video in found.items()}
    assert planned["done.avi"] == ("skip", f"its copy was made before: {made.path}")
    assert planned["encode.avi"] == ("encode", "its video is mpeg4, not H.264")
    assert planned["gone.avi"][0] == planned["short.mp4"][0] == planned["text.mp4"][0] == "cannot"
    assert "was gone at the last scan" in planned["gone.avi"][1]
    assert "is cut short: it promises 9.0 s and holds 4." in planned["short.mp4"][1]
    assert planned["ready.mp4"][0] == "skip"
    assert planned["ready.mp4"][1].startswith("already web-ready")
    assert planned["remux.mkv"][0] == "remux"
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
    assert "2 were not sampled and are in no sum" in plan.summary


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
    assert [len(row) for row in plan.rows] == [len(HEADER)] * 2
    assert plan.rows[0] == ("a|b.mkv", "remux", "one; two", "5.0 MB", "5.0 MB", "", "0 bytes")
    assert plan.summary.startswith("1 to encode, 1 to remux. Of 1 of 2: 5.0 MB become 5.0 MB, 0 bytes less. 1 was not")
    assert plan.summary.endswith("The copies do not all fit: 1.0 MB are free for them.")
    assert Plan(videos=(), totals=totals([])).summary == "no videos."
    assert total.after == Range(likely=5_000_000, least=5_000_000, most=5_000_000)


def _two_sizes(folder: Path) -> Path:
    """Web-ready streams in Matroska: the smaller of two video tracks comes first, and both are marked as default."""
    small, large = clip(folder / "s.mp4", seconds=2, size="160x90"), clip(folder / "l.mp4", seconds=2, size="320x180")
    both = ("-map", "0:v", "-map", "1", "-c:v", "copy", "-c:a", "aac", "-disposition:v", "default")
    ffmpeg("-i", small, "-i", large, *both, folder / "two.mkv")
    return folder / "two.mkv"


def _with_a_cover(folder: Path) -> Path:
    film, cover = clip(folder / "f.mkv", seconds=2, options=["-c:a", "aac"]), folder / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:d=0.1", "-frames:v", "1", cover)
    attached = ("-attach", cover, "-metadata:s:t", "mimetype=image/png", "-metadata:s:t", "filename=cover.png")
    ffmpeg("-i", film, "-c", "copy", *attached, folder / "cover.mkv")
    return folder / "cover.mkv"


def _with_a_timecode(folder: Path) -> Path:
    return clip(folder / "tmcd.mov", seconds=2, options=["-timecode", "01:00:00:00", "-c:a", "aac"])


def _everything_else(folder: Path) -> Path:
    """Interlaced 4:2:2 of tall pixels, with 7.1 audio, styled subtitles and a font."""
    (folder / "w.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nHello\n")
    ffmpeg("-i", folder / "w.srt", folder / "w.ass")
    (folder / "font.ttf").write_bytes(b"no font")
    audio = ("-f", "lavfi", "-i", "anoisesrc=d=2:a=0.1,aformat=channel_layouts=7.1")
    video = ("-f", "lavfi", "-i", "testsrc2=s=160x128:r=25:d=2,format=yuv422p,setsar=2,setfield=tff")
    codecs = ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-b:v", "2M", "-c:a", "flac", "-c:s", "copy")
    font = ("-attach", folder / "font.ttf", "-metadata:s:t", "mimetype=font/ttf", "-metadata:s:t", "filename=font.ttf")
    ffmpeg(*video, *audio, "-i", folder / "w.ass", *codecs, *font, folder / "all.mkv")
    return folder / "all.mkv"


_LEFT_OUT: dict[Callable[[Path], Path], tuple[list[str], list[str]]] = {
    _two_sizes: (["video track 1 (h264) is left out: a copy has one video track, here that of 320x180"], []),
    _with_a_cover: (["cover 1 (png) is left out: a copy has no cover"], []),
    _with_a_timecode: (["data track 1 (tmcd) is left out: a copy has no data tracks"], []),
    _everything_else: (
        ["attachment 1 (font.ttf) is left out: an mp4 has no attachments"],
        [
            "its frames are deinterlaced, each field a frame", "its pixels become yuv420p from yuv422p",
            "it is scaled from 160x128 to 320x128",
            "audio track 1 (flac, 7.1) is encoded as AAC of 128kbit/s in two channels",
            "subtitle track 1 (ass) loses its styles and places",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", _LEFT_OUT, ids=lambda make: make.__name__)
def test_a_plan_names_what_the_copy_lacks_and_the_job_agrees(
    bench: Workbench, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    left_out, changed = _LEFT_OUT[make]
    source = bench.root.folder("inbox") / "a.mkv"
    made = make(tmp_path)
    video = add(bench, made.rename(source.with_suffix(made.suffix)))
    (planned,) = plan_library(bench, None, _asked(bench)).videos
    assert ([*planned.left_out], [*planned.changed]) == (left_out, changed)
    assert all(sentence in planned.row[2] for sentence in (*left_out, *changed))
    spared = without_encoding(bench, str(video.id), target_bitrate=2000)
    result = spared or reencode(bench, str(video.id), preset="ultrafast")
    assert (spared is None) == (planned.action == "encode")
    assert (result.left_out, result.changed) == (planned.left_out, planned.changed)
    again = without_encoding(bench, str(video.id), target_bitrate=2000) or reencode(
        bench, str(video.id), preset="ultrafast"
    )
    assert (again.reused, again.left_out, again.changed) == (True, planned.left_out, planned.changed)
    assert set(left_out) | set(changed) <= set(result.result_card().notes)
    copy = probe(bench.root.path / result.path)
    assert (copy.left_out, copy.unused) == ((), ())
    if planned.action == "remux":
        assert planned.after is not None
        assert abs(planned.after.likely - result.size) < 5000  # what the containers differ by
        (believed,) = plan_library(bench, None, _asked(bench, samples=False, force=False)).videos
        assert believed.action == "skip"  # made by now


def test_the_larger_of_two_tracks_is_the_one_that_is_kept(bench: Workbench, tmp_path: Path) -> None:
    source = _two_sizes(tmp_path)
    assert probe(source).video.display_size == (320, 180)
    (unread,) = plan_files([source], _asked(bench, samples=False)).videos
    assert (unread.action, unread.dropped, unread.after, unread.row[4]) == ("remux", None, None, "unknown")


def test_what_is_not_known_is_said_to_be_unknown(bench: Workbench, library: dict[str, Video]) -> None:
    ids = [str(library[name].id) for name in ("encode.avi", "done.avi")]
    plan = plan_library(bench, ids, _asked(bench, samples=False))
    assert plan.summary == "2 to encode. 2 were not sampled and are in no sum. How large the copies become is unknown."
    assert [row[4:] for row in plan.rows] == [("unknown", "unknown", "unknown")] * 2


def test_a_copy_that_becomes_larger_is_said_to_and_what_for() -> None:
    prediction = Prediction(
        size=Range(likely=2_300_000, least=2e6, most=3e6), seconds=Range(likely=5, least=4, most=6),
        cpu_seconds=Range(likely=9, least=8, most=10), sampled=2.0,
    )  # fmt: skip
    video = VideoPlan(
        path="a.mkv", video_id=None, action="encode", reasons=("its video is hevc, not H.264",), size=1_000_000,
        prediction=prediction,
    )  # fmt: skip
    assert video.larger == "the copy is about 1.3 MB larger, because its video is hevc, not H.264"
    assert video.row[-1] == "1.3 MB larger"
    plan = Plan(videos=(video,), totals=totals([video]))
    assert plan.summary == (
        "1 to encode. 1.0 MB become 2.3 MB (2.0 MB to 3.0 MB), 1.3 MB more, in 5.0 s (4.0 s to 6.0 s) of encoding "
        "(9.0 s of CPU). 1 becomes larger than before."
    )
