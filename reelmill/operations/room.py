"""How much room a job is going to take, before it begins (pure).

Middle figures rather than bounds: to refuse work that would fit costs more than to stop what does not, and every encode
is watched while it writes. What has a ceiling is counted at its ceiling.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from reelmill.ffmpeg import build
from reelmill.ffmpeg.montage import rate_of
from reelmill.ffmpeg.probe import MediaInfo

#: Bits a pixel that x264 takes at crf 23: 2.8 Mbit/s at 720p30. Our own figure, of films and of camera pictures.
_BITS_A_PIXEL: Final = 0.1
_USUAL_CRF: Final = 23
#: Steps of crf that halve the bits. Source: trac.ffmpeg.org/wiki/Encode/H.264, "CRF".
_HALVING: Final = 6
#: No encode is expected to take more than so many times its source.
_OF_SOURCE: Final = 3
_AAC: Final = 128_000 / 8  # bytes a second and track: ``build.AAC``
_PCM: Final = 48_000 * 2 * 2  # bytes a second of 16-bit stereo
#: Container and rounding.
_MARGIN: Final = 1.05
#: How cells of a large grid are kept meanwhile: see ``build.cell``.
_SMALL: Final = build.H264(crf=12)


def pictures(size: tuple[int, int], rate: Fraction, length: Fraction, h264: build.H264) -> float:
    """Bytes of H.264.

    With a ceiling ``max_kbit * (length + 2 s)``, the 2 s being the decoder's buffer; without one
    ``0.1 bit * pixels * 2 ** ((23 - crf) / 6)``.

    Args:
        size: in pixels.
        rate: per second.
        length: seconds.
        h264: how they are encoded.
    """
    if h264.max_kbit is not None:
        return h264.max_kbit * 1000 / 8 * (float(length) + 2)
    bits = _BITS_A_PIXEL * 2 ** ((_USUAL_CRF - h264.crf) / _HALVING)
    return bits / 8 * size[0] * size[1] * float(rate * length)


def film(info: MediaInfo, length: Fraction | None, h264: build.H264, *, tracks: int | None = None) -> int:
    """Bytes of an encode of ``length`` seconds of a video: ``pictures`` and AAC, at most three times their source.

    Args:
        info: the video's facts.
        length: seconds; None takes all of it.
        h264: how it is encoded.
        tracks: of sound; None keeps all.
    """
    whole = info.duration or info.video.duration
    length = whole if length is None else length
    if length is None:
        return _OF_SOURCE * info.size
    if whole:
        length = min(length, whole)
    sound = _AAC * float(length) * (info.audio_tracks if tracks is None else tracks)
    most = _OF_SOURCE * info.size * float(length / whole) if whole else float("inf")
    return round(_MARGIN * (min(most, pictures(build.web_size(info), rate_of(info), length, h264)) + sound))


def copies(length: Fraction, piece: Fraction) -> int:
    """How often a film of ``length`` seconds is on the disk while it is made: once in one go, thrice in pieces.

    Thrice: the pieces of ``piece`` seconds, all of them joined, and the finished film. See ``pieces.spans``.
    """
    return 3 if 2 * length >= 3 * piece else 1


def montage(info: MediaInfo, length: Fraction, h264: build.H264, piece: Fraction) -> int:
    """Bytes of a ``film`` of ``length`` seconds with one sound track, made in pieces of ``piece`` seconds."""
    return copies(length, piece) * film(info, length, h264, tracks=1)


def grid(
    size: tuple[int, int],
    rate: Fraction,
    length: Fraction,
    h264: build.H264,
    piece: Fraction,
    *,
    heard: int,
    kept: bool,
) -> int:
    """Bytes of a grid: ``pictures`` and AAC, and its cells meanwhile where they are made small first.

    Args:
        size: of the whole, in pixels.
        rate: pictures per second.
        length: seconds.
        h264: how it is encoded.
        piece: see ``copies``.
        heard: how many cells are heard.
        kept: whether the cells are made small first, nearly without loss and with their sound as it is decoded.
    """
    made = copies(length, piece) * (pictures(size, rate, length, h264) + _AAC * float(length))
    meanwhile = pictures(size, rate, length, _SMALL) + _PCM * heard * float(length) if kept else 0
    return round(_MARGIN * (made + meanwhile))


def sequence(
    copied: Sequence[int], encoded: Fraction, length: Fraction, size: tuple[int, int], rate: Fraction, h264: build.H264
) -> int:
    """Bytes of a sequence: the parts that are encoded, their sound as it is decoded, and the film twice.

    Args:
        copied: bytes of the videos that are joined as they are.
        encoded: seconds of those that are not.
        length: seconds of all.
        size: in pixels.
        rate: pictures per second.
        h264: how parts are encoded.
    """
    parts = pictures(size, rate, encoded, h264)
    whole = parts + sum(copied)
    return round(_MARGIN * (parts + 2 * whole + (_PCM + _AAC) * float(length)))
