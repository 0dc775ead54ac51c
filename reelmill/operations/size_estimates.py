"""How much room a job is going to take, before it begins (pure).

Middle figures rather than bounds: to refuse work that would fit costs more than to stop what does not, and every encode
is watched while it writes. What has a ceiling is counted at its ceiling.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from reelmill.ffmpeg.commands import filters
from reelmill.ffmpeg.commands.montage import rate_of
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.tracks import AudioTrack

_USUAL_CRF: Final = 23  # that ``Codec.bits_a_pixel`` counts at
#: Steps of crf that halve the bits. Source: trac.ffmpeg.org/wiki/Encode/H.264, "CRF".
_HALVING: Final = 6
#: No encode is expected to take more than so many times its source.
_OF_SOURCE: Final = 3
_AAC: Final = 128_000 / 8  # bytes a second and track: ``filters.AAC``
_AC3: Final = 640_000 / 8  # bytes a second and track, at most (ATSC A/52, table 5.18)
_LOSSLESS: Final = ("pcm_", "flac", "alac", "truehd", "mlp", "dts")  # the last one may be
_SAMPLE: Final = 4  # bytes, at most
_PCM: Final = 48_000 * 2 * 2  # bytes a second of 16-bit stereo
#: Container and rounding.
_MARGIN: Final = 1.05
#: How cells of a large grid are kept meanwhile: see ``filters.cell``.
_SMALL: Final = Encoding(crf=12)


def video_track(size: tuple[int, int], rate: Fraction, length: Fraction, encoding: Encoding) -> float:
    """Bytes of an encode.

    With a ceiling ``max_kbit * (length + 2 s)``, the 2 s being the decoder's buffer; without one
    ``bits a pixel * pixels * 2 ** ((23 - crf) / 6)``.

    Args:
        size: in pixels.
        rate: per second.
        length: seconds.
        encoding: how they are encoded.

    Returns:
        Bytes.
    """
    if encoding.max_kbit is not None:
        return encoding.max_kbit * 1000 / 8 * (float(length) + 2)
    bits = encoding.codec.bits_a_pixel * 2 ** ((_USUAL_CRF - encoding.crf) / _HALVING)
    return bits / 8 * size[0] * size[1] * float(rate * length)


def film(info: MediaInfo, length: Fraction | None, encoding: Encoding, *, tracks: int | None = None) -> int:
    """Bytes of an encode of ``length`` seconds of a video: ``video_track`` and AAC, at most three times their source.

    Args:
        info: the video's facts.
        length: seconds; None takes all of it.
        encoding: how it is encoded.
        tracks: of audio; None keeps all.

    Returns:
        Bytes.
    """
    whole = info.duration or info.video.duration
    length = whole if length is None else length
    if length is None:
        return _OF_SOURCE * info.size
    if whole:
        length = min(length, whole)
    audio = _AAC * float(length) * (info.audio_tracks if tracks is None else tracks)
    most = _OF_SOURCE * info.size * float(length / whole) if whole else float("inf")
    return round(
        _MARGIN * (min(most, video_track(web_size(info, encoding.max_height), rate_of(info), length, encoding)) + audio)
    )


def companions(info: MediaInfo) -> int:
    """Bytes of the audio of a video as it is, in a file of its own."""
    length = info.duration or info.video.duration
    most = sum(map(_most_a_second, info.audio))
    return info.size if length is None else min(info.size, round(most * float(length)))


def _most_a_second(track: AudioTrack) -> float:
    """Bytes a second of an audio track, at most: its samples where nothing of them is left out, else those of AC-3."""
    return track.rate * len(track.channels) * _SAMPLE if track.codec.startswith(_LOSSLESS) else _AC3


def copies(length: Fraction, chunk: Fraction) -> int:
    """How often a film of ``length`` seconds is on the disk while it is made: once in one go, thrice in chunks.

    Thrice: the chunks of ``chunk`` seconds, all of them joined, and the finished film. See ``chunk_bounds``.

    Returns:
        1 or 3.
    """
    return 3 if 2 * length >= 3 * chunk else 1


def montage(info: MediaInfo, length: Fraction, encoding: Encoding, chunk: Fraction) -> int:
    """Bytes of a ``film`` of ``length`` seconds with one audio track, made in chunks of ``chunk`` seconds."""
    return copies(length, chunk) * film(info, length, encoding, tracks=1)


def grid(form: filters.GridForm, encoding: Encoding, chunk: Fraction, *, kept: bool) -> int:
    """Bytes of a grid: ``video_track`` and AAC, and its cells meanwhile where they are made small first.

    Args:
        form: of the grid.
        encoding: how it is encoded.
        chunk: see ``copies``.
        kept: whether the cells are made small first, nearly without loss and with their audio as it is decoded.

    Returns:
        Bytes.
    """
    size, rate, length = form.size, form.rate, form.length
    made = copies(length, chunk) * (video_track(size, rate, length, encoding) + _AAC * float(length))
    meanwhile = video_track(size, rate, length, _SMALL) + _PCM * len(form.heard) * float(length) if kept else 0
    return round(_MARGIN * (made + meanwhile))


def sequence(
    copied: Sequence[int],
    encoded: Fraction,
    length: Fraction,
    size: tuple[int, int],
    rate: Fraction,
    encoding: Encoding,
) -> int:
    """Bytes of a sequence: the videos that are encoded, their audio as it is decoded, and the film twice.

    Args:
        copied: bytes of the videos that are joined as they are.
        encoded: seconds of those that are not.
        length: seconds of all.
        size: in pixels.
        rate: frames per second.
        encoding: how those are encoded.

    Returns:
        Bytes.
    """
    encoded_size = video_track(size, rate, encoded, encoding)
    whole = encoded_size + sum(copied)
    return round(_MARGIN * (encoded_size + 2 * whole + (_PCM + _AAC) * float(length)))
