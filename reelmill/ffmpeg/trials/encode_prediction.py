"""What would an encode come to? Predicted from short samples of it, really encoded."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg
from pydantic import BaseModel, ConfigDict

from reelmill.clock import SYSTEM, Clock
from reelmill.errors import ProcessStalled
from reelmill.ffmpeg.commands.excerpt import excerpt
from reelmill.ffmpeg.commands.filters import AAC, arguments, mixable
from reelmill.ffmpeg.commands.web_copy import each_once, for_the_web
from reelmill.ffmpeg.encoding import KEYFRAME_SECONDS, Encoding
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url, open_media
from reelmill.ffmpeg.reading.seeking import SeekPoint, seek_points
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.report import NullReport

#: Samples of a long video, and seconds of each.
SAMPLES: Final = 3
LENGTH: Final = Fraction(2)
#: The first look, which shows how long samples may be.
_TASTE: Final = Fraction(2, 5)
_SHORTEST: Final = Fraction(1, 5)
#: A sample begins at a keyframe that is no further from its place, or else costs the decoding of what lies between.
_NEAR: Final = Fraction(5)
#: Seconds at the ceiling that an encode may spend at its start, from a decoder's full buffer: 0.9 (x264's
#: ``vbv-init``) of a ``bufsize`` of 2 s.
_BURST: Final = 1.8
_USUAL_RATE: Final = 25


class Range(BaseModel):
    """A prediction: from all samples together, and from the ones alone that give least and most."""

    model_config = ConfigDict(frozen=True)

    likely: float
    least: float
    most: float


class Prediction(BaseModel):
    """What an encode would come to."""

    model_config = ConfigDict(frozen=True)

    size: Range  # bytes
    seconds: Range  # wall time of the encode, on this node as busy as it is now
    cpu_seconds: Range
    sampled: float  # seconds of the video that were encoded to find out


@dataclass(frozen=True)
class EncodedSample:
    """One sample, encoded."""

    length: float  # seconds of video
    frames: int
    first: int  # bytes of its first frame, a keyframe
    rest: int  # bytes of its other frames
    audio: int  # bytes
    seconds: float
    cpu_seconds: float


def places(duration: Fraction, length: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Beginning and length of each sample, in seconds, spread evenly; a short video is one sample (pure)."""
    if duration <= SAMPLES * length:
        return [(Fraction(0), min(duration, SAMPLES * length))]
    return [((2 * number + 1) * duration / (2 * SAMPLES) - length / 2, length) for number in range(SAMPLES)]


def predict_from(
    samples: Sequence[EncodedSample], duration: float, encoding: Encoding, start: tuple[float, float] = (0.0, 0.0)
) -> Prediction:
    """What a whole video comes to, were all of it like these samples (pure).

    Every sample begins with a keyframe and the whole has one every ``KEYFRAME_SECONDS`` at least, and at every
    ``keyframe_interval`` of its encoder, so keyframes and the frames between them are counted apart. A ceiling holds
    for the whole, not for a sample, which may live on the buffer.

    Args:
        samples: one at least.
        duration: of the whole, seconds.
        encoding: how it would be encoded.
        start: wall and CPU seconds that every encode spends once, however long it is.

    Returns:
        Size and time of the whole.
    """
    sizes = [_whole_size(sample, duration, encoding) for sample in samples]
    total = sum(sample.length for sample in samples)

    def spread(each: Sequence[float]) -> Range:
        likely = sum(one * sample.length for one, sample in zip(each, samples, strict=True)) / total
        return Range(likely=likely, least=min(each), most=max(each))

    wall, cpu = start
    return Prediction(
        size=spread(sizes),
        seconds=spread([wall + (sample.seconds - wall) / sample.length * duration for sample in samples]),
        cpu_seconds=spread([cpu + (sample.cpu_seconds - cpu) / sample.length * duration for sample in samples]),
        sampled=total,
    )


def start_up(short: EncodedSample, samples: Sequence[EncodedSample]) -> tuple[float, float]:
    """Wall and CPU seconds that every encode spends once, by a shorter and a longer one of the same place (pure).

    Args:
        short: the shorter one.
        samples: the longer one is in their middle.

    Returns:
        Both; 0 where the two are too alike to find out.
    """
    long = samples[len(samples) // 2]
    if long.length <= 2 * short.length:
        return 0.0, 0.0
    share = short.length / (long.length - short.length)
    once = [
        brief - (whole - brief) * share
        for brief, whole in ((short.seconds, long.seconds), (short.cpu_seconds, long.cpu_seconds))
    ]
    least = min(sample.seconds for sample in samples), min(sample.cpu_seconds for sample in samples)
    wall, cpu = (min(max(0.0, one), most / 2) for one, most in zip(once, least, strict=True))
    return wall, cpu


def _whole_size(sample: EncodedSample, duration: float, encoding: Encoding) -> float:
    scale = duration / sample.length
    counted = math.ceil(scale * sample.frames / encoding.row.keyframe_interval)
    keyframes = max(1, counted, math.ceil(duration / KEYFRAME_SECONDS))
    between = sample.rest / max(1, sample.frames - 1) * max(0.0, scale * sample.frames - keyframes)
    video = keyframes * sample.first + between
    if encoding.max_kbit is not None:
        video = min(video, encoding.max_kbit * 125 * (duration + _BURST))
    return video + sample.audio * scale


def command(
    source: Path, info: MediaInfo, target: Path, encoding: Encoding, seek_point: SeekPoint, length: Fraction
) -> tuple[str, ...]:
    """The encode that ``web_copy.reencode`` does, of one sample and into a container that needs no second pass.

    The sample begins with the frame that ``seek_point`` reaches.

    Returns:
        ffmpeg's arguments.
    """
    begin = seek_point.shown or Fraction(-1)
    media = excerpt(source, seek_point, begin, max(Fraction(0), begin) + length)
    audio = [mixable(media.audio(track.index), track) for track in info.audio]
    streams = [for_the_web(info, media.video(info.video.index), encoding), *audio]
    options: dict[str, Any] = {**each_once(info, encoding), "f": "nut"}
    if info.audio_tracks:
        options |= AAC
    options |= {f"ac:a:{number}": 2 for number, track in enumerate(info.audio) if len(track.channels) > 2}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def predict(
    transcoder: Transcoder,
    source: Path,
    info: MediaInfo,
    encoding: Encoding,
    *,
    budget: float = 20.0,
    clock: Clock = SYSTEM,
) -> Prediction | None:
    """Encode a few short samples, in a folder of their own outside of any library, and reckon from them.

    Args:
        transcoder: whose ffmpeg encodes.
        source: the video.
        info: its facts.
        encoding: how it would be encoded.
        budget: seconds it should take, about; samples get shorter and fewer to keep it, and none takes longer.
        clock: by which that time is over.

    Returns:
        None where the video does not say how long it is, or the first frames alone took longer than ``budget``.

    Raises:
        FfmpegFailed: a sample cannot be encoded, so neither can the whole.
        InputError: the video does not open.
    """
    if not info.duration or info.duration <= 0:
        return None
    with tempfile.TemporaryDirectory(prefix="reelmill-sample-") as folder:
        sampler = _Sampler(transcoder, source, info, encoding, Path(folder), clock.monotonic() + budget, clock)
        taste, samples = sampler.samples(info.duration, budget)
    if taste is None:
        return None
    if not samples:
        return predict_from([taste], float(info.duration), encoding)
    return predict_from(samples, float(info.duration), encoding, start_up(taste, samples))


@dataclass(frozen=True)
class _Sampler:
    """Encodes samples of one video until its time is over."""

    transcoder: Transcoder
    source: Path
    info: MediaInfo
    encoding: Encoding
    folder: Path
    end: float  # by the clock's monotonic seconds
    clock: Clock

    def samples(self, duration: Fraction, budget: float) -> tuple[EncodedSample | None, list[EncodedSample]]:
        """A first short sample, then as many and as long ones as there is time for."""
        wanted = places(duration, LENGTH)
        begin, length = wanted[len(wanted) // 2]
        taste = self._encode_sample(_entry(self.source, begin), min(length, _TASTE))
        if taste is None:
            return None, []
        affordable = Fraction(budget / SAMPLES / (taste.seconds / taste.length)).limit_denominator(1000)
        wanted = places(duration, max(_SHORTEST, min(LENGTH, affordable)))
        taken = [self._encode_sample(_entry(self.source, begin), length) for begin, length in wanted]
        return taste, [sample for sample in taken if sample is not None]

    def _encode_sample(self, seek_point: SeekPoint, length: Fraction) -> EncodedSample | None:
        """One sample; None where the time is over, or nothing is shown there."""
        left = self.end - self.clock.monotonic()
        if left <= 0:
            return None
        target = self.folder / "sample.nut"
        options = replace(self.transcoder.options, total_timeout=left)
        hurried = replace(self.transcoder, options=options, disk=None)
        try:
            done = hurried.encode(
                lambda way: command(self.source, self.info, target, way, seek_point, length),
                self.encoding,
                NullReport(),
            )
        except ProcessStalled:
            return None
        return _read(target, float(length), done.seconds, done.cpu_seconds)


def _entry(source: Path, at: Fraction) -> SeekPoint:
    """How the last keyframe before ``at`` seconds is reached; the moment itself where that is far."""
    (seek_point,) = seek_points(source, [at])
    near = seek_point.keyframe is not None and at - seek_point.keyframe <= _NEAR
    return replace(
        seek_point, shown=max(Fraction(0), seek_point.keyframe) if near and seek_point.keyframe is not None else at
    )


def _read(sample: Path, length: float, seconds: float, cpu_seconds: float) -> EncodedSample | None:
    sizes: list[int] = []
    audio = 0
    with open_media(sample) as container:
        video = container.streams.video[0]
        for packet in demuxed(container):
            if packet.stream is video and packet.size:
                sizes.append(packet.size)
            else:
                audio += packet.size
    if not sizes:
        return None
    return EncodedSample(length, len(sizes), sizes[0], sum(sizes[1:]), audio, seconds, cpu_seconds)
