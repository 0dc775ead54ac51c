"""Videos that need no encode: left alone, or their streams copied, and the rest left to ``reencode``."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import av
import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.errors import DamagedVideo
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.ffmpeg.verify import faststart
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.web_copies.plan import PlanOptions, plan_library
from reelmill.operations.web_copies.result import ReencodeResult
from reelmill.operations.web_copies.skip_or_remux import reason_to_encode, without_encoding
from tests.clips import Notes, clip, cut_off, ffmpeg, overwritten
from tests.operations.liar import liar
from tests.operations.library import add
from tests.refusals import refused

_FAST = ("-movflags", "+faststart")


def _spare(bench: Workbench, video: Video, *, force: bool = False, kbit: int = 2000) -> ReencodeResult | None:
    return without_encoding(bench, str(video.id), target_bitrate=kbit, force=force)


def _records() -> list[Video]:
    with session() as opened:
        return list(opened.exec(select(Video)))


def _payloads(path: Path) -> list[tuple[int, str]]:
    """Every packet of frames and audio, in order, by a hash of what is in it."""
    with av.open(str(path)) as container:
        streams = [*container.streams.video, *container.streams.audio]
        packets = [packet for packet in container.demux(streams) if packet.size]
        found = [(streams.index(packet.stream), hashlib.sha256(bytes(packet)).hexdigest()) for packet in packets]
    return sorted(found, key=lambda one: one[0])  # within a stream in order


def test_a_web_ready_video_is_left_alone(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=2, options=_FAST))
    result = _spare(bench, video)
    assert result is not None
    assert result.skipped is not None
    assert result.skipped.startswith("already web-ready: H.264 ")
    assert (result.path, result.video_id, result.size) == (video.path, video.id, video.size)
    assert not list((bench.root.path / "playback").iterdir())
    assert [record.id for record in _records()] == [video.id]
    assert _spare(bench, video, force=True) is None
    assert _spare(bench, video, kbit=50) is None  # it takes more than that


def test_why_a_web_ready_video_is_encoded(bench: Workbench, tmp_path: Path) -> None:
    good = clip(tmp_path / "good.mp4", seconds=2, sound=2, options=_FAST)
    damaged = overwritten(good, tmp_path / "damaged.mp4", at=0.5, count=400)
    why = {path.name: reason_to_encode(path, probe(path), Encoding(max_kbit=2000)) for path in (good, damaged)}
    assert why["good.mp4"] is not None
    assert why["good.mp4"].startswith("it is asked for, though already web-ready")
    assert why["damaged.mp4"] is not None
    assert why["damaged.mp4"].startswith("it is damaged, though already web-ready")
    video = add(bench, overwritten(good, bench.root.folder("inbox") / "a.mp4", at=0.5, count=400))
    (planned,) = plan_library(bench, None, PlanOptions(bench.transcoder, Encoding(max_kbit=2000), budget=1)).videos
    assert (planned.action, planned.reasons[0]) == ("encode", why["damaged.mp4"])
    assert planned.reasons[1].startswith("a.mp4 is damaged: ")
    assert _spare(bench, video) is None
    made = reencode(bench, str(video.id), preset="ultrafast")
    assert made.because == planned.reasons[0]
    assert any(line.startswith("the source is damaged (") for line in made.changed), made.changed
    assert reencode(bench, str(video.id), preset="ultrafast").changed == made.changed


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_streams_that_are_ready_change_nothing_but_their_container(bench: Workbench, name: str) -> None:
    source = clip(bench.root.folder("inbox") / name, seconds=3, sound=2, options=["-c:a", "aac", "-bf", "2"])
    video = add(bench, source)
    before = source.read_bytes()
    job = Workbench(root=bench.root, report=Notes(), run_id=uuid.uuid4())
    result = _spare(job, video)
    assert result is not None
    assert (result.skipped, result.reused, result.path, result.encoder) == (None, False, "playback/a.mp4", "copy")
    copy = bench.root.path / result.path
    assert _payloads(copy) == _payloads(source)  # bit for bit
    assert faststart(copy)
    assert check_whole(copy).frames == 75
    assert probe(copy).container.startswith("mov,mp4")
    assert source.read_bytes() == before
    with session() as opened:
        made = searching.get_video(opened, result.video_id)
        assert (made.source_video_id, made.made_by) == (video.id, job.run_id)
        assert searching.get_video(opened, video.id).reencode_job_id == job.run_id
    assert not list(bench.root.work.iterdir())
    again = _spare(bench, video)
    assert again is not None
    assert (again.reused, again.video_id) == (True, made.id)
    assert len(_records()) == 2


def test_text_subtitles_come_along(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nHello\n")
    plain = clip(tmp_path / "plain.mkv", seconds=2, options=["-c:a", "aac"])
    source = bench.root.folder("inbox") / "a.mkv"
    ffmpeg("-i", plain, "-i", tmp_path / "words.srt", "-map", "0", "-map", "1", "-c", "copy", source)
    result = _spare(bench, add(bench, source))
    assert result is not None
    assert probe(bench.root.path / result.path).subtitle_codecs == ("mov_text",)


def test_text_that_cannot_be_read_is_left_out(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nHello\n")
    plain, source = clip(tmp_path / "plain.mkv", seconds=2, options=["-c:a", "aac"]), tmp_path / "a.mkv"
    ffmpeg("-i", plain, "-i", tmp_path / "words.srt", "-map", "0", "-map", "1", "-c", "copy", source)
    data = source.read_bytes()
    assert data.count(b"Hello") == 1
    odd = bench.root.folder("inbox") / "a.mkv"
    odd.write_bytes(data.replace(b"Hello", b"H\xffll\xfe"))
    result = _spare(bench, add(bench, odd))
    assert result is not None
    assert result.encoder == "copy"
    assert probe(bench.root.path / result.path).subtitle_codecs == ()


def test_a_stream_of_packets_that_mp4_writes_otherwise(bench: Workbench) -> None:
    source = clip(bench.root.folder("inbox") / "a.ts", seconds=3, options=["-c:a", "aac"])
    result = _spare(bench, add(bench, source))
    assert result is not None
    assert check_whole(bench.root.path / result.path).frames == check_whole(source).frames == 75


def test_a_video_that_needs_an_encode_is_left_to_it(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.avi", seconds=2, codec="mpeg4"))
    assert _spare(bench, video) is None
    assert len(_records()) == 1


def test_a_copy_of_our_own_is_never_encoded_again(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.avi", seconds=2, codec="mpeg4"))
    made = reencode(bench, str(video.id), preset="ultrafast", crf=1, target_bitrate=20_000)
    with session() as opened:
        copy = searching.get_video(opened, made.video_id)
    for force in (False, True):
        spared = _spare(bench, copy, force=force, kbit=50)  # far less than it takes
        assert spared is not None
        assert spared.skipped == "playback/a.mp4 is a copy that Reelmill made; re-encode what it was made from"
    assert len(_records()) == 2


def test_a_damaged_video_is_not_called_ready(bench: Workbench, tmp_path: Path) -> None:
    good = clip(tmp_path / "good.mp4", seconds=20, options=_FAST)
    video = add(bench, cut_off(good, bench.root.folder("inbox") / "half.mp4", keep=0.5))
    (planned,) = plan_library(bench, None, PlanOptions(bench.transcoder, Encoding(max_kbit=2000), budget=1)).videos
    assert planned.action == "cannot"
    assert _spare(bench, video) is None
    with refused(DamagedVideo, path="inbox/half.mp4"):
        reencode(bench, str(video.id), preset="ultrafast")


def test_streams_that_do_not_come_across_whole_are_encoded(bench: Workbench, tmp_path: Path) -> None:
    """A muxer that loses frames is found out, and nothing of its work is published."""
    script = liar(tmp_path / "ffmpeg", "the first half of the film", "output.mp4")
    report = Notes()
    lossy = Transcoder(options=TranscoderOptions(binary=script))
    video = add(bench, clip(bench.root.folder("inbox") / "a.mkv", seconds=3, options=["-c:a", "aac"]))
    assert _spare(Workbench(root=bench.root, transcoder=lossy, report=report), video) is None
    assert report.said("do not play well")
    assert len(_records()) == 1
    assert not list((bench.root.path / "playback").iterdir())
    assert not list(bench.root.work.iterdir())
