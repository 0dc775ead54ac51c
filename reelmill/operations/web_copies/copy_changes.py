"""What a web copy lacks of its source, and what is otherwise in it: the same words in plans and results (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from reelmill.ffmpeg.commands.filters import AAC, text_subtitles
from reelmill.ffmpeg.geometry import web_size
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


def changed(info: MediaInfo, *, encoded: bool) -> tuple[str, ...]:
    """What is otherwise in the copy of a video, each a sentence.

    Args:
        info: the video's facts.
        encoded: whether its streams are encoded, rather than put into an mp4 as they are.

    Returns:
        The sentences; none on what an encode does to every video.
    """
    frames_and_audio = (*_frames(info), *_audio(info)) if encoded else ()
    return (*frames_and_audio, *_subtitles(info))


def _frames(info: MediaInfo) -> Iterator[str]:
    video, (width, height) = info.video, web_size(info)
    if video.interlaced:
        yield "its frames are deinterlaced"
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


def _audio(info: MediaInfo) -> Iterator[str]:
    for track in info.audio:
        taken = by_position(track.layout)
        layout = track.layout if taken is None else f"{track.layout}, of which the first {taken[1]} become {taken[0]}"
        yield f"audio track {track.index + 1} ({track.codec}, {layout}) is encoded as AAC of {AAC['b:a']}bit/s"


def _subtitles(info: MediaInfo) -> Iterator[str]:
    for index in text_subtitles(info):
        if info.subtitle_codecs[index] in _STYLED:
            yield f"subtitle track {index + 1} ({info.subtitle_codecs[index]}) loses its styles and places"
