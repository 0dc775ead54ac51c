"""Command lines of an encode in chunks: each chunk's frames, the audio and subtitles, and the finished file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
from av.error import FFmpegError

from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg.codecs import WEB, Codec
from reelmill.ffmpeg.commands.filters import (
    FASTSTART,
    arguments,
    companions,
    labels,
    seconds,
)
from reelmill.ffmpeg.commands.frame_points import points_beside
from reelmill.ffmpeg.commands.segment_muxer import frame_times, start_time
from reelmill.ffmpeg.commands.web_audio import web_audio
from reelmill.ffmpeg.commands.web_copy import each_once, for_the_web
from reelmill.ffmpeg.encoding import KEYFRAME_SECONDS, Encoding
from reelmill.ffmpeg.finding import Finding, FindingKind, not_usable
from reelmill.ffmpeg.planning.chunk_plan import Chunk, shape
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url
from reelmill.ffmpeg.reading.stream_copy import delay


def encode_chunk(
    source: tuple[Path, MediaInfo],
    chunk: Chunk,
    target: Path,
    encoding: Encoding,
    time_base: Fraction,
    points: Path | None = None,
) -> tuple[str, ...]:
    """The frames of one chunk, each encoded once, as ``web_copy.reencode`` would; its times count from its first.

    Args:
        source: the video and its facts.
        chunk: which frames.
        target: the mp4 to write, which keeps the source's clock exactly.
        encoding: how to encode.
        time_base: the source's, in seconds per tick.
        points: a file to write with the points of each frame that is encoded; None: nobody needs them.

    Returns:
        ffmpeg's arguments.
    """
    path, info = source
    reading: dict[str, Any] = {"copyts": None}  # times stay the source's, which is how the plan names the frames
    if chunk.seek is not None:
        reading |= {"seek_timestamp": 1, "noaccurate_seek": None, "ss": seconds(chunk.seek)}
    if encoding.threads is not None:
        reading["threads"] = encoding.threads
    video = ffmpeg.input(media_url(path), **reading)[f"v:{info.video.index}"]
    bounds = {"start_pts": chunk.begin} if chunk.end is None else {"start_pts": chunk.begin, "end_pts": chunk.end}
    video = for_the_web(info, video.filter("trim", **bounds).filter("setpts", "PTS-STARTPTS"), encoding)
    early = float(chunk.since * time_base % KEYFRAME_SECONDS)  # keyframes stand where one encode would have them
    options = {
        **each_once(info, encoding),
        **encoding.chunk_ceiling(chunk.ticks * time_base, first=not chunk.since),
        "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_SECONDS}-{early:.6f})",
    }
    video, beside = points_beside(video, points)
    return arguments(*beside, ffmpeg.output(video, media_url(target), **options, f="mp4"))


def check_chunk(path: Path, chunk: Chunk, time_base: Fraction, codec: Codec = WEB) -> int:
    """Check that an encoded chunk holds just its frames, in its codec and at their times.

    Args:
        path: the file.
        chunk: what it should be.
        time_base: the source's, in seconds per tick.
        codec: that it is to be in.

    Returns:
        Its ``delay``.

    Raises:
        OutputRejected: it does not.
    """
    try:
        times = [time / time_base for time in frame_times(path, codec)[0]]
    except (FFmpegError, InputError) as error:
        raise OutputRejected(
            f"chunk {chunk.number + 1} is not what was to be made: {error}", (not_usable(error),)
        ) from error
    if len(times) != chunk.frames:
        found = Finding(FindingKind.FRAME_COUNT, len(times), chunk.frames, against_source=True)
        raise OutputRejected(f"chunk {chunk.number + 1} holds {found.sentence}", (found,))
    ordered = sorted(times)
    if shape(ordered) != chunk.shape:
        found = Finding(FindingKind.FRAME_TIME)
        raise OutputRejected(f"the frames of chunk {chunk.number + 1} do not stand at their source's times", (found,))
    places = {time: place for place, time in enumerate(ordered)}
    return delay([places[time] for time in times])


def audio_and_subtitles(
    source: Path, info: MediaInfo, target: Path, encoding: Encoding, later: Fraction = Fraction(0)
) -> tuple[str, ...]:
    """Audio and subtitles that are text, in an mp4 of their own.

    Args:
        source: the video, or a copy of its companions.
        info: the video's facts.
        target: the mp4 to write.
        encoding: how to encode.
        later: by how many seconds that copy begins later than the video.

    Returns:
        ffmpeg's arguments.
    """
    media = ffmpeg.input(media_url(source), **({"itsoffset": seconds(later)} if later else {}))
    texts, kept = companions(media, info)
    heard, options = web_audio(media, info, encoding)
    return arguments(ffmpeg.output(*heard, *texts, media_url(target), **kept, **options, f="mp4"))


def complete(
    source: tuple[Path, MediaInfo], video: Path, begin: Fraction, others: Path | None, target: Path
) -> tuple[str, ...]:
    """The finished file: everything copied to its place, chapters and titles from the source.

    Args:
        source: the video and its facts.
        video: all chunks, joined.
        begin: seconds from the source's beginning to its first frame.
        others: what ``audio_and_subtitles`` wrote; None where there is nothing.
        target: the mp4 to write.

    Returns:
        ffmpeg's arguments.
    """
    inputs = [ffmpeg.input(media_url(video), itsoffset=seconds(begin))]
    if others is not None:
        inputs.append(ffmpeg.input(media_url(others), itsoffset=seconds(start_time(others))))
    streams = [inputs[0]["v:0"], *(media for media in inputs[1:])]
    facts = len(inputs)
    options = {"c": "copy", **labels(source[1], facts), **FASTSTART, "f": "mp4"}
    line = arguments(ffmpeg.output(*streams, media_url(target), **options))
    after = line.index("-map")  # ffmpeg-python leaves out an input of which no stream is taken
    return *line[:after], "-i", media_url(source[0]), *line[after:]
