"""Frames at an even rate, encoded once and written in chunks: what is written stands when the encode is killed.

One encoder writes all chunks, each beginning with a keyframe of its own, so they join to what one file would have been.
What goes on after a kill is a new encoder: frames before may be decoded again, none of them is encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import ffmpeg
from av.error import FFmpegError

from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg.codecs import WEB, Codec
from reelmill.ffmpeg.commands.filters import AAC, FASTSTART, UNLABELLED, arguments, seconds
from reelmill.ffmpeg.commands.frame_points import points_beside
from reelmill.ffmpeg.encoding import KEYFRAME_SECONDS, Encoding
from reelmill.ffmpeg.finding import Finding, FindingKind, not_usable
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import blame_disk, main_video, media_url, open_media
from reelmill.ffmpeg.reading.stream_copy import delay

#: A last chunk shorter than this share of a whole one is added to the one before it.
_LEAST: Final = Fraction(1, 2)


def chunk_bounds(frames: int, each: int) -> list[tuple[int, int]]:
    """The first frame of each chunk and the one after its last (pure): ``each`` of them, the last chunk what is left.

    Args:
        frames: of the whole.
        each: of a chunk.

    Returns:
        One pair at least; none overlap.
    """
    begins = list(range(0, frames, each))
    if len(begins) > 1 and frames - begins[-1] < _LEAST * each:
        begins.pop()
    return list(zip(begins, [*begins[1:], frames], strict=True))


def encode_in_chunks(
    video: Any,
    chunks: Sequence[tuple[int, int]],
    rate: Fraction,
    each: int,
    folder: Path,
    encoding: Encoding,
    **options: Any,
) -> tuple[str, ...]:
    """Encode chunks that follow one another; ``chunk_path`` names their files, and ``points_path`` that of points.

    Args:
        video: filtered frames, of which the first is the first of the first chunk.
        chunks: the first frame of each and the one after its last, as ``chunk_bounds`` has them.
        rate: frames per second.
        each: as ``chunk_bounds`` had it.
        folder: where they are written.
        encoding: how to encode.
        options: more of the encoder's.

    Returns:
        ffmpeg's arguments.
    """
    begin, end = chunks[0][0], chunks[-1][1]
    video = video.filter("trim", end_frame=end - begin).filter("setpts", f"round(N/({rate}*TB))")
    cuts = [first - begin for first, _ in chunks[1:]] or [end - begin]  # its own default would be times
    muxing = {
        "f": "segment", "segment_format": "matroska", "segment_frames": ",".join(map(str, cuts)),
        "segment_start_number": begin // each, "reset_timestamps": 1,
    }  # fmt: skip
    usual = max(1, int(KEYFRAME_SECONDS * rate))
    keyframes = {"force_key_frames": f"expr:not(mod(n,{each}))+gte(n-prev_forced_n,{usual})"}
    pattern = media_url(folder).replace("%", "%%") + "/%06d.mkv"
    video, beside = points_beside(video, points_path(folder, begin, each))
    options = {**encoding.options(), **keyframes, **muxing, **options}
    return arguments(*beside, ffmpeg.output(video, pattern, r=str(rate), **options))


def chunk_path(folder: Path, first: int, each: int) -> Path:
    """The file of the chunk that begins with frame ``first``; whole as soon as the next one is there."""
    return folder / f"{first // each:06d}.mkv"


def points_path(folder: Path, first: int, each: int) -> Path:
    """The file of the points of all frames of the chunks that begin with frame ``first``."""
    return folder / f"{first // each:06d}.points"


def check_chunk(path: Path, frames: int, name: str, codec: Codec = WEB) -> int:
    """Check by its packets that a chunk is of its codec, begins with a keyframe and holds just its frames.

    Args:
        path: the file.
        frames: that it is to hold.
        name: of it, in sentences.
        codec: that it is to be in.

    Returns:
        Its ``delay``.

    Raises:
        OutputRejected: it does not.
    """
    try:
        times, entered = frame_times(path, codec)
    except (FFmpegError, InputError) as error:
        if isinstance(error, FFmpegError):
            blame_disk(error, path)
        raise OutputRejected(f"{name}, just made, cannot be used: {error}", (not_usable(error),)) from error
    if len(times) != frames or not entered:
        counted = Finding(FindingKind.FRAME_COUNT, got=len(times), wanted=frames)
        found = counted if len(times) != frames else Finding(FindingKind.NO_KEYFRAME)
        raise OutputRejected(f"{name}, just made, cannot be used: {found.sentence}.", (found,))
    places = {time: place for place, time in enumerate(sorted(times))}
    return delay([places[time] for time in times])


def frame_times(path: Path, codec: Codec) -> tuple[list[Fraction], bool]:
    """When the frames of a chunk are shown, by its packets.

    Args:
        path: the file.
        codec: of its frames.

    Returns:
        The PTS of each frame in seconds, in the order of the packets, and whether the first is a keyframe; nothing
        where its video is of another codec.

    Raises:
        NotAVideo, InputError, FFmpegError: it does not open, or is not whole.
    """
    with open_media(path) as container:
        found = main_video(container)
        if found is None or found[1].codec_context.codec.canonical_name != codec.name:
            return [], False
        packets = [
            (packet.pts * packet.time_base, packet.is_keyframe)
            for packet in demuxed(container, found[1])
            if packet.size and packet.pts is not None and packet.time_base is not None
        ]
    return [time for time, _ in packets], bool(packets) and packets[0][1]


def check_opens(path: Path, name: str) -> None:
    """Check that audio can be read; whether it is all that it should be, the whole will show.

    Raises:
        OutputRejected: it cannot.
    """
    try:
        with open_media(path) as container:
            if any(packet.size for packet in demuxed(container)):
                return
    except (FFmpegError, InputError) as error:
        if isinstance(error, FFmpegError):
            blame_disk(error, path)
        raise OutputRejected(f"{name}, just made, cannot be used: {error}", (not_usable(error),)) from error
    raise OutputRejected(f"{name}, just made, is empty.", (Finding(FindingKind.NOTHING),))


def encode_audio(audio: Any, target: Path, **options: Any) -> tuple[str, ...]:
    """The audio of a film by itself, in an mp4.

    Args:
        audio: filtered.
        target: the file to write.
        options: more of the encoder's.

    Returns:
        ffmpeg's arguments.
    """
    return arguments(ffmpeg.output(audio, media_url(target), **AAC, **UNLABELLED, **options, f="mp4"))


def mux(video: Path, audio: Path | None, target: Path) -> tuple[str, ...]:
    """The finished film, both copied, ready to play before all of it has come.

    Args:
        video: joined.
        audio: what ``encode_audio`` wrote; None for a silent film.
        target: the mp4 to write.

    Returns:
        ffmpeg's arguments.
    """
    streams = [ffmpeg.input(media_url(video))["v:0"]]
    if audio is not None:
        streams.append(ffmpeg.input(media_url(audio), itsoffset=seconds(start_time(audio)))["a:0"])
    return arguments(ffmpeg.output(*streams, media_url(target), c="copy", f="mp4", **FASTSTART, **UNLABELLED))


def start_time(path: Path) -> Fraction:
    """When a file's first packet is shown, in seconds; an encoder's run-in may come before 0."""
    with open_media(path) as container:
        return Fraction(container.start_time or 0, av.time_base)
