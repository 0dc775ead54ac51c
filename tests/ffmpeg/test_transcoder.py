from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.errors import CapabilityError, FailureClass, FfmpegFailed, GpuBusy, classify
from reelmill.ffmpeg.binary import encoders, find_ffmpeg
from reelmill.ffmpeg.build import H264
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.transcoder import Encoder, Transcoder, TranscoderOptions
from reelmill.scheduling.admitted import VARIABLE
from reelmill.scheduling.devices import FakeDevices
from tests.ffmpeg.nvenc import CARD, FullGpu, Lines, pretender


def _command(target: Path, way: H264, size: str = "160x120") -> tuple[str, ...]:
    pattern = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=1")
    return (*pattern, "-c:v", way.encoder, "-pix_fmt", "yuv420p", str(target))


@pytest.mark.parametrize(
    ("wanted", "site", "card", "trial", "chosen"),
    [
        ("auto", "auto", True, "exit 0", "h264_nvenc"),
        ("auto", "auto", True, "exit 1", "libx264"),  # a card without an encoder, or without a session now
        ("auto", "auto", False, "exit 0", "libx264"),
        ("auto", "x264", True, "exit 0", "libx264"),
        ("x264", "nvenc", True, "exit 0", "libx264"),
        ("auto", "nvenc", True, "exit 1", "h264_nvenc"),  # asked for by name: the encode itself will tell
        ("nvenc", "x264", True, "exit 1", "h264_nvenc"),
        ("nvenc", "auto", False, "exit 0", "h264_nvenc"),
        ("nvenc", "auto", False, "exit 1", None),
        ("auto", "nvenc", False, "exit 1", None),
    ],
)
def test_which_encoder(
    tmp_path: Path, wanted: Encoder, site: Encoder, card: bool, trial: str, chosen: str | None
) -> None:
    options = TranscoderOptions(binary=pretender(tmp_path, trial), encoder=site)
    transcoder = Transcoder(options=options, devices=FakeDevices((CARD,) if card else ()))
    if chosen is not None:
        assert transcoder.h264_encoder(wanted) == chosen
        return
    with pytest.raises(CapabilityError, match="h264_nvenc does not work"):
        transcoder.h264_encoder(wanted)


def test_nvenc_asked_of_an_ffmpeg_without_it(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' V....D libx264 only'\n")
    program.chmod(0o755)
    transcoder = Transcoder(options=TranscoderOptions(binary=program), devices=FakeDevices((CARD,)))
    assert encoders(program) == {"libx264"}
    with pytest.raises(CapabilityError, match="h264_nvenc does not work"):
        transcoder.h264_encoder("nvenc")


def test_a_full_gpu_is_stood_in_for_with_the_same_settings(tmp_path: Path) -> None:
    gpu, report, ways = FullGpu(find_ffmpeg()), Lines(), []

    def command(way: H264) -> tuple[str, ...]:
        ways.append(way)
        return _command(tmp_path / "a.mp4", way)

    asked = H264(encoder="h264_nvenc", preset="fast", crf=30, max_kbit=500)
    done = Transcoder(runner=gpu, devices=gpu.devices).encode(command, asked, report)
    assert ways == [asked, H264(encoder="libx264", preset="fast", crf=30, max_kbit=500)]
    assert (done.encoder, done.last.frames) == ("libx264", 25)
    assert probe(tmp_path / "a.mp4").video.codec == "h264"
    told = [line for line in report.lines if not line.startswith(("command: ", "ffmpeg: "))]
    assert told == [
        "the GPU could not encode (no encoder session or no GPU memory is left); encoding in software instead (libx264)"
    ]


def test_with_the_option_off_the_job_waits(tmp_path: Path) -> None:
    gpu = FullGpu(find_ffmpeg())
    transcoder = Transcoder(options=TranscoderOptions(software_fallback=False), runner=gpu, devices=gpu.devices)
    with pytest.raises(GpuBusy, match="software_fallback") as caught:
        transcoder.encode(lambda way: _command(tmp_path / "a.mp4", way), H264(encoder="h264_nvenc"), Lines())
    assert isinstance(caught.value.__cause__, FfmpegFailed)
    assert gpu.encoders == ["h264_nvenc"]


def test_too_little_memory_names_vram_mb_and_how_to_raise_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "4000")
    options = TranscoderOptions(software_fallback=False)

    def said(*lines: str) -> str:
        gpu = FullGpu(find_ffmpeg(), *lines)
        with pytest.raises(GpuBusy) as caught:
            Transcoder(options=options, runner=gpu, devices=gpu.devices).encode(
                lambda way: _command(tmp_path / "a.mp4", way), H264(encoder="h264_nvenc"), Lines()
            )
        assert classify(caught.value) == (FailureClass.RESOURCE, True)
        return str(caught.value)

    advice = "admitted to 4000 MB: raise its job variable vram_mb, for one run with --job-variable vram_mb=8000"
    assert advice in said()
    assert advice in said("[h264_nvenc @ 0x55d1] dl_fn->cuda_dl->cuCtxCreate(…) failed -> CUDA_ERROR_OUT_OF_MEMORY: …")
    assert "vram_mb" not in said("[h264_nvenc @ 0x55d1] EncodePicture failed!: encoder busy (18)")


def test_what_is_not_the_gpus_fault_stays_what_it_is(tmp_path: Path) -> None:
    gpu = FullGpu(find_ffmpeg(), "[h264_nvenc @ 0x55d1] InitializeEncoder failed: invalid param (8): (no details)")
    with pytest.raises(FfmpegFailed):
        Transcoder(runner=gpu).encode(lambda way: _command(tmp_path / "a.mp4", way), H264("h264_nvenc"), Lines())
    assert gpu.encoders == ["h264_nvenc"]


def test_software_that_fails_is_not_tried_twice(tmp_path: Path) -> None:
    gpu = FullGpu(find_ffmpeg())
    with pytest.raises(FfmpegFailed):
        Transcoder(runner=gpu).encode(lambda way: _command(tmp_path / "no" / "a.mp4", way), H264(), Lines())
    assert gpu.encoders == ["libx264"]
