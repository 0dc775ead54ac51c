"""Is a file ready for the web as it is, and if not, what does it lack?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.mp4_boxes import faststart
from reelmill.ffmpeg.reading.probe import MediaInfo, main_video, open_media
from reelmill.ffmpeg.reading.tracks import decodable_audio

Action = Literal["encode", "remux", "skip", "cannot"]

#: How much of the wanted bit rate a file may exceed before it is worth an encode.
BIT_RATE_MARGIN: Final = 0.1
#: Seconds at the wanted bit rate that a player's buffer takes on top: ``bufsize`` of ``Encoding``.
_BUFFER: Final = 2
#: Brands of the mp4 family that are not mp4: QuickTime's and 3GPP's.
_OTHER_BRANDS: Final = ("qt", "3g")


@dataclass(frozen=True)
class WebFacts:
    """What decides about the web and a catalogue does not hold."""

    level: int | None  # as a decoder's context has it: ten times H.264's; None for other codecs than the web's
    audio_bit_rate: int  # of all audio tracks, bits per second; 0 where the file does not say
    mp4: bool
    faststart: bool  # its index stands before its frames


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a video, and why."""

    action: Action
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        """The reasons as one line."""
        return "; ".join(self.reasons)


def web_facts(path: Path) -> WebFacts:
    """Read from headers; nothing is decoded.

    Returns:
        What decides about the web and a catalogue does not hold.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
    """
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        context = found[1].codec_context
        level = int(context.level) if context.codec.canonical_name == WEB.name else None
        audio = sum(stream.bit_rate or 0 for _, stream in decodable_audio(container))
        brand = container.metadata.get("major_brand", "")
        mp4 = "mp4" in container.format.name and bool(brand) and not brand.startswith(_OTHER_BRANDS)
    return WebFacts(level=level, audio_bit_rate=audio, mp4=mp4, faststart=mp4 and faststart(path))


def verdict(info: MediaInfo, facts: WebFacts, max_kbit: int) -> Verdict:
    """What ``reencode`` has to do with a file (pure).

    ``skip``: it is an mp4 that starts at once, of H.264 in 8 bits and 4:2:0 of a profile and level that browsers play,
    upright, progressive, in square pixels, with AAC or no audio, and takes no more than a tenth over ``max_kbit``.
    ``remux``: all that but its container, or but for a track that does not decode, so its streams go into another as
    they are. Else ``encode``.

    Args:
        info: the file's facts.
        facts: and those of ``web_facts``.
        max_kbit: the most that the video track should take, kbit/s.

    Returns:
        What is to be done, and why.
    """
    faults = [*_video_faults(info, facts), *_audio_faults(info), *_rate_faults(info, facts, max_kbit)]
    if faults:
        return Verdict("encode", tuple(faults))
    audio = "AAC" if info.audio_tracks else "no audio"
    ready = f"{WEB.title} {info.video.profile}, {_kbit(info, facts):.0f} kbit/s, {audio}"
    if facts.faststart and not info.left_out:
        return Verdict("skip", (f"already web-ready: {ready}, mp4 that starts at once",))
    lacks = "a track of it cannot be decoded" if info.left_out else "its index stands at the end"
    if not facts.mp4:
        lacks = f"its container is {info.container.partition(',')[0]}"
    return Verdict("remux", (f"its streams are web-ready ({ready}), but {lacks}",))


def _video_faults(info: MediaInfo, facts: WebFacts) -> Iterator[str]:
    video = info.video
    if video.codec != WEB.name:
        yield f"its video is {video.codec}, not {WEB.title}"
    elif video.profile not in WEB.profiles:
        yield f"its {WEB.title} profile is {video.profile or 'unknown'}, which browsers do not play"
    elif facts.level is None or not 0 < facts.level <= WEB.highest_level:
        yield f"its {WEB.title} level is {'unknown' if facts.level is None else facts.level / 10}"
    if video.hdr:
        yield f"it is HDR ({video.hdr})"
    elif video.pixel_format != "yuv420p" or video.full_range:
        colours = f"of full range ({video.pixel_format})" if video.full_range else f"{video.pixel_format}, not yuv420p"
        yield f"its colours are {colours}"
    if video.rotation:
        yield f"it is turned by {video.rotation} degrees"
    if video.mirrored:
        yield "it is mirrored"
    if video.sample_aspect != 1:
        yield f"its pixels are not square ({video.sample_aspect.numerator}:{video.sample_aspect.denominator})"
    if video.interlaced:
        yield "it is interlaced"
    if video.rotation == 0 and video.sample_aspect == 1 and (video.width, video.height) != web_size(info):
        yield f"its size, {video.width}x{video.height}, is odd"


def _audio_faults(info: MediaInfo) -> Iterator[str]:
    others = sorted({codec for codec in info.audio_codecs if codec != "aac"})
    if others:
        yield f"its audio is {' and '.join(others)}, not AAC"


def _kbit(info: MediaInfo, facts: WebFacts) -> float:
    """Of its video track, and of what the container adds."""
    assert info.duration
    return max(0.0, info.size * 8 / float(info.duration) - facts.audio_bit_rate) / 1000


def _rate_faults(info: MediaInfo, facts: WebFacts, max_kbit: int) -> Iterator[str]:
    if not info.duration:
        yield "it does not say how long it is"
        return
    allowed = max_kbit * (1 + BIT_RATE_MARGIN + _BUFFER / float(info.duration))
    taken = _kbit(info, facts)
    if taken > allowed:
        yield f"its video takes {taken:.0f} kbit/s, and {max_kbit} (+{BIT_RATE_MARGIN:.0%}) are wanted"
