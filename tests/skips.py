"""What a test run left out, and how to have it: one line for the end of the run (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from reelmill.ffmpeg.loadtest.gstreamer import PACKAGES

#: How to have what was skipped, by how its reason begins.
REMEDIES: Final = {
    "GStreamer is not installed": f"apt-get install {' '.join(PACKAGES)}",
    "Prometheus is not installed": "apt-get install prometheus",
    "nginx is not installed": "apt-get install nginx-light",
    "Caddy is not installed": "apt-get install caddy",
    "Chromium is not installed": "apt-get install chromium",
    "the extra [ai] is not installed": "make ai",
    "the shared folder of real clips": "put it at ../shared/media",
    "no file system of a camera": "apt-get install dosfstools exfatprogs, on a kernel with vfat and exfat",
    "no NVIDIA card": "run on a machine with an NVIDIA GPU",
    "no disk that fails": "run as root with loop devices, apt-get install e2fsprogs",
    "no network namespaces": "run as root, apt-get install iproute2",
    "no small disk": "run as root",
    "only root": "run as root",
    "this ffmpeg has no": "put a full build of ffmpeg on PATH",
}


def summary(reasons: Iterable[str]) -> str:
    """What was skipped, as one line.

    Args:
        reasons: The reason of each skip, as pytest reports it.

    Returns:
        The number of skips for each reason, most first, with the remedy where one is known; "" where nothing was
        skipped.
    """
    counts = Counter(reason.removeprefix("Skipped: ") for reason in reasons)
    return "not run: " + "; ".join(_entry(*one) for one in counts.most_common()) if counts else ""


def _entry(reason: str, count: int) -> str:
    remedy = next((one for start, one in REMEDIES.items() if reason.startswith(start)), "")
    how = f" ({remedy})" if remedy and remedy not in reason else ""
    return f"{count} x {reason}{how}"
