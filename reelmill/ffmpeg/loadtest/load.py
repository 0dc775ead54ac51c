"""A load as an ffmpeg command line: generated frames that really move, encoded as fast as it goes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import ffmpeg

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import usable
from reelmill.ffmpeg.codecs import codec_called, encoder_named
from reelmill.ffmpeg.loadtest.scenarios import Scenario
from reelmill.ffmpeg.loadtest.sink import STREAMS, Kind, Sink
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.hardware.backends import BACKENDS, SOFTWARE, LoadChoice

#: Seconds between keyframes, as streaming services ask for.
KEYFRAME_SECONDS: Final = 2

_FORMATS: Final[dict[Kind, str]] = {"null": "matroska", **STREAMS}


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


def choose_encoder(transcoder: Transcoder, scenario: Scenario, wanted: LoadChoice) -> str:
    """Choose ffmpeg's encoder for a scenario.

    Args:
        transcoder: whose ffmpeg, GPUs and site-wide choice count.
        scenario: what is to be encoded.
        wanted: ``auto`` takes a GPU that can do it, unless the site's choice is software.

    Returns:
        ffmpeg's name of it.

    Raises:
        CapabilityError: none that was asked for works here.
    """
    codec, site = codec_called(scenario.codec), transcoder.options.encoder
    by_job, by_site = wanted != "auto", wanted == "auto" and site != "auto"
    chosen = [one for one in BACKENDS if (by_job and one.name == wanted) or (by_site and one.choice == site)]
    vendors = {gpu.vendor for gpu in transcoder.devices.gpus()}
    for row in codec.encoders:
        fits = scenario.width >= row.least_size[0] and scenario.height >= row.least_size[1]
        asked = row.backend in chosen or (not chosen and fits)
        if asked and row.backend.vendor in vendors and usable(transcoder.ffmpeg, row.name):
            return row.name
    if wanted not in ("auto", SOFTWARE.name):
        raise CapabilityError(f"No GPU here encodes {scenario.codec}; choose encoder=software.", scenario.codec)
    name = codec.software.name
    if not usable(transcoder.ffmpeg, name):
        raise CapabilityError(
            f"The encoder {name} does not work with {transcoder.ffmpeg}; use the bundled ffmpeg.", name
        )
    return name


def arguments(load: Load) -> tuple[str, ...]:
    """The command line, without the program's name (pure).

    testsrc2 moves in every frame and is made at a tenth or less of what encoding it costs; that tenth is in the CPU
    seconds. The null sink is a muxer whose bytes are counted and go to /dev/null. Audio goes only where somebody
    listens. SRT drops what comes faster than it is shown: what is counted is what was encoded, not what arrived.

    Returns:
        ffmpeg's arguments.
    """
    scenario, rate, row = load.scenario, load.scenario.rate, encoder_named(load.encoder)
    assert row is not None, load.encoder
    size = f"{scenario.width}x{scenario.height}"
    streams: list[Any] = [ffmpeg.input(f"testsrc2=size={size}:rate={rate}", f="lavfi")["v"]]
    options: dict[str, Any] = {
        "frames:v": load.frames,
        "c:v": load.encoder,
        **row.live,
        "pix_fmt": "yuv420p",
        "b:v": f"{load.kbit}k",
        "maxrate": f"{load.kbit}k",
        "bufsize": f"{2 * load.kbit}k",
        "g": KEYFRAME_SECONDS * rate,
    }
    if load.threads is not None:
        options["threads"] = load.threads
    if load.sink.streams:
        seconds = f"{float(load.length):.6f}"
        streams.append(ffmpeg.input(f"sine=frequency=440:sample_rate=48000:duration={seconds}", f="lavfi")["a"])
        options |= {"c:a": "aac", "b:a": "128k"}
    options["f"] = _FORMATS.get(load.sink.kind, codec_called(scenario.codec).container)
    target = {"null": "file:/dev/null", "file": f"file:{load.target}"}.get(load.sink.kind, load.target)
    return tuple(ffmpeg.output(*streams, target, **options).compile()[1:])
