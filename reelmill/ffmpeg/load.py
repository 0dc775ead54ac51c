"""A load as an ffmpeg command line: a generated picture that really moves, encoded as fast as it goes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

import ffmpeg

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import usable
from reelmill.ffmpeg.scenarios import Codec, Scenario
from reelmill.ffmpeg.sink import Kind, Sink
from reelmill.ffmpeg.transcoder import Transcoder

By = Literal["auto", "software", "nvenc"]

_SOFTWARE: Final[dict[Codec, str]] = {"h264": "libx264", "h265": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9"}
_NVENC: Final[dict[Codec, str]] = {"h264": "h264_nvenc", "h265": "hevc_nvenc"}

#: The smallest picture every NVENC takes. Source: nvEncGetEncodeCaps, WIDTH_MIN and HEIGHT_MIN of H.264.
_NVENC_LEAST: Final = (146, 50)

#: Options for encoding live. Source: each encoder's own advice for it (trac.ffmpeg.org/wiki/Encode/VP8 and VP9,
#: x264 and x265 --fullhelp); NVENC's p4 is its default.
_LIVE: Final[dict[str, dict[str, Any]]] = {
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "ultrafast"},
    "libvpx": {"deadline": "realtime", "cpu-used": 8},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": 8, "row-mt": 1},
    "h264_nvenc": {"preset": "p4", "rc": "cbr"},
    "hevc_nvenc": {"preset": "p4", "rc": "cbr"},
}

#: Seconds between keyframes, as streaming services ask for.
KEYFRAME_SECONDS: Final = 2

_FORMATS: Final[dict[Kind, str]] = {"null": "matroska", "rtmp": "flv", "srt": "mpegts"}


@dataclass(frozen=True)
class Load:
    """One stream to encode."""

    scenario: Scenario
    frames: int
    kbit: int
    encoder: str  # as its engine calls it
    sink: Sink
    target: str  # path or address; unused by the null sink
    threads: int | None = None

    @property
    def length(self) -> Fraction:
        """Seconds of video."""
        return Fraction(self.frames, self.scenario.rate)


def suffix(codec: Codec) -> str:
    """How the name of a scenario's file ends."""
    return ".mp4" if codec in ("h264", "h265") else ".webm"


def encoder_for(transcoder: Transcoder, scenario: Scenario, by: By) -> str:
    """ffmpeg's encoder for a scenario.

    Args:
        transcoder: whose ffmpeg, cards and site-wide choice count.
        scenario: what is to be encoded.
        by: ``auto`` takes the card where it can do it, unless the site says software.

    Raises:
        CapabilityError: none that was asked for works here.
    """
    site = transcoder.options.encoder
    choice = by if by != "auto" or site == "auto" else "nvenc" if site == "nvenc" else "software"
    card = _NVENC.get(scenario.codec)
    works = card is not None and bool(transcoder.devices.gpus()) and usable(transcoder.ffmpeg, card)
    fits = scenario.width >= _NVENC_LEAST[0] and scenario.height >= _NVENC_LEAST[1]
    if card is not None and works and (choice == "nvenc" or (choice == "auto" and fits)):
        return card
    if by == "nvenc":
        raise CapabilityError(f"No card here encodes {scenario.codec}; choose encoder=software.")
    name = _SOFTWARE[scenario.codec]
    if not usable(transcoder.ffmpeg, name):
        raise CapabilityError(f"The encoder {name} does not work with {transcoder.ffmpeg}; use the bundled ffmpeg.")
    return name


def arguments(load: Load) -> tuple[str, ...]:
    """The command line, without the program's name (pure).

    testsrc2 moves in every picture and is made at a tenth or less of what encoding it costs; that tenth is in the CPU
    seconds. The null sink is a muxer whose bytes are counted and go to /dev/null. Sound goes only where somebody
    listens. SRT drops what comes faster than it is shown: what is counted is what was encoded, not what arrived.
    """
    scenario, rate = load.scenario, load.scenario.rate
    size = f"{scenario.width}x{scenario.height}"
    streams: list[Any] = [ffmpeg.input(f"testsrc2=size={size}:rate={rate}", f="lavfi")["v"]]
    options: dict[str, Any] = {
        "frames:v": load.frames,
        "c:v": load.encoder,
        **_LIVE[load.encoder],
        "pix_fmt": "yuv420p",
        "b:v": f"{load.kbit}k",
        "maxrate": f"{load.kbit}k",
        "bufsize": f"{2 * load.kbit}k",
        "g": KEYFRAME_SECONDS * rate,
    }
    if load.threads is not None:
        options["threads"] = load.threads
    if load.encoder == "libx265":
        options["x265-params"] = "log-level=error"  # it tells its settings as warnings
    if load.sink.streams:
        seconds = f"{float(load.length):.6f}"
        streams.append(ffmpeg.input(f"sine=frequency=440:sample_rate=48000:duration={seconds}", f="lavfi")["a"])
        options |= {"c:a": "aac", "b:a": "128k"}
    options["f"] = _FORMATS.get(load.sink.kind, suffix(scenario.codec)[1:])
    target = {"null": "file:/dev/null", "file": f"file:{load.target}"}.get(load.sink.kind, load.target)
    return tuple(ffmpeg.output(*streams, target, **options).compile()[1:])
