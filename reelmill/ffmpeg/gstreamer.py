"""GStreamer as a second engine for loads: gst-launch-1.0 as Debian packages it, in software."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.load import KEYFRAME_SECONDS, Load
from reelmill.ffmpeg.progress import Progress
from reelmill.ffmpeg.run import Finished, Limits, OnProgress, Program, watched
from reelmill.ffmpeg.scenarios import Codec
from reelmill.ffmpeg.sink import Sink

#: Debian's packages, in the order a person would install them.
PACKAGES: Final = (
    "gstreamer1.0-tools",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-plugins-ugly",
)

ENCODERS: Final[dict[Codec, str]] = {"h264": "x264enc", "h265": "x265enc", "vp8": "vp8enc", "vp9": "vp9enc"}

#: Which package an element comes in. Source: packages.debian.org, file lists of Debian 12.
_FROM: Final = {
    "videotestsrc": "base",
    "vp8enc": "good",
    "vp9enc": "good",
    "mp4mux": "good",
    "webmmux": "good",
    "flvmux": "good",
    "h264parse": "bad",
    "h265parse": "bad",
    "x265enc": "bad",
    "rtmp2sink": "bad",
    "x264enc": "ugly",
}

#: How ``identity silent=false`` tells of each buffer that passes it.
_BUFFER: Final = re.compile(r"\(count:sink\) \((\d+) bytes")


def find_gst_launch(wanted: Path | None = None) -> Path | None:
    """gst-launch-1.0: ``wanted`` (a setting), else PATH's; None where there is none."""
    if wanted is not None:
        return wanted if os.access(wanted, os.X_OK) else None
    found = shutil.which("gst-launch-1.0")
    return None if found is None else Path(found)


def require_gstreamer(wanted: Path | None = None) -> Path:
    """gst-launch-1.0, which must be there.

    Raises:
        CapabilityError: it is not; names the packages.
    """
    found = find_gst_launch(wanted)
    if found is None:
        raise CapabilityError(
            f"GStreamer is not installed here: gst-launch-1.0 is missing; install {', '.join(PACKAGES)}, "
            "or choose engine=ffmpeg."
        )
    return found


def require_elements(gst_launch: Path, load: Load) -> None:
    """Every element a load needs must be installed.

    Raises:
        CapabilityError: one is not; names it and its package.
    """
    inspect = gst_launch.with_name("gst-inspect-1.0")
    for element in (word for word in arguments(load) if word in _FROM):
        known = subprocess.run(
            [str(inspect), "--exists", element], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if known.returncode != 0:
            package = f"gstreamer1.0-plugins-{_FROM[element]}"
            raise CapabilityError(f"GStreamer lacks {element} here; install {package}, or choose engine=ffmpeg.")


def arguments(load: Load) -> tuple[str, ...]:
    """The pipeline of a load, without the program's name (pure).

    The picture is bars that run sideways, with a field of noise. What the encoder puts out is counted by ``identity``,
    buffer by buffer: one buffer is one picture for each of these encoders.

    Raises:
        CapabilityError: GStreamer's FLV cannot carry H.265, and its srtsink hangs up on what is still under way:
            measured, 33 of 200 pictures arrived.
    """
    scenario = load.scenario
    if load.sink.kind == "srt" or (load.sink.kind == "rtmp" and scenario.codec != "h264"):
        raise CapabilityError(
            f"GStreamer cannot send {scenario.codec} over {load.sink.kind.upper()} whole; choose engine=ffmpeg."
        )
    raw = f"video/x-raw,format=I420,width={scenario.width},height={scenario.height},framerate={scenario.rate}/1"
    parts = [
        f"videotestsrc num-buffers={load.frames} pattern=smpte horizontal-speed=8",
        raw,
        _encode(load),
        *([f"{scenario.codec}parse"] if scenario.codec in ("h264", "h265") else []),
        "identity name=count silent=false",
    ]
    words = " ! ".join(parts).split()
    return (*words, *_out(load.sink, load.target, scenario.codec))


def _encode(load: Load) -> str:
    codec, interval = load.scenario.codec, KEYFRAME_SECONDS * load.scenario.rate
    if codec in ("h264", "h265"):
        preset = "veryfast" if codec == "h264" else "ultrafast"
        threads = f" threads={load.threads}" if load.threads is not None and codec == "h264" else ""
        return f"{ENCODERS[codec]} bitrate={load.kbit} speed-preset={preset} key-int-max={interval}{threads}"
    threads = f" threads={load.threads or os.cpu_count() or 1}"  # libvpx takes one unless told
    rate = f"target-bitrate={load.kbit * 1000} end-usage=cbr"
    return f"{ENCODERS[codec]} {rate} deadline=1 cpu-used=8 keyframe-max-dist={interval}{threads}"


def _out(sink: Sink, target: str, codec: Codec) -> tuple[str, ...]:
    if sink.kind == "file":
        return "!", "mp4mux" if codec in ("h264", "h265") else "webmmux", "!", "filesink", f"location={_quoted(target)}"
    if sink.kind == "rtmp":
        return "!", "flvmux", "streamable=true", "!", "rtmp2sink", f"location={_quoted(target)}", "sync=false"
    return "!", "fakesink", "sync=false"


def _quoted(value: str) -> str:
    """For gst-launch, which joins its words and reads them anew."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


#: ``Limits`` as they are when nobody asks for others.
_LIMITS: Final = Limits()


class _Buffers:
    """Counts pictures and bytes in what ``gst-launch-1.0 -v`` prints."""

    def __init__(self, rate: Fraction):
        self._rate, self._frames, self._size = rate, 0, 0

    def feed(self, line: str) -> Progress | None:
        found = _BUFFER.search(line)
        if found is None:
            return None
        self._frames, self._size = self._frames + 1, self._size + int(found[1])
        return Progress(frames=self._frames, out_time=self._frames / self._rate, size=self._size)


class GstRunner:
    """A ``run.Runner`` for GStreamer's pipelines."""

    def __init__(self, gst_launch: Path, rate: Fraction):
        """Run ``gst_launch``; its pictures come ``rate`` a second."""
        self._program, self._rate = gst_launch, rate

    def describe(self, arguments: Sequence[str]) -> str:
        """The command as a line to paste into a shell."""
        return shlex.join([str(self._program), *arguments])

    def run(
        self, arguments: Sequence[str], *, limits: Limits = _LIMITS, on_progress: OnProgress | None = None
    ) -> Finished:
        """See ``Runner.run``."""
        argv = (str(self._program), "-v", *arguments)
        return watched(Program("GStreamer", argv, _Buffers(self._rate)), limits, on_progress)
