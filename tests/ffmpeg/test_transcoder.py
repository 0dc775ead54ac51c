from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.classification import classify
from reelmill.errors import CapabilityError, FailureClass, FfmpegFailed, GpuBusy
from reelmill.ffmpeg.binary import encoders, find_ffmpeg
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.progress import Progress
from reelmill.ffmpeg.process.run import Limits, OnProgress, ProcessResult
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.hardware.backends import EncoderChoice
from reelmill.hardware.gpu import FakeDevices
from reelmill.hardware.vram_share import VARIABLE
from reelmill.report import NullReport
from tests.ffmpeg.nvenc import NVIDIA_L4, FullGpu, Lines, pretender
from tests.refusals import refused


def _command(target: Path, way: Encoding, size: str = "160x120") -> tuple[str, ...]:
    pattern = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=1")
    return (*pattern, "-c:v", way.encoder, "-pix_fmt", "yuv420p", str(target))


@pytest.mark.parametrize(
    ("wanted", "site_choice", "gpu", "trial", "chosen"),
    [
        ("auto", "auto", True, "exit 0", "h264_nvenc"),
        ("auto", "auto", True, "exit 1", "libx264"),  # a GPU without an encoder, or without a session now
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
    tmp_path: Path, wanted: EncoderChoice, site_choice: EncoderChoice, gpu: bool, trial: str, chosen: str | None
) -> None:
    options = TranscoderOptions(binary=pretender(tmp_path, trial), encoder=site_choice)
    transcoder = Transcoder(options=options, devices=FakeDevices((NVIDIA_L4,) if gpu else ()))
    if chosen is not None:
        assert transcoder.choose_encoder(wanted) == chosen
        return
    with refused(CapabilityError, missing="h264_nvenc"):
        transcoder.choose_encoder(wanted)


def test_nvenc_asked_of_an_ffmpeg_without_it(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' V....D libx264 only'\n")
    program.chmod(0o755)
    transcoder = Transcoder(options=TranscoderOptions(binary=program), devices=FakeDevices((NVIDIA_L4,)))
    assert encoders(program) == {"libx264"}
    with refused(CapabilityError, missing="h264_nvenc"):
        transcoder.choose_encoder("nvenc")


def test_a_full_gpu_is_stood_in_for_with_the_same_settings(tmp_path: Path) -> None:
    gpu, report, ways = FullGpu(find_ffmpeg()), Lines(), []

    def command(way: Encoding) -> tuple[str, ...]:
        ways.append(way)
        return _command(tmp_path / "a.mp4", way)

    asked = Encoding(encoder="h264_nvenc", preset="fast", crf=30, max_kbit=500)
    done = Transcoder(runner=gpu, devices=gpu.devices).encode(command, asked, report)
    assert ways == [asked, Encoding(encoder="libx264", preset="fast", crf=30, max_kbit=500)]
    assert (done.encoder, done.last.frames) == ("libx264", 25)
    assert probe(tmp_path / "a.mp4").video.codec == "h264"
    lines = [line for line in report.lines if not line.startswith(("command: ", "ffmpeg: "))]
    assert lines == [
        "the GPU could not encode (no encoder session or no GPU memory is left); encoding in software instead (libx264)"
    ]


def test_with_the_option_off_the_job_waits(tmp_path: Path) -> None:
    gpu = FullGpu(find_ffmpeg())
    transcoder = Transcoder(options=TranscoderOptions(software_fallback=False), runner=gpu, devices=gpu.devices)
    with pytest.raises(GpuBusy) as caught:
        transcoder.encode(lambda way: _command(tmp_path / "a.mp4", way), Encoding(encoder="h264_nvenc"), Lines())
    assert isinstance(caught.value.__cause__, FfmpegFailed)
    assert gpu.encoders == ["h264_nvenc"]


def test_too_little_memory_names_vram_mb_and_how_to_raise_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "4000")
    options = TranscoderOptions(software_fallback=False)

    def said(*lines: str) -> str:
        gpu = FullGpu(find_ffmpeg(), *lines)
        with pytest.raises(GpuBusy) as caught:
            Transcoder(options=options, runner=gpu, devices=gpu.devices).encode(
                lambda way: _command(tmp_path / "a.mp4", way), Encoding(encoder="h264_nvenc"), Lines()
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
        Transcoder(runner=gpu).encode(lambda way: _command(tmp_path / "a.mp4", way), Encoding("h264_nvenc"), Lines())
    assert gpu.encoders == ["h264_nvenc"]


def test_software_that_fails_is_not_tried_twice(tmp_path: Path) -> None:
    gpu = FullGpu(find_ffmpeg())
    with pytest.raises(FfmpegFailed):
        Transcoder(runner=gpu).encode(lambda way: _command(tmp_path / "no" / "a.mp4", way), Encoding(), Lines())
    assert gpu.encoders == ["libx264"]


class _Early:
    """A runner whose encoder reports a time before the first frame's, as it does where frames are reordered."""

    def describe(self, arguments: Sequence[str]) -> str:
        return " ".join(arguments)

    def run(
        self, arguments: Sequence[str], *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> ProcessResult:
        assert on_progress is not None
        for out_time in (Fraction(-31, 10), Fraction(200)):
            on_progress(Progress(frames=1, out_time=out_time, speed=0.5))
        return ProcessResult(1.0, 1.0, Progress(), ())


def test_progress_is_never_less_than_nothing() -> None:
    seen: list[tuple[float, str]] = []

    class Screen(NullReport):
        def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
            seen.append((fraction, text))

    Transcoder(runner=_Early()).run(("-i", "a"), Screen(), Fraction(400))
    assert seen == [(0.0, "0.0 s, 0.50x"), (0.5, "3 min 20 s, 0.50x")]
