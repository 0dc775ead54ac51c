"""Which video encoders work on this machine, and what it means when one of the GPU's does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from reelmill.errors import FfmpegFailed
from reelmill.ffmpeg.binary import usable
from reelmill.scheduling.admitted import admitted_mb, how_to_raise
from reelmill.scheduling.devices import NVML, Devices

#: The H.264, HEVC, AV1 and VP9 encoders the product can use.
SOFTWARE: Final = ("libx264", "libx265", "libsvtav1", "libvpx-vp9")
NVENC: Final = ("h264_nvenc", "hevc_nvenc", "av1_nvenc")

#: Lines of ffmpeg's NVENC and CUDA parts; a file's name may say anything, but not stand there.
_SPEAKER: Final = re.compile(r"^\[[^]]*(?:nvenc|AVHWDeviceContext) @ ")

_NO_MEMORY: Final = "no GPU memory is left"

#: What they say, the cause before its consequences, and what that is in words.
#: Source: libavcodec/nvenc.c (``nvenc_errors`` and its callers), libavutil/cuda_check.h, nv-codec-headers' loaders.
#: Too many sessions are "out of memory" to old drivers and "incompatible client key" to new ones.
_TROUBLES: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"OpenEncodeSessionEx failed: incompatible client key \(21\)", "the driver gives no further encoder session"),
        (r"OpenEncodeSessionEx failed: out of memory \(10\)", f"no encoder session or {_NO_MEMORY}"),
        (r"failed: out of memory \(10\)|CUDA_ERROR_OUT_OF_MEMORY", _NO_MEMORY),
        (r"(?:encoder|lock) busy \((?:18|13)\)", "the encoder is busy"),
        (r"no encode device \(1\)|unsupported device \(2\)", "the card has no encoder of this kind"),
        (r"invalid (?:encoder )?device \([34]\)|device does not exist \(5\)", "the card is gone"),
        (r"Cannot load (lib(?:cuda|nvidia-encode)\S*)", "the driver's library {0} cannot be loaded"),
        (r"Driver does not support the required nvenc API version", "the NVIDIA driver is too old for this ffmpeg"),
        (r"Failed to (?:query nvenc max version|create nvenc instance)", "the NVIDIA driver does not answer"),
        (r"(CUDA_ERROR_(?!INVALID_VALUE)[A-Z_]+)", "the card failed with {0}"),
        (r"generic error \(20\)", "the card stopped encoding"),
        (r"Frame Dimension less than the minimum", "the picture is too small for the card"),
        (r"(?:Width|Height) \d+ exceeds \d+", "the picture is too large for the card"),
        (r"No (?:NVENC |CUDA )?capable devices found", "no card here can encode this"),
    )
)


def working_encoders(ffmpeg: Path, devices: Devices = NVML) -> tuple[str, ...]:
    """The encoders that passed a one-frame test encode here; NVENC's are tried only where there is a card.

    Args:
        ffmpeg: the program.
        devices: the machine's cards.
    """
    candidates = (*SOFTWARE, *NVENC) if devices.gpus() else SOFTWARE
    return tuple(encoder for encoder in candidates if usable(ffmpeg, encoder))


def gpu_trouble(error: FfmpegFailed) -> str | None:
    """Why an encode failed, in a few words, where the GPU is to blame; None for any other failure (pure).

    To blame is want of a session, of memory or of the device itself, and a picture whose size the card does not take:
    in software, or at another time or place, the same work can succeed.
    """
    if error.exit_code < 0:  # killed by a signal: whatever it said before, somebody ended it
        return None
    said = [line for line in error.stderr_tail if _SPEAKER.match(line)]
    for pattern, words in _TROUBLES:
        for line in said:
            found = pattern.search(line)
            if found:
                return words.format(*found.groups())
    return None


def advice(trouble: str) -> str:
    """What to do about it before the job runs again, as part of a sentence; "" where only waiting helps.

    Args:
        trouble: as ``gpu_trouble`` says it.
    """
    return f"; {how_to_raise(admitted_mb())}" if trouble.endswith(_NO_MEMORY) else ""
