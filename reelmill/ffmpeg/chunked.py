"""Command lines of an encode in chunks: each chunk's pictures, what goes beside them, and the finished file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
from av.error import FFmpegError

from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg.build import AAC, FASTSTART, H264, arguments, companions, each_once, for_the_web, seconds, sounds
from reelmill.ffmpeg.chunks import Chunk, shape
from reelmill.ffmpeg.copying import delay
from reelmill.ffmpeg.pieces import start
from reelmill.ffmpeg.probe import MediaInfo, main_video, media_url, open_media


def pictures(source: Path, info: MediaInfo, chunk: Chunk, target: Path, h264: H264) -> tuple[str, ...]:
    """The pictures of one chunk, each encoded once, as ``build.reencode`` would; its times count from its first.

    Args:
        source: the video.
        info: its facts.
        chunk: which pictures.
        target: the mp4 to write, which keeps the source's clock exactly.
        h264: how to encode.
    """
    reading: dict[str, Any] = {"copyts": None}  # times stay the source's, which is how the plan names the pictures
    if chunk.seek is not None:
        reading |= {"seek_timestamp": 1, "noaccurate_seek": None, "ss": seconds(chunk.seek)}
    if h264.threads is not None:
        reading["threads"] = h264.threads
    video = ffmpeg.input(media_url(source), **reading)[f"v:{info.video.index}"]
    span = {"start_pts": chunk.begin} if chunk.end is None else {"start_pts": chunk.begin, "end_pts": chunk.end}
    video = for_the_web(info, video.filter("trim", **span).filter("setpts", "PTS-STARTPTS"))
    return arguments(ffmpeg.output(video, media_url(target), **each_once(info, h264), f="mp4"))


def check(path: Path, chunk: Chunk, time_base: Fraction) -> int:
    """Does an encoded chunk hold just its pictures, in H.264 and at their times? Answers with its ``delay``.

    Args:
        path: the file.
        chunk: what it should be.
        time_base: the source's, in seconds per tick.

    Raises:
        OutputRejected: it does not.
    """
    times: list[Fraction] = []
    try:
        with open_media(path) as container:
            found = main_video(container)
            if found is not None and found[1].codec_context.name == "h264":
                for packet in container.demux(found[1]):
                    if packet.size and packet.pts is not None and packet.time_base is not None:
                        times.append(packet.pts * packet.time_base / time_base)
    except (FFmpegError, InputError) as error:
        raise OutputRejected(f"chunk {chunk.number + 1} is not what was to be made: {error}") from error
    if len(times) != chunk.frames:
        raise OutputRejected(
            f"chunk {chunk.number + 1} holds {len(times)} pictures where its source has {chunk.frames}"
        )
    ordered = sorted(times)
    if shape(ordered) != chunk.shape:
        raise OutputRejected(f"the pictures of chunk {chunk.number + 1} do not stand at their source's times")
    places = {time: place for place, time in enumerate(ordered)}
    return delay([places[time] for time in times])


def beside(source: Path, info: MediaInfo, target: Path) -> tuple[str, ...]:
    """What goes with the pictures, in an mp4 of its own: sound and subtitles that are text, without pictures."""
    media = ffmpeg.input(media_url(source))
    texts, kept = companions(media, info)
    options = kept | AAC if info.audio_tracks else kept
    return arguments(ffmpeg.output(*sounds(media, info), *texts, media_url(target), **options, f="mp4"))


def complete(source: Path, pictures: Path, begin: Fraction, others: Path | None, target: Path) -> tuple[str, ...]:
    """The finished file: everything copied to its place, chapters and titles from the source.

    Args:
        source: the video.
        pictures: all of them, joined.
        begin: seconds from the source's beginning to its first picture.
        others: what ``beside`` wrote; None where there is nothing.
        target: the mp4 to write.
    """
    inputs = [ffmpeg.input(media_url(pictures), itsoffset=seconds(begin))]
    if others is not None:
        inputs.append(ffmpeg.input(media_url(others), itsoffset=seconds(start(others))))
    streams = [inputs[0]["v:0"], *(media for media in inputs[1:])]
    facts = len(inputs)
    options = {"c": "copy", "map_metadata": facts, "map_chapters": facts, **FASTSTART, "f": "mp4"}
    line = arguments(ffmpeg.output(*streams, media_url(target), **options))
    after = line.index("-map")  # ffmpeg-python leaves out an input of which no stream is taken
    return *line[:after], "-i", media_url(source), *line[after:]
