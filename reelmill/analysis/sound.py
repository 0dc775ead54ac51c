"""How loud a video is, second by second."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from numpy.typing import NDArray

from reelmill.ffmpeg.probe import open_media

#: What counts as silence, in dB below full scale.
SILENCE: Final = -100.0
#: Codecs with memory (MP3's bit reservoir, overlapping windows) need this much before they decode as they would have.
_PREROLL: Final = 1


def loudness(path: Path, first: int, end: int) -> NDArray[np.float32]:
    """RMS of the first sound track in dB below full scale, shape (end - first,); ``SILENCE`` where there is none.

    A decoded frame of sound counts wholly to the second it begins in; one without a time follows the one before.
    """
    power, samples = np.zeros(end - first), np.zeros(end - first)
    with open_media(path) as container:
        if container.streams.audio:
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
                        if 0 <= second < len(power):
                            wave = _wave(frame)
                            power[second] += float(np.square(wave).sum())
                            samples[second] += wave.size
            except FFmpegError:  # what was heard up to the damage counts
                pass
    rms = np.sqrt(np.divide(power, samples, out=np.zeros_like(power), where=samples > 0))
    decibels: NDArray[np.float32] = np.maximum(20 * np.log10(np.maximum(rms, 1e-5)), SILENCE).astype(np.float32)
    return decibels


def _wave(frame: AudioFrame) -> NDArray[np.float64]:
    """Samples between -1 and 1."""
    samples: NDArray[Any] = frame.to_ndarray()
    wave = np.asarray(samples, np.float64)
    if np.issubdtype(samples.dtype, np.floating):
        return np.clip(np.nan_to_num(wave), -1, 1)  # damaged sound decodes to anything
    if samples.dtype == np.uint8:
        return (wave - 128) / 128
    return wave / float(2 ** (8 * samples.dtype.itemsize - 1))
