"""Which ffmpeg this node uses, and what that build can do."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Final

import imageio_ffmpeg

from reelmill.errors import CapabilityError

#: Seconds a trial encode may take; a driver that hangs is as good as none.
TRIAL_SECONDS: Final = 30.0


def find_ffmpeg(wanted: Path | None = None) -> Path:
    """The ffmpeg to use: ``wanted`` (a setting), else PATH's, else the one bundled with imageio-ffmpeg.

    Returns:
        The program's path.

    Raises:
        CapabilityError: ``wanted`` is not there, or cannot be run.
    """
    if wanted is not None:
        if not wanted.is_file() or not os.access(wanted, os.X_OK):
            reason = f"The ffmpeg named in the settings, {wanted}, is not a program that can be run."
            raise CapabilityError(reason, str(wanted))
        return wanted
    on_path = shutil.which("ffmpeg")
    return Path(on_path) if on_path else Path(imageio_ffmpeg.get_ffmpeg_exe())


def _listing(ffmpeg: Path, what: str) -> list[list[str]]:
    listing = subprocess.run(
        [str(ffmpeg), "-hide_banner", what], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return [line.split() for line in listing.stdout.splitlines()]


@lru_cache(maxsize=8)
def version(ffmpeg: Path) -> str:
    """The build's own name, e.g. ``n9.0.2-17-g2a571b6068-20260930``."""
    return _listing(ffmpeg, "-version")[0][2]


@lru_cache(maxsize=8)
def encoders(ffmpeg: Path) -> frozenset[str]:
    """Encoders compiled into the build. A GPU encoder in this list still needs its GPU: see ``usable``."""
    return frozenset(row[1] for row in _listing(ffmpeg, "-encoders") if len(row) > 2 and row[0][0] in "VAS")


@lru_cache(maxsize=8)
def filters(ffmpeg: Path) -> frozenset[str]:
    """Filters compiled into the build."""
    return frozenset(row[1] for row in _listing(ffmpeg, "-filters") if len(row) > 2 and "->" in row[2])


def usable(ffmpeg: Path, encoder: str, *, seconds: float = TRIAL_SECONDS) -> bool:
    """Whether ``encoder`` really encodes here, tried with one 256x256 frame.

    A yes is remembered for as long as the process lives or until ``forget_trials``. A no is not: a GPU may have been
    out of sessions, or its driver not up yet, only just then.

    Args:
        ffmpeg: the program.
        encoder: ffmpeg's name of it.
        seconds: how long the trial may take; a longer one counts as a no.

    Returns:
        Whether the trial went well.
    """
    if encoder not in encoders(ffmpeg):
        return False
    try:
        _one_frame(ffmpeg, encoder, seconds)
    except subprocess.SubprocessError:  # it failed, or it hung
        return False
    return True


def forget_trials() -> None:
    """Make the next ``usable`` try each encoder anew, also those that worked."""
    _one_frame.cache_clear()


@lru_cache(maxsize=32)
def _one_frame(ffmpeg: Path, encoder: str, seconds: float) -> None:
    """Encode a frame. An error is no result, so the cache keeps successes only."""
    # 256x256 because NVENC takes no less than 145 pixels a side.
    source = ["-f", "lavfi", "-i", "color=size=256x256:rate=1:duration=1"]
    subprocess.run(
        [str(ffmpeg), "-v", "error", *source, "-frames:v", "1", "-c:v", encoder, "-f", "null", "-"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=seconds,
        check=True,
    )
