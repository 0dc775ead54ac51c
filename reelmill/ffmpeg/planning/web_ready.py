"""Is a file ready for the web as it is, and if not, what does it lack?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from av.video.stream import VideoStream

from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.containers.mp4_boxes import faststart
from reelmill.ffmpeg.reading.probe import MediaInfo, main_video, open_media
from reelmill.ffmpeg.reading.tracks import decodable_audio

Action = Literal["encode", "remux", "skip", "cannot"]

#: How much of the wanted bit rate a file may exceed before it is worth an encode.
BIT_RATE_MARGIN: Final = 0.1
#: Seconds at the wanted bit rate that a player's buffer takes on top: ``bufsize`` of ``Encoding``.
_BUFFER: Final = 2
#: Seconds between two keyframes from which on seeking is felt: what encoders leave by default at 24 frames a second is
#: 10, at 17 frames 15.
_APART: Final = 15.0
#: Channels and samples a second of AAC that all browsers play.
_CHANNELS: Final = 6
_SAMPLES: Final = 48_000
#: Brands of the mp4 family that are not mp4: QuickTime's and 3GPP's.
_OTHER_BRANDS: Final = ("qt", "3g")


@dataclass(frozen=True)
class WebFacts:
    """What decides about the web and a catalogue does not hold."""

    level: int | None  # as a decoder's context has it: ten times H.264's; None for other codecs than the web's
    audio_bit_rate: int  # of all audio tracks, bits per second; 0 where the file does not say
    mp4: bool
    faststart: bool  # its index stands before its frames
    apart: float | None = None  # seconds from one keyframe to the next at most; None where no index has that


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
        apart = _keyframes_apart(found[1]) if "mp4" in container.format.name else None
        mp4 = "mp4" in container.format.name and bool(brand) and not brand.startswith(_OTHER_BRANDS)
    return WebFacts(level=level, audio_bit_rate=audio, mp4=mp4, faststart=mp4 and faststart(path), apart=apart)


def _keyframes_apart(stream: VideoStream) -> float | None:
    """By the index of an mp4, which has every frame; in seconds of decoding."""
    times = [(entry.timestamp, entry.is_keyframe) for entry in stream.index_entries]
    if not times or stream.time_base is None:
        return None
    keys = [*(time for time, key in times if key), times[-1][0]]
    return float(max((after - before for before, after in pairwise(keys)), default=0) * stream.time_base)


def verdict(info: MediaInfo, facts: WebFacts, max_kbit: int, max_height: int = 0) -> Verdict:
    """What ``reencode`` has to do with a file (pure).

    ``skip``: it is an mp4 that starts at once, of H.264 in 8 bits and 4:2:0 of a profile and level that browsers play,
    upright, progressive, in square pixels, with keyframes to seek to, with AAC of up to 5.1 at 48 kHz or no audio, of
    no more lines than ``max_height``, and takes no more than a tenth over ``max_kbit``.
    ``remux``: all that but its container, or but for a track that does not decode, so its streams go into another as
    they are. Else ``encode``.

    Args:
        info: the file's facts.
        facts: and those of ``web_facts``.
        max_kbit: the most that the video track should take, kbit/s.
        max_height: of a copy, see ``web_size``.

    Returns:
        What is to be done, and why.
    """
    faults = [*_video_faults(info, facts, max_height), *_audio_faults(info), *_rate_faults(info, facts, max_kbit)]
    if faults:
        return Verdict("encode", tuple(faults))
    audio = "AAC" if info.audio_tracks else "no audio"
    ready = f"{WEB.title} {info.video.profile}, {video_kbit(info, facts):.0f} kbit/s, {audio}"
    if facts.faststart and not info.left_out:
        return Verdict("skip", (f"already web-ready: {ready}, mp4 that starts at once",))
    lacks = "a track of it cannot be decoded" if info.left_out else "its index stands at the end"
    if not facts.mp4:
        lacks = f"its container is {info.container.partition(',')[0]}"
    return Verdict("remux", (f"its streams are web-ready ({ready}), but {lacks}",))


def _video_faults(info: MediaInfo, facts: WebFacts, max_height: int) -> Iterator[str]:
    video = info.video
    if video.codec != WEB.name:
        yield f"its video is {video.codec}, not {WEB.title}"
    elif video.profile not in WEB.profiles:
        yield f"its {WEB.title} profile is {video.profile or 'unknown'}, which browsers do not play"
    elif facts.level is None or not 0 < facts.level <= WEB.highest_level:
        yield f"its {WEB.title} level is {'unknown' if facts.level is None else facts.level / 10}"
    if facts.apart is not None and facts.apart > _APART:
        yield f"its keyframes stand up to {facts.apart:.0f} s apart, so that no player can seek in it"
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
    whole, copy = web_size(info), web_size(info, max_height)
    if video.rotation == 0 and video.sample_aspect == 1 and (video.width, video.height) != whole:
        odd = video.width % 2 or video.height % 2
        yield f"its size, {video.width}x{video.height}, is {'odd' if odd else 'more than browsers surely play'}"
    elif copy != whole:
        yield f"its size, {whole[0]}x{whole[1]}, is more than the {copy[0]}x{copy[1]} wanted"


def _audio_faults(info: MediaInfo) -> Iterator[str]:
    others = sorted({codec for codec in info.audio_codecs if codec != "aac"})
    if others:
        yield f"its audio is {' and '.join(others)}, not AAC"
    most = max((len(track.channels) for track in info.audio), default=0)
    if most > _CHANNELS:
        yield f"its audio has {most} channels, which few browsers play"
    fastest = max((track.rate for track in info.audio), default=0)
    if fastest > _SAMPLES:
        yield f"its audio has {fastest / 1000:g} kHz, which few browsers play"


def video_kbit(info: MediaInfo, facts: WebFacts) -> float:
    """kbit/s of a file's video track, and of what the container adds; 0 where it does not say how long it is."""
    if not info.duration:
        return 0.0
    return max(0.0, info.size * 8 / float(info.duration) - facts.audio_bit_rate) / 1000


def _rate_faults(info: MediaInfo, facts: WebFacts, max_kbit: int) -> Iterator[str]:
    if not info.duration:
        yield "it does not say how long it is"
        return
    allowed = max_kbit * (1 + BIT_RATE_MARGIN + _BUFFER / float(info.duration))
    taken = video_kbit(info, facts)
    if taken > allowed:
        yield f"its video takes {taken:.0f} kbit/s, and {max_kbit} (+{BIT_RATE_MARGIN:.0%}) are wanted"
