"""Pictures at an even rate, encoded once and written in pieces: what is written stands when the encode is killed.

One encoder writes all pieces, each beginning with a keyframe of its own, so they join to what one file would have been.
What goes on after a kill is a new encoder: pictures before may be decoded again, none of them is encoded again.
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
from reelmill.ffmpeg.build import AAC, FASTSTART, H264, arguments, seconds
from reelmill.ffmpeg.copying import delay
from reelmill.ffmpeg.probe import blame_disk, main_video, media_url, open_media

#: A last piece shorter than this share of a whole one is added to the one before it.
_LEAST: Final = Fraction(1, 2)


def spans(frames: int, each: int) -> list[tuple[int, int]]:
    """The first picture of each piece and the one after its last (pure): ``each`` of them, the last piece what is left.

    Args:
        frames: of the whole.
        each: of a piece.
    """
    begins = list(range(0, frames, each))
    if len(begins) > 1 and frames - begins[-1] < _LEAST * each:
        begins.pop()
    return list(zip(begins, [*begins[1:], frames], strict=True))


def written(
    video: Any, parts: Sequence[tuple[int, int]], rate: Fraction, each: int, folder: Path, h264: H264, **options: Any
) -> tuple[str, ...]:
    """Encode pieces that follow one another; ``piece`` names their files.

    Args:
        video: filtered pictures, of which the first is the first of the first piece.
        parts: the pieces, as ``spans`` has them.
        rate: pictures per second.
        each: as ``spans`` had it.
        folder: where they are written.
        h264: how to encode.
        options: more of the encoder's.
    """
    begin, end = parts[0][0], parts[-1][1]
    video = video.filter("trim", end_frame=end - begin).filter("setpts", f"round(N/({rate}*TB))")
    cuts = [first - begin for first, _ in parts[1:]] or [end - begin]  # its own default would be times
    muxing = {
        "f": "segment", "segment_format": "matroska", "segment_frames": ",".join(map(str, cuts)),
        "segment_start_number": begin // each, "reset_timestamps": 1,
    }  # fmt: skip
    keyframes = {"force_key_frames": f"expr:gte(n,n_forced*{each})", "forced-idr": 1}
    pattern = media_url(folder).replace("%", "%%") + "/%06d.mkv"
    return arguments(ffmpeg.output(video, pattern, r=str(rate), **h264.options(), **keyframes, **muxing, **options))


def piece(folder: Path, first: int, each: int) -> Path:
    """The file of the piece that begins with picture ``first``; whole as soon as the next one is there."""
    return folder / f"{first // each:06d}.mkv"


def check(path: Path, frames: int, name: str) -> int:
    """Is a piece H.264, begins with a keyframe, holds just its pictures? From its packets; answers with its ``delay``.

    Raises:
        OutputRejected: it does not.
    """
    times: list[int] = []
    entered = False
    try:
        with open_media(path) as container:
            found = main_video(container)
            if found is not None and found[1].codec_context.name == "h264":
                for packet in container.demux(found[1]):
                    if packet.size and packet.pts is not None:
                        entered = entered or (not times and packet.is_keyframe)
                        times.append(packet.pts)
    except (FFmpegError, InputError) as error:
        if isinstance(error, FFmpegError):
            blame_disk(error, path)
        raise OutputRejected(f"{name}, just made, cannot be used: {error}") from error
    if len(times) != frames or not entered:
        raise OutputRejected(f"{name}, just made, holds {len(times)} pictures rather than {frames}, or no keyframe.")
    places = {time: place for place, time in enumerate(sorted(times))}
    return delay([places[time] for time in times])


def check_opens(path: Path, name: str) -> None:
    """Can a part without pictures be read? Whether it is all that it should be, the whole will show.

    Raises:
        OutputRejected: it cannot.
    """
    try:
        with open_media(path) as container:
            if any(packet.size for packet in container.demux()):
                return
    except (FFmpegError, InputError) as error:
        if isinstance(error, FFmpegError):
            blame_disk(error, path)
        raise OutputRejected(f"{name}, just made, cannot be used: {error}") from error
    raise OutputRejected(f"{name}, just made, is empty.")


def heard(sound: Any, target: Path, **options: Any) -> tuple[str, ...]:
    """The sound of a film by itself, in an mp4.

    Args:
        sound: filtered.
        target: the file to write.
        options: more of the encoder's.
    """
    return arguments(ffmpeg.output(sound, media_url(target), **AAC, **options, f="mp4"))


def together(pictures: Path, sound: Path | None, target: Path) -> tuple[str, ...]:
    """The finished film, both copied, ready to play before all of it has come.

    Args:
        pictures: joined.
        sound: what ``heard`` wrote; None for a silent film.
        target: the mp4 to write.
    """
    streams = [ffmpeg.input(media_url(pictures))["v:0"]]
    if sound is not None:
        streams.append(ffmpeg.input(media_url(sound), itsoffset=seconds(start(sound)))["a:0"])
    return arguments(ffmpeg.output(*streams, media_url(target), c="copy", f="mp4", **FASTSTART))


def start(path: Path) -> Fraction:
    """When a file's first packet is shown, in seconds; an encoder's run-in may come before 0."""
    with open_media(path) as container:
        return Fraction(container.start_time or 0, av.time_base)
