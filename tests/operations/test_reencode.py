from __future__ import annotations

import os
import shutil
import threading
import uuid
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.errors import CapabilityError, ChangedMeanwhile, DamagedVideo, DiskFull, GpuBusy
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.ffmpeg.verify import faststart
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.web_copies.result import Making
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, clip, cut_off, tiny_disk
from tests.ffmpeg.nvenc import FullGpu, Lines
from tests.ffmpeg.powercap import zone
from tests.operations.library import add, files, taken
from tests.refusals import refused


def _records() -> int:
    with session() as opened:
        return len(opened.exec(select(Video)).all())


def test_a_source_that_is_replaced_while_it_is_encoded(bench: Workbench, tmp_path: Path) -> None:
    """The copy of what was there would be published as that of what is there now."""
    source = clip(bench.root.folder("inbox") / "a.mkv", seconds=1, size="64x48", options=["-pix_fmt", "yuv444p"])
    other = clip(tmp_path / "other.mkv", seconds=1, size="64x48", options=["-pix_fmt", "yuv444p", "-vf", "hflip"])
    video, held = add(bench, source), other.read_bytes()

    class Replacing(Notes):
        def line(self, text: str) -> None:
            super().line(text)
            if text.startswith("encoded in"):  # it is read from now on, and is the one that the copy is compared with
                other.replace(source)

    with refused(ChangedMeanwhile, path=video.path):
        reencode(replace(bench, report=Replacing()), str(video.id), preset="ultrafast")
    assert [path.name for path in files(bench.root)] == ["a.mkv"]
    assert source.read_bytes() == held
    add(bench, source)
    again = reencode(bench, str(video.id), preset="ultrafast")
    assert (again.reused, again.chunks_reused) == (False, 0)


def test_the_web_copy_is_all_it_should_be(bench: Workbench) -> None:
    source = clip(bench.root.folder("inbox") / "Ferien – été ☀.mkv", seconds=4, size="320x240", sound=2)
    video = add(bench, source)
    before = source.read_bytes()
    job = Workbench(root=bench.root, report=bench.report, run_id=uuid.uuid4())
    result = reencode(job, str(video.id), preset="veryfast", target_bitrate=300)
    copy = bench.root.path / result.path
    info, report = probe(copy), check_whole(copy)
    assert result.path == "playback/Ferien – été ☀.mp4"
    assert (info.video.codec, info.video.pixel_format, info.audio_codecs) == ("h264", "yuv420p", ("aac", "aac"))
    assert report.clean
    assert report.frames == 100
    assert faststart(copy)
    assert result.size * 8 / 4 < (300 + 2 * 128) * 1000 * 1.5
    assert result.cpu_seconds > 0
    assert result.speed > 0
    assert (result.source_size, result.size) == (len(before), copy.stat().st_size)
    assert result.because == "its audio is vorbis, not AAC"
    assert source.read_bytes() == before
    with session() as opened:
        made = searching.get_video(opened, result.video_id)
        assert (made.source_video_id, made.made_by, made.title) == (video.id, job.run_id, video.title)
        assert searching.get_video(opened, video.id).reencode_job_id == job.run_id
    assert taken(result.path) == [(video.path, None, None, None, None, None)]
    assert not list(bench.root.work.iterdir())


def test_the_same_again_is_not_encoded_again(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4"))
    first = reencode(bench, str(video.id), preset="ultrafast")
    stamp = (bench.root.path / first.path).stat().st_mtime_ns
    second = reencode(bench, str(video.id), preset="ultrafast")
    assert (first.reused, second.reused) == (False, True)
    assert (second.path, second.video_id, second.cpu_seconds) == (first.path, first.video_id, 0)
    assert (bench.root.path / first.path).stat().st_mtime_ns == stamp
    assert _records() == 2


def test_other_settings_and_other_videos_of_that_name_get_a_suffix(bench: Workbench) -> None:
    one = add(bench, clip(bench.root.folder("inbox") / "a.mp4"))
    two = add(bench, clip(bench.root.folder("inbox") / "deeper" / "a.mp4", size="320x240"))
    paths = [
        reencode(bench, str(video.id), preset="ultrafast", crf=crf).path
        for video, crf in ((one, 23), (one, 30), (two, 23))
    ]
    assert paths[0] == "playback/a.mp4"
    assert len(set(paths)) == 3
    assert all(path.startswith("playback/a-") for path in paths[1:])
    assert [probe(bench.root.path / path).video.width for path in paths] == [160, 160, 320]


def test_a_copy_somebody_removed_is_made_anew(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4"))
    first = reencode(bench, str(video.id), preset="ultrafast")
    (bench.root.path / first.path).unlink()
    second = reencode(bench, str(video.id), preset="ultrafast")
    assert not second.reused
    assert (bench.root.path / second.path).is_file()
    assert _records() == 2


def test_two_runs_at_once_make_one_file(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=5))
    results = []
    runs = [
        threading.Thread(target=lambda: results.append(reencode(bench, str(video.id), preset="ultrafast")))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(result.reused for result in results) == [False, True]
    assert len({result.path for result in results}) == 1
    assert _records() == 2


def test_a_source_that_ends_early_is_named_as_the_trouble(bench: Workbench, tmp_path: Path) -> None:
    good = clip(tmp_path / "good.mp4", seconds=20, options=["-movflags", "+faststart"])
    video = add(bench, cut_off(good, bench.root.folder("inbox") / "half.mp4", keep=0.5))
    assert video.is_valid  # it opens; only decoding shows
    with refused(DamagedVideo, path="inbox/half.mp4", retryable=False):
        reencode(bench, str(video.id), preset="ultrafast")
    assert not list((bench.root.path / "playback").iterdir())
    assert not list(bench.root.work.iterdir())


def test_an_encoder_this_machine_lacks(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4"))
    if bench.transcoder.devices.gpus():
        pytest.skip("this machine has a card, which gets its chance")
    with refused(CapabilityError, missing="h264_nvenc"):
        reencode(bench, str(video.id), encoder="nvenc")


def _beside_a_full_gpu(bench: Workbench, report: Lines, options: TranscoderOptions) -> tuple[Workbench, FullGpu]:
    gpu = FullGpu(bench.transcoder.ffmpeg)
    transcoder = Transcoder(options=options, runner=gpu, devices=gpu.devices)
    return Workbench(root=bench.root, transcoder=transcoder, report=report), gpu


def test_a_full_gpu_is_stood_in_for(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=2, size="320x240"))
    report = Lines()
    here, gpu = _beside_a_full_gpu(bench, report, TranscoderOptions())
    result = reencode(here, str(video.id), encoder="nvenc", preset="ultrafast")
    assert gpu.encoders == ["h264_nvenc", "libx264"]
    assert [line for line in report.lines if "in software" in line] == [
        "the GPU could not encode (no encoder session or no GPU memory is left); encoding in software instead (libx264)"
    ]
    assert result.encoder == "libx264"
    copy = bench.root.path / result.path
    assert probe(copy).video.codec == "h264"
    assert (check_whole(copy).clean, check_whole(copy).frames) == (True, 50)
    assert b"x264 - core" in copy.read_bytes()  # its own mark in the stream
    again = reencode(here, str(video.id), encoder="nvenc", preset="ultrafast")
    assert (again.reused, again.video_id, again.encoder) == (True, result.video_id, "libx264")
    assert not reencode(here, str(video.id), encoder="x264", preset="ultrafast").reused  # other work was asked for


def test_a_full_gpu_is_waited_for_where_the_site_says_so(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4"))
    here, gpu = _beside_a_full_gpu(bench, Lines(), TranscoderOptions(software_fallback=False))
    with refused(GpuBusy, retryable=True):
        reencode(here, str(video.id), encoder="nvenc")
    assert gpu.encoders == ["h264_nvenc"]
    assert not list((bench.root.path / "playback").iterdir())


def test_a_full_disk(bench: Workbench, tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk") as disk:
        root = MediaRoot(disk)
        root.create()
        tight = Workbench(root=root, transcoder=bench.transcoder, report=bench.report)
        video = add(tight, clip(root.folder("inbox") / "a.mp4", seconds=3, size="320x240"))
        left = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes(left.f_bavail * left.f_frsize - 60_000))
        with refused(DiskFull, retryable=True):
            reencode(tight, str(video.id), preset="ultrafast", crf=0, target_bitrate=50_000)
        assert not list((root.path / "playback").iterdir())
        assert not list(root.work.iterdir())


@pytest.mark.real_media
def test_a_last_picture_that_stands_long_is_no_loss(bench: Workbench, real_media: Path) -> None:
    """With B-frames an mp4 forgets how long the last picture of this capture stands, 1.6 s; no picture is lost."""
    shutil.copy(real_media / "cursed-vfr.mp4", bench.root.folder("inbox"))
    video = add(bench, bench.root.folder("inbox") / "cursed-vfr.mp4")
    result = reencode(bench, str(video.id), preset="veryfast")
    source, copy = (check_whole(bench.root.path / path) for path in (video.path, result.path))
    assert copy.frames == source.frames == 63
    assert copy.last is not None
    assert copy.start is not None
    assert source.last is not None
    assert source.start is not None
    assert abs((copy.last - copy.start) - (source.last - source.start)) < Fraction(1, 1000)


def test_what_it_cost_is_kept_with_the_copy(bench: Workbench, tmp_path: Path) -> None:
    powercap = tmp_path / "powercap"
    zone(powercap, "intel-rapl:0", "package-0", 5)
    here = Workbench(root=bench.root, transcoder=Transcoder(powercap=powercap), report=bench.report)
    video = add(here, clip(here.root.folder("inbox") / "a.mp4", size="320x240", options=["-crf", "1"]))
    first = reencode(here, str(video.id), preset="ultrafast")
    cost = first.cost
    assert cost is not None
    assert (cost.bytes_in, cost.bytes_out, cost.cpu_seconds) == (video.size, first.size, first.cpu_seconds)
    assert cost.speed == pytest.approx(1 / cost.seconds, rel=0.1)
    assert (cost.joules, cost.joules_source) == (0.0, "RAPL package-0")  # a counter that stands still
    assert (cost.vmaf, cost.efficiency) == (None, None)
    with session() as opened:
        record = searching.get_video(opened, first.video_id)
        details = record.details
        assert (record.source_size, record.encode_cpu_seconds) == (cost.bytes_in, cost.cpu_seconds)
        assert (record.encode_joules, record.vmaf) == (cost.joules, None)
    assert first.changed == ("audio track 1 (aac, mono) is encoded as AAC of 128kbit/s",)
    assert Making.model_validate(details) == Making(encoder="libx264", cost=cost, changed=first.changed)

    again = reencode(here, str(video.id), preset="ultrafast", measure_vmaf=True)  # measured on what is there
    assert (again.reused, again.video_id) == (True, first.video_id)
    assert again.cost is not None
    assert again.cost.vmaf is not None
    assert again.cost.vmaf > 80
    with session() as opened:
        assert searching.get_video(opened, first.video_id).vmaf == again.cost.vmaf
    assert again.cost.efficiency is not None
    assert again.cost.efficiency > 0
    assert reencode(here, str(video.id), preset="ultrafast").cost == again.cost
    assert not list(here.root.work.iterdir())


def test_vmaf_tells_good_from_bad(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", size="320x240", options=["-crf", "1"]))
    scores = []
    for crf in (1, 45):
        cost = reencode(
            bench, str(video.id), preset="ultrafast", crf=crf, target_bitrate=20_000, measure_vmaf=True
        ).cost
        assert cost is not None
        assert cost.vmaf is not None
        scores.append(cost.vmaf)
    assert scores[0] > 95 > 80 > scores[1]
