"""What would an encode come to? Told from short pieces of it, really encoded."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg
from av.error import FFmpegError
from pydantic import BaseModel, ConfigDict

from reelmill.errors import Stalled
from reelmill.ffmpeg.build import AAC, H264, arguments, for_the_web, seconds, sounds
from reelmill.ffmpeg.probe import MediaInfo, main_video, media_url, open_media
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.report import Silent

#: Pieces of a long video, and seconds of each.
PIECES: Final = 3
LENGTH: Final = Fraction(2)
#: The first look, which tells how long pieces may be.
_TASTE: Final = Fraction(2, 5)
_SHORTEST: Final = Fraction(1, 5)
#: A piece begins at a keyframe that is no further from its place, or else costs the decoding of what lies between.
_NEAR: Final = Fraction(5)
#: Pictures between keyframes where no scene changes: x264's default ``keyint``, which ``build.H264`` leaves as it is.
_KEYINT: Final = 250
#: Seconds at the ceiling that an encode may spend at its start, from a decoder's full buffer: 0.9 (x264's
#: ``vbv-init``) of a ``bufsize`` of 2 s.
_BURST: Final = 1.8
_USUAL_RATE: Final = 25


class Range(BaseModel):
    """A prediction: what all pieces together say, and what the least and the most telling of them say alone."""

    model_config = ConfigDict(frozen=True)

    likely: float
    least: float
    most: float


class Prediction(BaseModel):
    """What an encode would come to."""

    model_config = ConfigDict(frozen=True)

    size: Range  # bytes
    seconds: Range  # wall time of the encode, on this machine as busy as it is now
    cpu_seconds: Range
    sampled: float  # seconds of the video that were encoded to find out


@dataclass(frozen=True)
class Piece:
    """One piece that was encoded."""

    length: float  # seconds of video
    frames: int
    first: int  # bytes of its first picture, a keyframe
    rest: int  # bytes of its other pictures
    audio: int  # bytes
    seconds: float
    cpu_seconds: float


def places(duration: Fraction, length: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Beginning and length of each piece, in seconds, spread evenly; a short video is one piece (pure)."""
    if duration <= PIECES * length:
        return [(Fraction(0), min(duration, PIECES * length))]
    return [((2 * number + 1) * duration / (2 * PIECES) - length / 2, length) for number in range(PIECES)]


def predict_from(
    pieces: Sequence[Piece], duration: float, max_kbit: int | None, start: tuple[float, float] = (0.0, 0.0)
) -> Prediction:
    """What a whole video comes to, were all of it like these pieces (pure).

    Every piece begins with a keyframe and the whole has one every 250 pictures at least, so keyframes and the pictures
    between them are reckoned apart. A ceiling holds for the whole, not for a piece, which may live on the buffer.

    Args:
        pieces: one at least.
        duration: of the whole, seconds.
        max_kbit: ceiling of the pictures, kbit/s.
        start: wall and CPU seconds that every encode spends once, however long it is.
    """
    sizes = [_whole_size(piece, duration, max_kbit) for piece in pieces]
    total = sum(piece.length for piece in pieces)

    def spread(each: Sequence[float]) -> Range:
        likely = sum(one * piece.length for one, piece in zip(each, pieces, strict=True)) / total
        return Range(likely=likely, least=min(each), most=max(each))

    return Prediction(
        size=spread(sizes),
        seconds=spread([start[0] + (piece.seconds - start[0]) / piece.length * duration for piece in pieces]),
        cpu_seconds=spread([start[1] + (piece.cpu_seconds - start[1]) / piece.length * duration for piece in pieces]),
        sampled=total,
    )


def start_up(short: Piece, pieces: Sequence[Piece]) -> tuple[float, float]:
    """Wall and CPU seconds that every encode spends once, by a shorter and a longer one of the same place (pure).

    Args:
        short: the shorter one.
        pieces: the longer one is in their middle.
    """
    long = pieces[len(pieces) // 2]
    if long.length <= 2 * short.length:
        return 0.0, 0.0
    share = short.length / (long.length - short.length)
    once = [
        brief - (whole - brief) * share
        for brief, whole in ((short.seconds, long.seconds), (short.cpu_seconds, long.cpu_seconds))
    ]
    least = min(piece.seconds for piece in pieces), min(piece.cpu_seconds for piece in pieces)
    wall, cpu = (min(max(0.0, one), most / 2) for one, most in zip(once, least, strict=True))
    return wall, cpu


def _whole_size(piece: Piece, duration: float, max_kbit: int | None) -> float:
    scale = duration / piece.length
    keyframes = max(1, math.ceil(scale * piece.frames / _KEYINT))
    between = piece.rest / max(1, piece.frames - 1) * max(0.0, scale * piece.frames - keyframes)
    pictures = keyframes * piece.first + between
    if max_kbit is not None:
        pictures = min(pictures, max_kbit * 125 * (duration + _BURST))
    return pictures + piece.audio * scale


def command(
    source: Path, info: MediaInfo, target: Path, h264: H264, begin: Fraction, length: Fraction
) -> tuple[str, ...]:
    """The encode that ``build.reencode`` does, of one piece and into a container that needs no second pass."""
    media = ffmpeg.input(media_url(source), **({"ss": seconds(begin)} if begin > 0 else {}), t=seconds(length))
    streams = [for_the_web(info, media[f"v:{info.video.index}"]), *sounds(media, info)]
    options: dict[str, Any] = {**h264.options(), "fps_mode:v": "passthrough", "enc_time_base:v": "demux", "f": "nut"}
    if info.audio_tracks:
        options |= AAC
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def sample(
    transcoder: Transcoder, source: Path, info: MediaInfo, h264: H264, *, budget: float = 20.0
) -> Prediction | None:
    """Encode a few short pieces, in a folder of their own outside of any library, and reckon from them.

    Args:
        transcoder: whose ffmpeg encodes.
        source: the video.
        info: its facts.
        h264: how it would be encoded.
        budget: seconds it should take, about; pieces get shorter and fewer to keep it, and none takes longer.

    Returns:
        None where the video does not say how long it is, or the first pictures alone took longer than ``budget``.

    Raises:
        FfmpegFailed: a piece cannot be encoded, so neither can the whole.
        InputError: the video does not open.
    """
    if not info.duration or info.duration <= 0:
        return None
    with tempfile.TemporaryDirectory(prefix="reelmill-sample-") as folder:
        taker = _Taker(transcoder, source, info, h264, Path(folder), time.monotonic() + budget)
        taste, pieces = taker.pieces(info.duration, budget)
    if taste is None:
        return None
    if not pieces:
        return predict_from([taste], float(info.duration), h264.max_kbit)
    return predict_from(pieces, float(info.duration), h264.max_kbit, start_up(taste, pieces))


@dataclass(frozen=True)
class _Taker:
    """Encodes pieces of one video until its time is over."""

    transcoder: Transcoder
    source: Path
    info: MediaInfo
    h264: H264
    folder: Path
    end: float  # monotonic seconds

    def pieces(self, duration: Fraction, budget: float) -> tuple[Piece | None, list[Piece]]:
        """A first short piece, then as many and as long ones as there is time for."""
        wanted = places(duration, LENGTH)
        begin, length = wanted[len(wanted) // 2]
        taste = self._take(_keyframe(self.source, begin), min(length, _TASTE))
        if taste is None:
            return None, []
        affordable = Fraction(budget / PIECES / (taste.seconds / taste.length)).limit_denominator(1000)
        wanted = places(duration, max(_SHORTEST, min(LENGTH, affordable)))
        taken = [self._take(_keyframe(self.source, begin), length) for begin, length in wanted]
        return taste, [piece for piece in taken if piece is not None]

    def _take(self, begin: Fraction, length: Fraction) -> Piece | None:
        """One piece; None where the time is over, or nothing is shown there."""
        left = self.end - time.monotonic()
        if left <= 0:
            return None
        target = self.folder / "piece.nut"
        options = replace(self.transcoder.options, total_timeout=left)
        hurried = replace(self.transcoder, options=options, disk=None)
        try:
            done = hurried.encode(
                lambda way: command(self.source, self.info, target, way, begin, length), self.h264, Silent()
            )
        except Stalled:
            return None
        return _read(target, float(length), done.seconds, done.cpu_seconds)


def _keyframe(source: Path, at: Fraction) -> Fraction:
    """When the last keyframe before ``at`` is shown, in seconds from the file's start; ``at`` itself if that is far."""
    with open_media(source) as container:
        found = main_video(container)
        assert found is not None
        stream = found[1]
        assert stream.time_base is not None
        offset = Fraction(container.start_time or 0, 1_000_000)
        try:
            container.seek(int((at + offset) / stream.time_base), stream=stream)
            for packet in container.demux(stream):
                if packet.pts is not None and packet.is_keyframe:
                    time = packet.pts * stream.time_base - offset
                    return max(Fraction(0), time) if abs(at - time) <= _NEAR else at
        except FFmpegError:  # a container without an index, or damage: ffmpeg finds the place by decoding
            pass
    return at


def _read(piece: Path, length: float, seconds: float, cpu_seconds: float) -> Piece | None:
    sizes: list[int] = []
    audio = 0
    with open_media(piece) as container:
        pictures = container.streams.video[0]
        for packet in container.demux():
            if packet.stream is pictures and packet.size:
                sizes.append(packet.size)
            else:
                audio += packet.size
    if not sizes:
        return None
    return Piece(length, len(sizes), sizes[0], sum(sizes[1:]), audio, seconds, cpu_seconds)
