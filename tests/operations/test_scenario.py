from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import (
    CapabilityError,
    FailureClass,
    FfmpegFailed,
    GpuBusy,
    OutputRejected,
    WrongParameter,
)
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.loadtest import gstreamer, load
from reelmill.ffmpeg.loadtest.load import Load
from reelmill.ffmpeg.loadtest.scenarios import scenario_named
from reelmill.ffmpeg.loadtest.sink import Sink
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.hardware.backends import LoadChoice
from reelmill.operations.context import Workbench
from reelmill.operations.derived.load_limit import knee
from reelmill.operations.jobs.scenario import scenario
from reelmill.settings import get_settings
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes
from tests.ffmpeg.nvenc import FullGpu, pretender
from tests.operations.library import files
from tests.patience import PATIENCE
from tests.refusals import refused

CODECS = ("h264", "h265", "vp8", "vp9")

needs_gstreamer = pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="GStreamer is not installed here")


@pytest.fixture
def quiet(media_root: MediaRoot) -> Workbench:
    """A workbench without a catalogue: what goes nowhere needs none."""
    return Workbench(root=media_root, report=Notes())


def _notes(bench: Workbench) -> Notes:
    assert isinstance(bench.report, Notes)
    return bench.report


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_is_what_was_asked_for_and_then_gone(bench: Workbench, codec: str) -> None:
    here = replace(bench, report=Notes())
    result = scenario(here, f"120P10-{codec}", duration=1.5, bitrate_wanted="200k", output="file", engine="ffmpeg")
    assert (result.width, result.height, result.rate, result.codec) == (214, 120, 10, codec)
    assert (result.frames, result.engine, result.output, result.target_bitrate) == (15, "ffmpeg", "file", 200)
    assert result.encoder == {"h264": "libx264", "h265": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9"}[codec]
    assert result.bytes > 1000
    assert result.bit_rate == round(8 * result.bytes / 1.5)
    assert result.cpu_seconds > 0
    assert result.speed == pytest.approx(1.5 / result.seconds)
    assert result.fps == pytest.approx(15 / result.seconds)
    cost = result.cost
    assert (cost.bytes_in, cost.bytes_out, cost.vmaf, cost.efficiency) == (None, result.bytes, None, None)
    assert _notes(here).said("to be verified and removed")
    assert not files(here.root)
    assert not list(here.root.work.iterdir())
    with session() as opened:
        assert not opened.exec(select(Video)).all()


@pytest.mark.parametrize("codec", CODECS)
def test_nowhere_the_frames_are_counted_too(quiet: Workbench, codec: str) -> None:
    result = scenario(quiet, f"16p24-{codec}", duration=1)
    assert (result.frames, result.output, result.height) == (24, "null", 16)
    assert result.bytes > 100
    assert not files(quiet.root)


def test_the_bit_rate_is_kept(quiet: Workbench) -> None:
    low, high = (
        scenario(quiet, "360p30-h264", duration=4, bitrate_wanted=wanted, engine="ffmpeg", encoder="software").bit_rate
        for wanted in ("200k", "2M")
    )
    assert 100_000 < low < 400_000
    assert 1_500_000 < high < 2_500_000


@pytest.mark.parametrize("engine", ["ffmpeg", pytest.param("gstreamer", marks=needs_gstreamer)])
def test_the_frames_move(tmp_path: Path, engine: str) -> None:
    target = tmp_path / "moving.mp4"
    encoder, build = {"ffmpeg": ("libx264", load.arguments), "gstreamer": ("x264enc", gstreamer.arguments)}[engine]
    asked = Load(scenario_named("120p10-h264"), 20, 400, encoder, Sink("file"), str(target))
    runner = None if engine == "ffmpeg" else gstreamer.GstRunner(gstreamer.require_gstreamer(), Fraction(10))
    Transcoder(runner=runner).run(build(asked), Notes())
    with av.open(str(target)) as container:
        frames = [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]
    changed = [np.mean(np.abs(later - former) > 16) for former, later in pairwise(frames)]
    assert min(changed) > 0.01, changed  # in each frame, of all its pixels


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        ({"name": "huge"}, "scenario"),
        ({"bitrate_wanted": "much"}, "bitrate"),
        ({"output": "rtmp://example.com/live"}, "output"),
        ({"duration": 0.0}, "duration"),
        ({"duration": float("inf")}, "duration"),
    ],
)
def test_what_makes_no_sense(quiet: Workbench, changed: dict[str, object], parameter: str) -> None:
    asked: dict[str, object] = {"name": "16p24-h264", "duration": 1.0, **changed}
    with refused(WrongParameter, parameter=parameter, value=next(iter(changed.values()))):
        scenario(quiet, **asked)  # type: ignore[arg-type]


def test_an_ffmpeg_that_lies_is_found_out(bench: Workbench, tmp_path: Path) -> None:
    liar = tmp_path / "ffmpeg"
    # 7 frames where 10 are asked for: the number is a word of its own; names of folders may hold a 10, too.
    fewer = 'for one; do shift; [ "$one" = 10 ] && one=7; set -- "$@" "$one"; done'
    liar.write_text(f'#!/bin/bash\n{fewer}\nexec "{find_ffmpeg()}" "$@"\n')
    liar.chmod(0o755)
    here = replace(bench, transcoder=Transcoder(options=TranscoderOptions(binary=liar)))
    with refused(OutputRejected, findings=(Finding(FindingKind.FRAME_COUNT, 7, 10),)):
        scenario(here, "120p10-h264", duration=1, output="file", encoder="software")
    assert not list(here.root.work.iterdir())


def test_the_limit_is_looked_for(quiet: Workbench) -> None:
    result = scenario(quiet, "120p10-h264", duration=1, find_limit=True, encoder="software")
    found = result.limit
    assert found is not None
    assert [step.streams for step in found.steps][:1] == [1]
    assert found == knee(found.steps)  # however fast this machine is just now
    assert found.realtime >= found.recommended
    assert all(step.cores > 0 for step in found.steps)
    assert _notes(quiet).said("recommended at once")
    assert sorted(_notes(quiet).fractions) == _notes(quiet).fractions


@contextmanager
def _listener(url: str, target: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg as a server that writes what it is sent to ``target``; it ends with its caller."""
    command = [str(find_ffmpeg()), "-v", "error", "-nostdin", "-y", *options, "-i", url, "-c", "copy", str(target)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)  # it does not say when it listens, and a look at its port would be its one caller
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _protocols() -> str:
    return subprocess.run(
        [str(find_ffmpeg()), "-hide_banner", "-protocols"], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("engine", ["ffmpeg", pytest.param("gstreamer", marks=needs_gstreamer)])
def test_a_server_on_this_node_gets_every_frame(quiet: Workbench, tmp_path: Path, engine: str) -> None:
    if "rtmp" not in _protocols().split():
        pytest.skip("this ffmpeg has no RTMP")
    got, url = tmp_path / "got.mkv", f"rtmp://127.0.0.1:{_free_port(socket.SOCK_STREAM)}/live/load"
    with _listener(url, got, "-listen", "1") as server:
        result = scenario(quiet, "120p10-h264", duration=2, output=url, engine=engine, encoder="software")  # type: ignore[arg-type]
        server.wait(PATIENCE)
    assert (result.frames, result.output) == (20, url)
    assert result.bytes > 1000
    info = probe(got)
    assert (info.video.codec, info.video.width, info.video.height) == ("h264", 214, 120)
    assert check_whole(got).frames == 20
    assert info.audio_codecs == (("aac",) if engine == "ffmpeg" else ())


def test_srt_needs_somebody_who_listens(quiet: Workbench, tmp_path: Path) -> None:
    """What arrives is not looked at: SRT is live and drops what comes faster than it is shown."""
    if "srt" not in _protocols().split():
        pytest.skip("this ffmpeg has no SRT")
    url = f"srt://127.0.0.1:{_free_port(socket.SOCK_DGRAM)}"
    with pytest.raises(FfmpegFailed):
        scenario(quiet, "120p10-h264", duration=1, output=url, encoder="software", engine="ffmpeg")
    with _listener(f"{url}?mode=listener", tmp_path / "got.mkv"):
        result = scenario(quiet, "120p10-h264", duration=2, output=url, encoder="software", engine="ffmpeg")
    assert (result.frames, result.output) == (20, url)
    assert result.bytes > 1000


def test_a_server_that_is_not_there(quiet: Workbench) -> None:
    url = f"rtmp://127.0.0.1:{_free_port(socket.SOCK_STREAM)}/live/load"
    with pytest.raises(FfmpegFailed) as failure:
        scenario(quiet, "120p10-h264", duration=1, output=url, encoder="software", engine="ffmpeg")
    assert failure.value.exit_code > 0
    assert "ffmpeg" in Path(failure.value.argv[0]).name


@needs_gstreamer
@pytest.mark.parametrize("codec", CODECS)
def test_gstreamer_makes_the_same(bench: Workbench, codec: str) -> None:
    result = scenario(bench, f"120p10-{codec}", duration=1.5, bitrate_wanted="200k", output="file", engine="gstreamer")
    assert (result.engine, result.encoder) == ("gstreamer", gstreamer.encoder(codec).element)
    assert (result.frames, result.width, result.height) == (15, 214, 120)
    assert result.cpu_seconds > 0
    nowhere = scenario(bench, f"120p10-{codec}", duration=1, engine="gstreamer")
    assert (nowhere.frames, nowhere.output) == (10, "null")
    assert nowhere.bytes > 1000


@needs_gstreamer
@pytest.mark.parametrize(
    ("name", "url"), [("120p10-h264", "srt://localhost:9"), ("120p10-h265", "rtmp://localhost/a/b")]
)
def test_what_gstreamer_cannot_send(quiet: Workbench, name: str, url: str) -> None:
    with refused(CapabilityError, missing=url.partition(":")[0]):
        scenario(quiet, name, duration=1, output=url, engine="gstreamer")


@needs_gstreamer
def test_gstreamer_reports_what_is_wrong(quiet: Workbench) -> None:
    url = f"rtmp://127.0.0.1:{_free_port(socket.SOCK_STREAM)}/live/load"
    with pytest.raises(FfmpegFailed) as failure:
        scenario(quiet, "120p10-h264", duration=1, output=url, engine="gstreamer")
    assert (Path(failure.value.argv[0]).name, failure.value.exit_code) == ("gst-launch-1.0", 1)


@needs_gstreamer
def test_gstreamer_stands_in_for_an_encoder_ffmpeg_lacks(quiet: Workbench, tmp_path: Path) -> None:
    here = replace(quiet, transcoder=_without(tmp_path, "libvpx"))
    result = scenario(here, "120p10-vp8", duration=1)
    assert (result.engine, result.encoder) == ("gstreamer", "vp8enc")


def _without(folder: Path, encoder: str) -> Transcoder:
    program = folder / "ffmpeg"
    program.write_text(f"""#!/bin/bash\n"{find_ffmpeg()}" "$@" | grep -v {encoder}\n""")
    program.chmod(0o755)
    return Transcoder(options=TranscoderOptions(binary=program))


def test_without_gstreamer_the_packages_are_named(
    quiet: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused(CapabilityError, missing="gst-launch-1.0", failure_class=FailureClass.CAPABILITY) as refusal:
        scenario(quiet, "120p10-h264", duration=1, engine="gstreamer")
    assert all(package in str(refusal.error) for package in gstreamer.PACKAGES)


def test_an_element_that_is_missing_is_named_with_its_package(
    quiet: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, code in (("gst-launch-1.0", "exit 1"), ("gst-inspect-1.0", '[ "$2" != x264enc ]')):
        (tmp_path / name).write_text(f"#!/bin/bash\n{code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("REELMILL_GST_LAUNCH", str(tmp_path / "gst-launch-1.0"))
    get_settings.cache_clear()
    with refused(CapabilityError, missing="gstreamer1.0-plugins-ugly"):
        scenario(quiet, "120p10-h264", duration=1, engine="gstreamer")


def test_an_encoder_neither_engine_has(quiet: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    transcoder = _without(tmp_path, "libvpx")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("REELMILL_GST_LAUNCH", str(tmp_path / "empty" / "gst-launch-1.0"))
    get_settings.cache_clear()
    with refused(CapabilityError, missing="libvpx"):
        scenario(replace(quiet, transcoder=transcoder), "120p10-vp8", duration=1)


@pytest.mark.parametrize(("name", "engine"), [("120p10-vp9", "ffmpeg"), ("120p10-h264", "gstreamer")])
def test_a_gpu_that_cannot_do_it(quiet: Workbench, name: str, engine: str) -> None:
    with refused(CapabilityError):
        scenario(quiet, name, duration=1, encoder="nvenc", engine=engine)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "by", "site_choice", "encoder"),
    [
        ("720p30-h264", "auto", "auto", "h264_nvenc"),
        ("720p30-h264", "auto", "x264", "libx264"),
        ("720p30-h264", "software", "nvenc", "libx264"),
        ("720p30-h264", "nvenc", "x264", "h264_nvenc"),
        ("16p10-h264", "auto", "auto", "libx264"),  # too small for a GPU
        ("720p30-vp9", "auto", "nvenc", "libvpx-vp9"),
    ],
)
def test_which_encoder(tmp_path: Path, name: str, by: LoadChoice, site_choice: str, encoder: str) -> None:
    program = pretender(tmp_path, "exit 0")
    options = TranscoderOptions(binary=program, encoder=site_choice)  # type: ignore[arg-type]
    transcoder = Transcoder(options=options, devices=FullGpu(program).devices)
    assert load.choose_encoder(transcoder, scenario_named(name), by) == encoder


def test_a_full_gpu_is_not_stood_in_for(quiet: Workbench, tmp_path: Path) -> None:
    """Software in its stead would prove nothing of the GPU."""
    program = pretender(tmp_path, "exit 0")
    gpu = FullGpu(program)
    transcoder = Transcoder(options=TranscoderOptions(binary=program), runner=gpu, devices=gpu.devices)
    with refused(GpuBusy):
        scenario(replace(quiet, transcoder=transcoder), "360p30-h264", duration=1)
    assert gpu.encoders == ["h264_nvenc"]
