"""What a web copy lacks of its source, and what is otherwise in it: the same words in plans and results (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from reelmill.ffmpeg.commands.colours import transparent, wide
from reelmill.ffmpeg.commands.filters import AAC, text_subtitles
from reelmill.ffmpeg.commands.web_audio import SURROUND_RATE, surround_tracks
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import by_fields, web_size
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.tracks import by_position

#: Subtitles that are more than text, of which an mp4 keeps the text.
_STYLED = ("ass", "ssa")


def larger(size: str, because: str | None) -> str:
    """That a copy is larger than its source.

    Args:
        size: by how much, for people.
        because: why it is made though; None where that is not known.

    Returns:
        The sentence.
    """
    return (
        f"the copy is {size} larger than its source"
        if because is None
        else f"the copy is {size} larger, because {because}"
    )


def left_out(info: MediaInfo) -> tuple[str, ...]:
    """The tracks of a video that its copy has not, each a sentence with the reason.

    Args:
        info: the video's facts, once ``usable_subtitles`` has seen which of its subtitles an mp4 can hold.

    Returns:
        The sentences.
    """
    return tuple(map(str, (*info.left_out, *info.unused)))


def concealed(damage: str | None) -> tuple[str, ...]:
    """That a copy was made of a damaged video.

    Args:
        damage: what of the video does not decode; None: nothing that was noticed.

    Returns:
        The sentence; nothing where it is not damaged.
    """
    return () if damage is None else (f"the source is damaged ({damage}); the copy has what decodes of it",)


def changed(info: MediaInfo, encoding: Encoding | None) -> tuple[str, ...]:
    """What is otherwise in the copy of a video, each a sentence.

    Args:
        info: the video's facts.
        encoding: how its streams are encoded; None where they are put into an mp4 as they are.

    Returns:
        The sentences; none on what an encode does to every video.
    """
    frames_and_audio = () if encoding is None else (*_frames(info, encoding), *_audio(info, encoding))
    return (*frames_and_audio, *_subtitles(info))


def _frames(info: MediaInfo, encoding: Encoding) -> Iterator[str]:
    video, (width, height) = info.video, web_size(info, encoding.max_height)
    if video.telecined:
        yield "its telecine is undone: the 24 frames a second of the film instead of 30 interlaced ones"
    elif video.interlaced:
        each = ", each field a frame" if by_fields(info, (width, height)) else ""
        yield f"its frames are deinterlaced{each}"
    if transparent(video):
        yield "what is transparent lies over black"
    if wide(video):
        yield "its colours are brought from BT.2020 to BT.709"
    if video.hdr:
        yield f"its colours are mapped from HDR ({video.hdr}) to SDR"
    elif video.full_range:
        yield f"its colours are brought from full range ({video.pixel_format}) to limited"
    elif video.pixel_format != "yuv420p":
        yield f"its pixels become yuv420p from {video.pixel_format}"
    if video.rotation:
        yield f"it is turned upright, by {video.rotation} degrees"
    if video.mirrored:
        yield "it is mirrored back"
    stored = (video.height, video.width) if video.rotation in (90, 270) else (video.width, video.height)
    if stored != (width, height):
        yield f"it is scaled from {stored[0]}x{stored[1]} to {width}x{height}"


def _audio(info: MediaInfo, encoding: Encoding) -> Iterator[str]:
    around = surround_tracks(info, encoding)
    for track in info.audio:
        taken = by_position(track.layout)
        layout = track.layout if taken is None else f"{track.layout}, of which the first {taken[1]} become {taken[0]}"
        mixed = " in two channels" if len(track.channels) > 2 else ""
        beside = f", and as one of 5.1 of {SURROUND_RATE}bit/s" if track in around else ""
        name = f"audio track {track.index + 1} ({track.codec}, {layout})"
        yield f"{name} is encoded as AAC of {AAC['b:a']}bit/s{mixed}{beside}"


def _subtitles(info: MediaInfo) -> Iterator[str]:
    for index in text_subtitles(info):
        if info.subtitle_codecs[index] in _STYLED:
            yield f"subtitle track {index + 1} ({info.subtitle_codecs[index]}) loses its styles and places"
