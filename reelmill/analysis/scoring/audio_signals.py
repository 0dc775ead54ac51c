"""The audio of a video, measured second by second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.audio.audio_samples import samples_of
from reelmill.ffmpeg.reading.audio.audio_seek import seek_audio
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import blame_disk, open_media
from reelmill.ffmpeg.reading.tracks import decodable_audio

#: What counts as silence, in dB below full scale.
SILENCE: Final = -100.0
#: Codecs with memory (MP3's bit reservoir, overlapping windows) need this much before they decode as they would have.
_PREROLL: Final = 1
#: RMS, of full scale, below which nothing of a second is heard.
_INAUDIBLE: Final = 1e-3
#: What a sample must exceed to have crossed zero: the last bits of silence differ with where a decoder began.
_NOISE: Final = 1e-4
_FEWEST: Final = 1e-3  # zero crossings a sample


@dataclass(frozen=True)
class AudioSignals:
    """What the first audio track is like, second by second, each array of shape (seconds,).

    ``pauses`` and ``voicing`` distinguish speech from music: a voice falls silent between words and turns from vowels
    to hisses, which music seldom does (J. Saunders, "Real-time discrimination of broadcast speech/music", ICASSP 1996).
    """

    loudness: NDArray[np.float32]  # RMS in dB below full scale; ``SILENCE`` where there is none
    pauses: NDArray[np.float32]  # share of it, in blocks of some 20 ms, that is half as strong as the second's mean
    voicing: NDArray[np.float32]  # how much the rate of zero crossings varies: its deviation over its mean


def measure_audio(path: Path, first: int, end: int) -> AudioSignals:
    """Measure the first audio track from second ``first`` up to, not including, ``end``.

    A decoded frame of audio counts wholly to the second it begins in; one without a time follows the one before.

    Args:
        path: the file.
        first: seconds from the start of the file.
        end: the same.

    Returns:
        The signals of each second; silence where there is no audio.

    Raises:
        FileMissing, NotAVideo, InputError: the file does not open.
    """
    seconds = end - first
    power, samples = np.zeros(seconds), np.zeros(seconds)
    blocks: list[list[tuple[float, float]]] = [[] for _ in range(seconds)]
    for second, frame in _frames(path, first, end):
        wave = _wave(frame)
        power[second] += float(np.square(wave).sum())
        samples[second] += wave.size
        blocks[second].append((float(np.sqrt(np.square(wave).mean())), _crossings(wave)))
    rms = np.sqrt(np.divide(power, samples, out=np.zeros_like(power), where=samples > 0))
    character = np.array([_character(block) for block in blocks], np.float32).reshape(seconds, 2)
    return AudioSignals(
        loudness=np.maximum(20 * np.log10(np.maximum(rms, 1e-5)), SILENCE).astype(np.float32),
        pauses=character[:, 0],
        voicing=character[:, 1],
    )


def _frames(path: Path, first: int, end: int) -> Iterator[tuple[int, AudioFrame]]:
    """Each frame of the time range, with the second of the time range that it begins in."""
    with open_media(path) as container:
        for begin, frame in _timed_frames(container, first, end):
            second = int(np.floor(begin)) - first
            if 0 <= second < end - first and frame.samples:
                yield second, frame


def _timed_frames(container: InputContainer, first: int, end: int) -> Iterator[tuple[float, AudioFrame]]:
    """Frames of the first audio track from before ``first`` to after ``end`` seconds, and when each begins."""
    audio = decodable_audio(container)
    if not audio:
        return
    stream = audio[0][1]
    offset = (container.start_time or 0) / av.time_base
    clock: float | None = None if first > _PREROLL else 0.0
    try:
        if first > _PREROLL:
            seek_audio(container, stream, first - _PREROLL + offset)
        for packet in demuxed(container, stream):
            start = None if packet.pts is None else float(packet.pts * (stream.time_base or 0)) - offset
            if start is not None and start > end + _PREROLL:
                break
            if packet.size == 0 and start is not None:
                continue  # libavcodec would take an empty packet in mid-stream for the end
            clock = start if clock is None else clock
            for frame in _decoded(packet):
                begin = clock if frame.time is None else frame.time - offset
                if begin is not None:
                    clock = begin + frame.samples / (frame.sample_rate or 1)
                    yield begin, frame
    except FFmpegError as error:  # what was heard up to the damage counts
        blame_disk(error, container.name)


def _decoded(packet: Packet[AudioStream]) -> list[AudioFrame]:
    try:
        return packet.decode()
    except (FFmpegError, EOFError):
        return []


def _crossings(wave: NDArray[np.float64]) -> float:
    """How many of a frame's samples have another sign than the one before, of the first channel."""
    channel = wave[0]
    return float(np.mean(np.diff(channel > _NOISE))) if channel.size > 1 else 0.0


def _character(blocks: list[tuple[float, float]]) -> tuple[float, float]:
    """Pauses and voicing of one second."""
    strength, crossings = np.array(blocks, np.float64).reshape(-1, 2).T
    if not strength.size or strength.mean() < _INAUDIBLE:
        return 0.0, 0.0
    pauses = float((strength < strength.mean() / 2).mean())
    return pauses, float(crossings.std() / max(crossings.mean(), _FEWEST))


def _wave(frame: AudioFrame) -> NDArray[np.float64]:
    """Samples between -1 and 1, one row a channel."""
    wave = samples_of(frame).astype(np.float64)
    return np.clip(np.nan_to_num(wave), -1, 1)  # damaged audio decodes to anything
