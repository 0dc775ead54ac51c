"""The same seconds of audio in two files: how much later they come in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.audio.audio_seek import seek_audio
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import open_media
from reelmill.ffmpeg.reading.tracks import decodable_audio

Samples = NDArray[np.float32]

#: Samples a second that are compared: they show a shift a hundred times finer than what matters.
_RATE: Final = 8000
#: How far off the copy's audio is looked for, in seconds.
_REACH: Final = 0.5
#: Read so many seconds earlier, since decoders need a packet or two to come in.
_EARLY: Final = 0.5
#: Frames whose times differ by less follow one another: Matroska's are rounded to milliseconds, players do not mind.
_JITTER: Final = 0.005
#: Below this nothing is heard, of full scale: -60 dB.
_SILENCE: Final = 0.001
#: Samples from one value of a loudness curve to the next: a millisecond.
_STEP: Final = 8
#: How alike the two are at least where they are the same audio, 1 being equal: lossy coding keeps more.
_ALIKE: Final = 0.5
#: Audio whose loudness moves by less, as a share of its mean, has no place to be found by.
_LIVELY: Final = 0.4
#: A smaller shift that is as good, to this much, is the one: a steady tone is alike at every one of its periods.
_AS_GOOD: Final = 0.05


class NoLag(Enum):
    """Why a lag cannot be measured."""

    SILENT = "nothing is heard in the source"
    GONE = "the source is heard, the copy is not"
    OTHER = "both are heard, and are not alike"
    UNKNOWN = "both are heard, and have nothing to find their place by"


@dataclass(frozen=True)
class AudioPosition:
    """A moment of a file's audio."""

    path: Path
    track: int  # among the audio tracks that have a decoder, from 0
    begin: float  # seconds on the file's own clock


def measured_lag(source: AudioPosition, made: AudioPosition, length: float) -> float | NoLag:
    """How much later audio comes in a copy than in its source.

    Args:
        source: where in the source.
        made: where in the copy.
        length: how many seconds are compared.

    Returns:
        Seconds, negative where it comes earlier; or why they cannot be measured.
    """
    wanted = read_mono(source.path, source.track, source.begin - _REACH, length + 2 * _REACH)
    reach = round(_REACH * _RATE)
    if _loudness(wanted[reach : len(wanted) - reach]) < _SILENCE:
        return NoLag.SILENT
    got = read_mono(made.path, made.track, made.begin, length)
    if _loudness(got) < _SILENCE / 4:
        return NoLag.GONE
    return lag_of(wanted, got, reach)


def lag_of(wanted: Samples, got: Samples, reach: int) -> float | NoLag:
    """Seconds by which ``got`` comes later than the middle of ``wanted`` (pure).

    Coders put noise of their own in the place of noise, and Matroska's times jitter: where the waves are not alike,
    their loudness from moment to moment is compared.

    Args:
        wanted: samples at 8 kHz, ``reach`` more than ``got`` on each side.
        got: samples at 8 kHz.
        reach: up to how many samples off.

    Returns:
        Seconds, or why they cannot be measured.
    """
    by_waves = _most_alike(wanted, got, reach)
    if by_waves is not None:
        return by_waves / _RATE
    curves = _curve(wanted), _curve(got)
    by_loudness = _most_alike(*curves, reach // _STEP)
    if by_loudness is not None:
        return by_loudness * _STEP / _RATE
    lively = min(float(np.std(curve) / np.mean(curve)) for curve in curves)
    return NoLag.OTHER if lively > _LIVELY else NoLag.UNKNOWN


def _most_alike(wanted: Samples, got: Samples, reach: int) -> float | None:
    """How many samples later ``got`` comes, by where the normalised cross-correlation is largest; None: nowhere."""
    got = got - got.mean()
    wanted = wanted - wanted.mean()
    size = 1 << (len(wanted) + len(got)).bit_length()
    product = np.fft.irfft(np.fft.rfft(wanted, size) * np.conj(np.fft.rfft(got, size)), size)[: 2 * reach + 1]
    energy = np.concatenate([[0.0], np.cumsum(wanted.astype(np.float64) ** 2)])
    under = energy[len(got) : len(got) + 2 * reach + 1] - energy[: 2 * reach + 1]
    own = float(np.sum(got.astype(np.float64) ** 2))
    # A place where the source is all but silent is no match for anything.
    alike = product / np.sqrt(np.maximum(under, 1e-3 * own) * own + 1e-12)
    best = float(alike.max())
    if best < _ALIKE:
        return None
    places = np.flatnonzero(alike >= best - _AS_GOOD) - reach
    # ``got`` is found that much further on in the source, so it comes that much earlier.
    return 0.0 - float(places[np.argmin(np.abs(places))])


def _curve(samples: Samples) -> Samples:
    """Loudness, one value for each millisecond, each over eight."""
    squares = samples[: len(samples) // _STEP * _STEP].astype(np.float64) ** 2
    steps = np.convolve(squares.reshape(-1, _STEP).mean(axis=1), np.ones(_STEP) / _STEP, mode="same")
    curve: Samples = np.sqrt(steps).astype(np.float32)
    return curve


def _loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def read_mono(path: Path, track: int, begin: float, length: float) -> Samples:
    """``length`` seconds of an audio track from ``begin`` on its clock, mono at 8 kHz; zeros where there is none."""
    with open_media(path) as container:
        stream = decodable_audio(container)[track][1]
        rate = stream.rate or 48_000
        heard = np.zeros(round(length * rate) + 1, dtype=np.float32)
        if begin - _EARLY > (container.start_time or 0) / 1_000_000 + _EARLY:
            seek_audio(container, stream, begin - _EARLY)
        for at, samples in _mono_samples(demuxed(container, stream), rate, begin + length):
            first = round((at - begin) * rate)
            skipped, room = max(0, -first), max(0, len(heard) - max(0, first))
            inside = samples[skipped : skipped + room]
            heard[max(0, first) : max(0, first) + len(inside)] = inside
    return _at_low_rate(heard, rate, length)


def _mono_samples(packets: Iterator[Any], rate: int, end: float) -> Iterator[tuple[float, Samples]]:
    """Mono samples and the second they begin at, up to ``end``; what does not decode is left out."""
    mono = AudioResampler(format="fltp", layout="mono", rate=rate)
    format_before, at = None, None  # a frame without a time follows the one before: AMR has four in a packet
    try:
        for packet in packets:
            if packet.pts is not None and float(packet.pts * packet.time_base) > end:
                return
            for frame in _frames(packet):
                if format_before not in (None, _format_of(frame)):
                    mono = AudioResampler(format="fltp", layout="mono", rate=rate)
                format_before = _format_of(frame)
                if frame.pts is not None and frame.time_base is not None:
                    stated = float(frame.pts * frame.time_base)
                    at = at if at is not None and abs(stated - at) < _JITTER else stated
                if at is None:
                    continue
                for plain in mono.resample(frame):
                    samples = plain.to_ndarray()[0]
                    yield at, samples
                    at += len(samples) / rate
    except FFmpegError:
        return


def _frames(packet: Any) -> list[AudioFrame]:
    try:
        return list(packet.decode())
    except (EOFError, FFmpegError):
        return []


def _format_of(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _at_low_rate(samples: Samples, rate: int, length: float) -> Samples:
    """At 8 kHz, each sample the mean of those it stands for, so that two rates give the same."""
    total = np.concatenate([[0.0], np.cumsum(samples, dtype=np.float64)])
    edges = np.arange(round(length * _RATE) + 1) * (rate / _RATE)
    sums = np.interp(edges, np.arange(len(total)), total)
    resampled: Samples = (np.diff(sums) * (_RATE / rate)).astype(np.float32)
    return resampled
