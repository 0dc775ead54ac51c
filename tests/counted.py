"""Clips that tell the time: each frame shows its number, and a click is heard at every whole second."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.probe import main_video, open_media
from tests.clips import ffmpeg

RATE: Final = 25
SECONDS: Final = 12
#: Frames of a GOP: keyframes stand at 0, 3, 6 and 9 s.
GOP: Final = 75
_BITS: Final = 10  # of a number, as columns of black and white
_FRAMES = f"nullsrc=s=160x96:r={RATE},format=gray,geq=lum='16+219*mod(floor(N/pow(2,floor(X/16))),2)',format=yuv420p"
_CLICKS = "aevalsrc='if(lt(mod(t,1),0.02),0.8*sin(2*PI*1000*t),0)':s=48000"

_ALWAYS = ("-g", str(GOP), "-sc_threshold", "1000000000")  # no keyframe where a scene changes, either
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", str(GOP), "-keyint_min", str(GOP), "-sc_threshold", "0",
         "-bf", "3", "-b_strategy", "0")  # fmt: skip
_MPEG2 = ("-c:v", "mpeg2video", *_ALWAYS, "-bf", "2", "-b:v", "600k")
_MPEG4 = ("-c:v", "mpeg4", *_ALWAYS, "-bf", "2", "-b:v", "600k", "-c:a", "mp3")
_WMV = ("-c:v", "wmv2", *_ALWAYS, "-b:v", "600k", "-c:a", "wmav2")
_X265 = f"keyint={GOP}:min-keyint={GOP}:open-gop=1:bframes=3:scenecut=0:log-level=none"

#: Files without an index, and how ffmpeg makes them.
UNINDEXED: Final[dict[str, Sequence[str]]] = {
    "ts": (*_X264, "-c:a", "aac"),
    "open.ts": (*_X264, "-x264-params", "open-gop=1", "-c:a", "aac"),
    "far.ts": (*_X264, "-c:a", "aac", "-output_ts_offset", "40000"),
    "hevc.ts": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", _X265, "-c:a", "aac"),
    "m2ts": (*_X264, "-c:a", "ac3"),
    "vob": (*_MPEG2, "-c:a", "ac3"),
    "mpg": (*_MPEG2, "-c:a", "mp2"),
    "m2v": (*_MPEG2, "-an"),
    "h264": (*_X264, "-an"),
}

#: Every other container that a scan takes and ffmpeg writes.
INDEXED: Final[dict[str, Sequence[str]]] = {
    "mp4": (*_X264, "-c:a", "aac"),
    "mov": (*_X264, "-c:a", "aac"),
    "mkv": (*_X264, "-c:a", "aac"),
    "3gp": (*_X264, "-c:a", "aac"),
    "flv": (*_X264, "-c:a", "aac"),
    "webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", *_ALWAYS, "-c:a", "libopus"),
    "avi": _MPEG4,
    "wmv": _WMV,
    "ogv": ("-c:v", "libtheora", *_ALWAYS, "-q:v", "8", "-c:a", "libvorbis"),
    "mxf": (*_MPEG2, "-c:a", "pcm_s16le"),
}


def counted(folder: Path, name: str) -> Path:
    """Write one of these clips as ``counted.<name>``."""
    target = folder / f"counted.{name}"
    options = (UNINDEXED | INDEXED)[name]
    inputs = ("-f", "lavfi", "-i", _FRAMES, "-f", "lavfi", "-i", _CLICKS)
    ffmpeg(*inputs, *options, "-t", str(SECONDS), target)
    return target


def number(grey: NDArray[Any]) -> int:
    """Which frame of the source a picture shows."""
    height, width = grey.shape
    row = grey[height // 2 - 4 : height // 2 + 4].mean(axis=0)
    column = width / _BITS
    lit = [row[int((bit + 0.3) * column) : int((bit + 0.7) * column)].mean() > 127 for bit in range(_BITS)]
    return sum(1 << bit for bit in range(_BITS) if lit[bit])


def of_jpeg(jpeg: bytes) -> int:
    """The same of a JPEG."""
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    return number(np.asarray(decoded))


def numbers(path: Path) -> list[int]:
    """The numbers of all frames of a video."""
    with av.open(str(path)) as container:
        return [number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def clicks(path: Path) -> list[float]:
    """When clicks begin, in seconds from the start of the file; decoded from its beginning."""
    found: list[float] = []
    quiet = 0.0
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        start = (container.start_time or 0) / 1_000_000
        for frame in container.decode(audio=0):
            if frame.time is None:  # what a decoder gives at the end
                continue
            wave = frame.to_ndarray().astype(float)
            loud = np.abs(wave[0] if frame.format.is_planar else wave[0, :: frame.layout.nb_channels])
            loud = loud / (1.0 if frame.format.name.startswith("flt") else 32768.0)
            for sample in np.flatnonzero(loud > 0.3):
                at = frame.time - start + float(sample) / frame.sample_rate
                if at >= quiet:
                    found.append(at)
                quiet = at + 0.1
    return found


@dataclass(frozen=True)
class Clock:
    """What a clip shows when, found by decoding it from its beginning to its end."""

    times: list[Fraction]  # when each frame begins, in seconds from the start of the file

    def on_show(self, at: Fraction) -> int:
        """The number of the frame on show at a moment."""
        return max(0, bisect_right(self.times, at) - 1)

    def near(self, at: Fraction) -> int:
        """The number of the frame that begins nearest to a moment."""
        return min(range(len(self.times)), key=lambda number: abs(self.times[number] - at))


def clock(path: Path) -> Clock:
    """The times of all frames; a stream without times has them at its even rate."""
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        start = Fraction(container.start_time or 0, 1_000_000)
        even = container.start_time is None
        times: list[Fraction] = []
        for place, frame in enumerate(container.decode(found[1])):
            assert number(frame.to_ndarray(format="gray")) == place
            if even:
                times.append(Fraction(place, RATE))
            else:
                assert frame.pts is not None
                assert frame.time_base is not None
                times.append(frame.pts * frame.time_base - start)
        return Clock(times)
