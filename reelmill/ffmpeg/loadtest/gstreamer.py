"""GStreamer as a second engine for loads: gst-launch-1.0 as Debian packages it, in software."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.codecs import Codec, GstEncoder, codec_called
from reelmill.ffmpeg.loadtest.load import KEYFRAME_SECONDS, Load
from reelmill.ffmpeg.loadtest.sink import Sink
from reelmill.ffmpeg.process.command_line import command_line
from reelmill.ffmpeg.process.progress import Progress
from reelmill.ffmpeg.process.run import Limits, OnProgress, ProcessResult, Program, run_program

#: Debian's packages, in the order a person would install them.
PACKAGES: Final = (
    "gstreamer1.0-tools",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-plugins-ugly",
)

#: Which package an element comes in that is no encoder. Source: packages.debian.org, file lists of Debian 12.
_FROM: Final = {
    "videotestsrc": "base",
    "mp4mux": "good",
    "webmmux": "good",
    "flvmux": "good",
    "rtmp2sink": "bad",
}

#: What GStreamer's flvmux takes, by ``Codec.short``: it knows no enhanced form.
_IN_FLV: Final = ("h264",)

#: How ``identity silent=false`` writes of each buffer that passes it.
_BUFFER: Final = re.compile(r"\(count:sink\) \((\d+) bytes")


def find_gst_launch(wanted: Path | None = None) -> Path | None:
    """gst-launch-1.0: ``wanted`` (a setting), else PATH's; None where there is none."""
    if wanted is not None:
        return wanted if os.access(wanted, os.X_OK) else None
    found = shutil.which("gst-launch-1.0")
    return None if found is None else Path(found)


def require_gstreamer(wanted: Path | None = None) -> Path:
    """gst-launch-1.0, which must be there.

    Returns:
        The program's path.

    Raises:
        CapabilityError: it is not; names the packages.
    """
    found = find_gst_launch(wanted)
    if found is None:
        raise CapabilityError(
            f"GStreamer is not installed here: gst-launch-1.0 is missing; install {', '.join(PACKAGES)}, "
            "or choose engine=ffmpeg.",
            "gst-launch-1.0",
        )
    return found


def require_elements(gst_launch: Path, load: Load) -> None:
    """Every element a load needs must be installed.

    Raises:
        CapabilityError: one is not; names it and its package.
    """
    inspect = gst_launch.with_name("gst-inspect-1.0")
    gst = encoder(load.scenario.codec)
    packages = {**_FROM, gst.element: gst.package}
    if parser := codec_called(load.scenario.codec).gst_parser:
        packages[parser] = "bad"
    for element in (word for word in arguments(load) if word in packages):
        known = subprocess.run(
            [str(inspect), "--exists", element], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if known.returncode != 0:
            package = f"gstreamer1.0-plugins-{packages[element]}"
            reason = f"GStreamer lacks {element} here; install {package}, or choose engine=ffmpeg."
            raise CapabilityError(reason, package)


def arguments(load: Load) -> tuple[str, ...]:
    """The pipeline of a load, without the program's name (pure).

    The frames are bars that run sideways, with a field of noise. What the encoder puts out is counted by ``identity``,
    buffer by buffer: one buffer is one frame for each of these encoders.

    Returns:
        The words of the pipeline.

    Raises:
        CapabilityError: GStreamer's FLV cannot carry H.265, and its srtsink hangs up on what is still under way:
            measured, 33 of 200 frames arrived.
    """
    scenario = load.scenario
    if load.sink.kind == "srt" or (load.sink.kind == "rtmp" and scenario.codec not in _IN_FLV):
        raise CapabilityError(
            f"GStreamer cannot send {scenario.codec} over {load.sink.kind.upper()} whole; choose engine=ffmpeg.",
            load.sink.kind,
        )
    raw = f"video/x-raw,format=I420,width={scenario.width},height={scenario.height},framerate={scenario.rate}/1"
    codec = codec_called(scenario.codec)
    elements = [
        f"videotestsrc num-buffers={load.frames} pattern=smpte horizontal-speed=8",
        raw,
        _encode(load),
        *([codec.gst_parser] if codec.gst_parser else []),
        "identity name=count silent=false",
    ]
    words = " ! ".join(elements).split()
    return (*words, *_out(load.sink, load.target, codec))


def encoder(codec: str) -> GstEncoder:
    """GStreamer's encoder of a codec, by ``Codec.short``.

    Returns:
        Its element, package and options.

    Raises:
        CapabilityError: there is none.
    """
    gst = codec_called(codec).software.gst
    if gst is None:
        raise CapabilityError(f"GStreamer has no encoder of {codec}; choose engine=ffmpeg.", codec)
    return gst


def _encode(load: Load) -> str:
    gst, interval = encoder(load.scenario.codec), KEYFRAME_SECONDS * load.scenario.rate
    options = gst.options.format(kbit=load.kbit, bits=load.kbit * 1000, interval=interval)
    threads = (load.threads or os.cpu_count() or 1) if gst.threads == "always" else load.threads
    chosen = "" if threads is None or gst.threads == "never" else f" threads={threads}"
    return f"{gst.element} {options}{chosen}"


def _out(sink: Sink, target: str, codec: Codec) -> tuple[str, ...]:
    if sink.kind == "file":
        return "!", f"{codec.container}mux", "!", "filesink", f"location={_quoted(target)}"
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
    """Counts frames and bytes in what ``gst-launch-1.0 -v`` prints."""

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
        """Run ``gst_launch``; its frames come ``rate`` a second."""
        self._program, self._rate = gst_launch, rate

    def describe(self, arguments: Sequence[str]) -> str:
        """The command as a line to paste into a shell."""
        return command_line([str(self._program), *arguments])

    def run(
        self, arguments: Sequence[str], *, limits: Limits = _LIMITS, on_progress: OnProgress | None = None
    ) -> ProcessResult:
        """See ``Runner.run``."""
        argv = (str(self._program), "-v", *arguments)
        return run_program(Program("GStreamer", argv, _Buffers(self._rate)), limits, on_progress)
