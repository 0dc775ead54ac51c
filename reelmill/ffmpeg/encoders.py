"""Which video encoders work on this node, and what it means when one of the GPU's does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from reelmill.errors import FfmpegFailed
from reelmill.ffmpeg.binary import usable
from reelmill.ffmpeg.codecs import encoders_by
from reelmill.hardware.backends import BACKENDS, NVENC, Backend
from reelmill.hardware.gpu import NVML, Devices
from reelmill.hardware.vram_share import admitted_mb, how_to_raise

_NO_MEMORY: Final = "no GPU memory is left"

#: What a line of NVENC's looks like, the cause before its consequences, and what that is in words.
#: Source: libavcodec/nvenc.c (``nvenc_errors`` and its callers), libavutil/cuda_check.h, nv-codec-headers' loaders.
#: Too many sessions are "out of memory" to old drivers and "incompatible client key" to new ones.
_NVENC_TROUBLES: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"OpenEncodeSessionEx failed: incompatible client key \(21\)", "the driver gives no further encoder session"),
        (r"OpenEncodeSessionEx failed: out of memory \(10\)", f"no encoder session or {_NO_MEMORY}"),
        (r"failed: out of memory \(10\)|CUDA_ERROR_OUT_OF_MEMORY", _NO_MEMORY),
        (r"(?:encoder|lock) busy \((?:18|13)\)", "the encoder is busy"),
        (r"no encode device \(1\)|unsupported device \(2\)", "the GPU has no encoder of this kind"),
        (r"invalid (?:encoder )?device \([34]\)|device does not exist \(5\)", "the GPU is gone"),
        (r"Cannot load (lib(?:cuda|nvidia-encode)\S*)", "the driver's library {0} cannot be loaded"),
        (r"Driver does not support the required nvenc API version", "the NVIDIA driver is too old for this ffmpeg"),
        (r"Failed to (?:query nvenc max version|create nvenc instance)", "the NVIDIA driver does not answer"),
        (r"(CUDA_ERROR_(?!INVALID_VALUE)[A-Z_]+)", "the GPU failed with {0}"),
        (r"generic error \(20\)", "the GPU stopped encoding"),
        (r"Frame Dimension less than the minimum", "the frame is too small for the GPU"),
        (r"(?:Width|Height) \d+ exceeds \d+", "the frame is too large for the GPU"),
        (r"No (?:NVENC |CUDA )?capable devices found", "no GPU here can encode this"),
    )
)

#: By back end: which lines come from ffmpeg's parts for it (a file's name may say anything, but not stand there), and
#: what they say.
_TROUBLES: Final = {NVENC: (re.compile(r"^\[[^]]*(?:nvenc|AVHWDeviceContext) @ "), _NVENC_TROUBLES)}


def working_encoders(ffmpeg: Path, devices: Devices = NVML) -> tuple[str, ...]:
    """The encoders that passed a one-frame test encode here; those of a GPU are tried only where there is one.

    Args:
        ffmpeg: the program.
        devices: the node's GPUs.

    Returns:
        ffmpeg's names of them, those in software first.
    """
    there = {None, *(gpu.vendor for gpu in devices.gpus())}
    candidates = (encoder for backend in BACKENDS if backend.vendor in there for encoder in encoders_by(backend))
    return tuple(encoder for encoder in candidates if usable(ffmpeg, encoder))


def gpu_trouble(error: FfmpegFailed) -> str | None:
    """Why an encode failed, in a few words, where the GPU is to blame; None for any other failure (pure).

    To blame is want of a session, of memory or of the device itself, and a frame whose size the GPU does not take:
    in software, or at another time or place, the same work can succeed.

    Returns:
        A part of a sentence, such as "the encoder is busy".
    """
    if error.exit_code < 0:  # killed by a signal: whatever it said before, somebody ended it
        return None
    return next((trouble for backend in BACKENDS if (trouble := _trouble_of(backend, error)) is not None), None)


def _trouble_of(backend: Backend, error: FfmpegFailed) -> str | None:
    if backend not in _TROUBLES:
        return None
    speaker, troubles = _TROUBLES[backend]
    lines = [line for line in error.stderr_tail if speaker.match(line)]
    for pattern, words in troubles:
        found = next((match for line in lines if (match := pattern.search(line))), None)
        if found:
            return words.format(*found.groups())
    return None


def advice(trouble: str) -> str:
    """What to do before the job runs again, as part of a sentence.

    Args:
        trouble: what ``gpu_trouble`` returned.

    Returns:
        "" where only waiting helps.
    """
    return f"; {how_to_raise(admitted_mb())}" if trouble.endswith(_NO_MEMORY) else ""
