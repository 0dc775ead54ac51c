from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.errors import FfmpegFailed
from reelmill.ffmpeg.binary import encoders, find_ffmpeg, forget_trials, usable
from reelmill.ffmpeg.codecs import encoders_by, runs_on_gpu
from reelmill.ffmpeg.encoders import gpu_trouble, working_encoders
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.hardware.backends import NVENC, SOFTWARE
from reelmill.hardware.gpu import FakeDevices, gpus
from tests.ffmpeg.nvenc import AFTER, NVIDIA_L4, pretender


def test_the_software_encoders_of_this_build_work() -> None:
    ffmpeg = find_ffmpeg()
    compiled = tuple(name for name in encoders_by(SOFTWARE) if name in encoders(ffmpeg))
    assert working_encoders(ffmpeg, FakeDevices()) == compiled
    assert "libx264" in compiled


def test_an_encoder_that_is_not_compiled_in_does_not_work() -> None:
    assert not usable(find_ffmpeg(), "h265_nonsense")


def test_without_a_gpu_nvenc_is_not_even_tried(tmp_path: Path) -> None:
    ffmpeg = pretender(tmp_path, "exit 0")
    assert not any(map(runs_on_gpu, working_encoders(ffmpeg, FakeDevices())))
    assert not (tmp_path / "trials").exists()


def test_with_a_gpu_nvenc_counts_if_a_frame_goes_through(tmp_path: Path) -> None:
    ffmpeg = pretender(tmp_path, '[[ "$*" == *h264_nvenc* ]]')
    assert [name for name in working_encoders(ffmpeg, FakeDevices((NVIDIA_L4,))) if runs_on_gpu(name)] == ["h264_nvenc"]


def test_a_gpu_that_was_busy_once_is_asked_again(tmp_path: Path) -> None:
    ffmpeg = pretender(tmp_path, f"[ -e {tmp_path}/free ]")
    assert not usable(ffmpeg, "h264_nvenc")
    (tmp_path / "free").touch()
    assert usable(ffmpeg, "h264_nvenc")


def test_a_success_is_remembered_until_it_is_forgotten(tmp_path: Path) -> None:
    ffmpeg = pretender(tmp_path, f"[ ! -e {tmp_path}/gone ]")
    assert usable(ffmpeg, "h264_nvenc")
    (tmp_path / "gone").touch()
    assert usable(ffmpeg, "h264_nvenc")
    assert len((tmp_path / "trials").read_text().splitlines()) == 1
    forget_trials()
    assert not usable(ffmpeg, "h264_nvenc")


def test_a_trial_that_hangs_is_a_no(tmp_path: Path) -> None:
    assert not usable(pretender(tmp_path, "exec sleep 60"), "h264_nvenc", seconds=0.3)


@pytest.mark.gpu
def test_a_real_gpu_encodes_or_fails_in_known_words() -> None:
    """An H100 has no encoder at all: it is there, and NVENC does not work."""
    if not gpus():
        pytest.skip("no NVIDIA card here")
    ffmpeg = find_ffmpeg()
    source = ("-f", "lavfi", "-i", "color=size=256x256:rate=1:duration=1", "-frames:v", "1")
    for encoder in set(encoders_by(NVENC)) & encoders(ffmpeg) - set(working_encoders(ffmpeg)):
        with pytest.raises(FfmpegFailed) as caught:
            FfmpegRunner(ffmpeg).run([*source, "-c:v", encoder, "-f", "null", "-"])
        assert gpu_trouble(caught.value), caught.value.stderr_tail


def _failed(*said: str, exit_code: int = 244) -> FfmpegFailed:
    return FfmpegFailed("ffmpeg failed", argv=("ffmpeg",), exit_code=exit_code, stderr_tail=said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("OpenEncodeSessionEx failed: out of memory (10): (no details)", "no encoder session or no GPU memory is left"),
        ("OpenEncodeSessionEx failed: out of memory (10)", "no encoder session or no GPU memory is left"),
        (
            "OpenEncodeSessionEx failed: incompatible client key (21): (no details)",
            "the driver gives no further encoder session",
        ),
        ("OpenEncodeSessionEx failed: no encode device (1): (no details)", "the GPU has no encoder of this kind"),
        ("OpenEncodeSessionEx failed: unsupported device (2): (no details)", "the GPU has no encoder of this kind"),
        ("OpenEncodeSessionEx failed: device does not exist (5): (no details)", "the GPU is gone"),
        ("CreateInputBuffer failed: out of memory (10): EncodeAPI Internal Error.", "no GPU memory is left"),
        ("CreateBitstreamBuffer failed: out of memory (10)", "no GPU memory is left"),
        ("InitializeEncoder failed: out of memory (10): (no details)", "no GPU memory is left"),
        (
            "dl_fn->cuda_dl->cuCtxCreate(&ctx->cu_context_internal, 0, cu_device) failed -> "
            "CUDA_ERROR_OUT_OF_MEMORY: out of memory",
            "no GPU memory is left",
        ),
        (
            "dl_fn->cuda_dl->cuInit(0) failed -> CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
            "the GPU failed with CUDA_ERROR_NO_DEVICE",
        ),
        (
            "dl_fn->cuda_dl->cuCtxCreate(&ctx->cu_context_internal, 0, cu_device) failed -> "
            "CUDA_ERROR_DEVICE_UNAVAILABLE: CUDA-capable device(s) is/are busy or unavailable",
            "the GPU failed with CUDA_ERROR_DEVICE_UNAVAILABLE",
        ),
        ("Cannot load libcuda.so.1", "the driver's library libcuda.so.1 cannot be loaded"),
        ("Cannot load libnvidia-encode.so.1", "the driver's library libnvidia-encode.so.1 cannot be loaded"),
        (
            "Driver does not support the required nvenc API version. Required: 13.0 Found: 12.2",
            "the NVIDIA driver is too old for this ffmpeg",
        ),
        ("Failed to create nvenc instance: invalid version (15)", "the NVIDIA driver does not answer"),
        ("EncodePicture failed!: encoder busy (18): (no details)", "the encoder is busy"),
        ("Failed locking bitstream buffer: generic error (20): (no details)", "the GPU stopped encoding"),
        ("No capable devices found", "no GPU here can encode this"),
        ("No NVENC capable devices found", "no GPU here can encode this"),
        ("No CUDA capable devices found", "no GPU here can encode this"),
        ("Width 8192 exceeds 4096", "the frame is too large for the GPU"),
        (
            "InitializeEncoder failed: invalid param (8): Frame Dimension less than the minimum supported value.",
            "the frame is too small for the GPU",
        ),
    ],
)
def test_the_gpus_trouble_is_recognised(said: str, words: str) -> None:
    assert gpu_trouble(_failed(f"[h264_nvenc @ 0x5621123f9bc0] {said}", *AFTER)) == words


def test_the_cause_is_named_and_not_its_consequence() -> None:
    error = _failed(
        "[h264_nvenc @ 0x5601aa5b40c0] OpenEncodeSessionEx failed: out of memory (10)",
        "[h264_nvenc @ 0x5601aa5b40c0] No NVENC capable devices found",
    )
    assert gpu_trouble(error) == "no encoder session or no GPU memory is left"


def test_a_device_asked_for_by_ffmpeg_itself() -> None:
    error = _failed("[AVHWDeviceContext @ 0x55d1] Cannot load libcuda.so.1", "Device creation failed: -1.")
    assert gpu_trouble(error) == "the driver's library libcuda.so.1 cannot be loaded"


@pytest.mark.parametrize(
    "said",
    [
        (),
        ("av_interleaved_write_frame(): No space left on device",),
        ("[in#0 @ 0x55d1] Error opening input: Invalid data found when processing input",),
        ("Error opening input file file:/m/a.mp4.",),
        ("[libx264 @ 0x55d1] malloc of size 1048576 failed", "Cannot allocate memory"),
        ("Unknown encoder 'h264_nvenc'",),
        ("[h264_nvenc @ 0x55d1] InitializeEncoder failed: invalid param (8): Preset P8 not supported.", *AFTER),
        ("[h264_nvenc @ 0x55d1] [Eval @ 0x7ffe] Undefined constant or missing '(' in 'p9'", *AFTER),
        ("file:/m/No capable devices found: OpenEncodeSessionEx failed: out of memory (10).mp4: No such file",),
        ("[h264 @ 0x55d1] error while decoding MB 3 4, bytestream -5",),
        AFTER,
    ],
)
def test_other_failures_are_not_the_gpus(said: tuple[str, ...]) -> None:
    assert gpu_trouble(_failed(*said)) is None


def test_a_killed_encode_is_not_the_gpus() -> None:
    assert gpu_trouble(_failed("[h264_nvenc @ 0x55d1] No capable devices found", exit_code=-9)) is None


def test_this_builds_own_words_without_a_driver() -> None:
    ffmpeg = find_ffmpeg()
    if gpus() or "h264_nvenc" not in encoders(ffmpeg):
        pytest.skip("this machine has a card, or its ffmpeg no NVENC")
    pattern = ("-f", "lavfi", "-i", "color=size=256x256:rate=1:duration=1")
    with pytest.raises(FfmpegFailed) as caught:
        FfmpegRunner(ffmpeg).run([*pattern, "-c:v", "h264_nvenc", "-f", "null", "-"])
    assert gpu_trouble(caught.value) == "the driver's library libcuda.so.1 cannot be loaded"
