"""What a video sounds like, second by second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from numpy.typing import NDArray

from reelmill.ffmpeg.probe import blame_disk, open_media

#: What counts as silence, in dB below full scale.
SILENCE: Final = -100.0
#: Codecs with memory (MP3's bit reservoir, overlapping windows) need this much before they decode as they would have.
_PREROLL: Final = 1
#: RMS, of full scale, below which a second says nothing of what is heard.
_INAUDIBLE: Final = 1e-3
#: What a sample must exceed to have crossed zero: the last bits of silence differ with where a decoder began.
_NOISE: Final = 1e-4
_FEWEST: Final = 1e-3  # zero crossings a sample


@dataclass(frozen=True)
class Sound:
    """What the first sound track sounds like, second by second, each array of shape (seconds,).

    ``pauses`` and ``voicing`` tell speech from music: a voice falls silent between words and turns from vowels to
    hisses, which music seldom does (J. Saunders, "Real-time discrimination of broadcast speech/music", ICASSP 1996).
    """

    loudness: NDArray[np.float32]  # RMS in dB below full scale; ``SILENCE`` where there is none
    pauses: NDArray[np.float32]  # share of it, in stretches of some 20 ms, that is half as strong as the second's mean
    voicing: NDArray[np.float32]  # how much the rate of zero crossings varies: its deviation over its mean


def heard(path: Path, first: int, end: int) -> Sound:
    """The first sound track from second ``first`` up to, not including, ``end``; silence where there is none.

    A decoded frame of sound counts wholly to the second it begins in; one without a time follows the one before.

    Raises:
        FileMissing, NotAVideo, InputError: the file does not open.
    """
    seconds = end - first
    power, samples = np.zeros(seconds), np.zeros(seconds)
    stretches: list[list[tuple[float, float]]] = [[] for _ in range(seconds)]
    for second, frame in _frames(path, first, end):
        wave = _wave(frame)
        power[second] += float(np.square(wave).sum())
        samples[second] += wave.size
        stretches[second].append((float(np.sqrt(np.square(wave).mean())), _crossings(frame, wave)))
    rms = np.sqrt(np.divide(power, samples, out=np.zeros_like(power), where=samples > 0))
    told = np.array([_character(stretch) for stretch in stretches], np.float32).reshape(seconds, 2)
    return Sound(
        loudness=np.maximum(20 * np.log10(np.maximum(rms, 1e-5)), SILENCE).astype(np.float32),
        pauses=told[:, 0],
        voicing=told[:, 1],
    )


def _frames(path: Path, first: int, end: int) -> Iterator[tuple[int, AudioFrame]]:
    """Each frame of the range, with the second of the range that it begins in."""
    with open_media(path) as container:
        if not container.streams.audio:
            return
        stream = container.streams.audio[0]
        offset = (container.start_time or 0) / av.time_base
        clock: float | None = None if first > _PREROLL else 0.0
        try:
            if first > _PREROLL:
                container.seek(int((first - _PREROLL + offset) * av.time_base), backward=True)
            for packet in container.demux(stream):
                if packet.pts is not None and float(packet.pts * (stream.time_base or 0)) - offset > end + _PREROLL:
                    break
                if packet.size == 0 and packet.pts is not None:
                    continue  # libavcodec would take an empty packet in mid-stream for the end
                if packet.pts is not None and clock is None:
                    clock = float(packet.pts * (stream.time_base or 0)) - offset
                try:
                    frames = packet.decode()
                except (FFmpegError, EOFError):
                    continue
                for frame in frames:
                    begin = clock if frame.time is None else frame.time - offset
                    if begin is None:
                        continue
                    clock = begin + frame.samples / (frame.sample_rate or 1)
                    second = int(np.floor(begin)) - first
                    if 0 <= second < end - first and frame.samples:
                        yield second, frame
        except FFmpegError as error:  # what was heard up to the damage counts
            blame_disk(error, container.name)


def _crossings(frame: AudioFrame, wave: NDArray[np.float64]) -> float:
    """How many of a frame's samples have another sign than the one before, of the first channel."""
    channel = wave[0] if frame.format.is_planar else wave[0, :: frame.layout.nb_channels]
    return float(np.mean(np.diff(channel > _NOISE))) if channel.size > 1 else 0.0


def _character(stretches: list[tuple[float, float]]) -> tuple[float, float]:
    """Pauses and voicing of one second."""
    strength, crossings = np.array(stretches, np.float64).reshape(-1, 2).T
    if not strength.size or strength.mean() < _INAUDIBLE:
        return 0.0, 0.0
    pauses = float((strength < strength.mean() / 2).mean())
    return pauses, float(crossings.std() / max(crossings.mean(), _FEWEST))


def _wave(frame: AudioFrame) -> NDArray[np.float64]:
    """Samples between -1 and 1."""
    samples: NDArray[Any] = frame.to_ndarray()
    wave = np.asarray(samples, np.float64)
    if np.issubdtype(samples.dtype, np.floating):
        return np.clip(np.nan_to_num(wave), -1, 1)  # damaged sound decodes to anything
    if samples.dtype == np.uint8:
        return (wave - 128) / 128
    return wave / float(2 ** (8 * samples.dtype.itemsize - 1))
