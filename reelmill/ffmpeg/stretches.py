"""All of a film decoded in stretches, side by side or on many machines, with the report of decoding it in one go."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, dropwhile, pairwise
from pathlib import Path
from typing import Any, Final

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from reelmill.ffmpeg.decode import picture_track
from reelmill.ffmpeg.index import Index
from reelmill.ffmpeg.probe import blame_disk, open_media
from reelmill.ffmpeg.tally import DecodeReport, Tally

#: Seconds: a seek by so much more than it must be lands at the keyframe wanted or before it, in every container.
_EARLY: Final = 1


@dataclass(frozen=True)
class Stretch:
    """The pictures from one keyframe up to another; times in ticks. Small enough to travel to another machine."""

    begin: int | None  # when the first keyframe is shown; None: from the start of the file
    end: int | None  # and the one it goes up to; None: to the end


def stretches(index: Index, seconds: Fraction) -> list[Stretch]:
    """Where a film may be parted (pure): at keyframes that no picture reads or is shown across.

    Args:
        index: of the film.
        seconds: how long each stretch is, at least; a shorter rest goes with the one before it.
    """
    length, end = seconds / index.time_base, index.times[-1] + index.hold
    latest = [index.times[0] - 1, *accumulate(index.order, max)]  # shown by the packets before each place
    bounds: list[int] = []
    for key in index.keyframes:
        parts = key.certain and latest[key.place] < key.time == index.times[key.place]
        since = key.time - (bounds[-1] if bounds else index.times[0])
        if parts and since >= length and end - key.time >= length:
            bounds.append(key.time)
    return [Stretch(begin, end) for begin, end in pairwise([None, *bounds, None])]


def check_stretch(path: Path, stretch: Stretch) -> DecodeReport:
    """Decode the pictures of a stretch, by one thread, and past its end the one that the next begins with.

    So each place at which a film was parted, or put together, is passed as a player passes it.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    tally = Tally(until=stretch.end)
    with open_media(path) as container:
        video = picture_track(path, container)
        video.thread_count = 1
        try:
            if stretch.begin is not None:
                container.seek(stretch.begin - int(_EARLY / Fraction(video.time_base or 1)), stream=video)
            for packet in _of(stretch, video, container.demux(video)):
                tally.take(packet)
        except FFmpegError as error:
            blame_disk(error, path)
            tally.errors.append(f"the file cannot be read further ({error.strerror or error})")
    found = tally.report()
    return found if found.frames or found.errors else replace(found, errors=(_lost(stretch, video),))


def _of(stretch: Stretch, video: VideoStream, read: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
    """The packets of a stretch, the keyframe after it, and an empty one that empties the decoder."""
    if stretch.begin is not None:
        read = dropwhile(lambda packet: not (packet.is_keyframe and packet.pts == stretch.begin), read)
    for packet in read:
        yield packet
        if packet.is_keyframe and packet.size and packet.pts == stretch.end and stretch.end is not None:
            empty: Packet[Any] = av.Packet()
            empty.stream, empty.time_base = video, packet.time_base
            yield empty
            return


def _lost(stretch: Stretch, video: VideoStream) -> str:
    at = float((stretch.begin or 0) * Fraction(video.time_base or 1))
    return f"its keyframe at {at:.2f} s is not found by seeking"


def check_beside(path: Path) -> DecodeReport:
    """Decode all that stands beside the pictures: sound and subtitles.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    tally = Tally()
    with open_media(path) as container:
        tally.follow(container.streams.audio)
        beside = [*container.streams.audio, *container.streams.subtitles]
        try:
            for packet in container.demux(beside) if beside else ():  # of no streams it would read all
                tally.take(packet)
        except FFmpegError as error:
            blame_disk(error, path)
            tally.errors.append(f"the file cannot be read further ({error.strerror or error})")
    return tally.report()


def together(pictures: Sequence[DecodeReport], beside: DecodeReport) -> DecodeReport:
    """The report of a film by those of all its stretches, in order, and of what stands beside them (pure)."""
    times = array("d")
    for part in pictures:
        times.extend(part.times)
    starts = [part.start for part in pictures if part.start is not None]
    lasts = [part.last for part in pictures if part.last is not None]
    return replace(
        beside,
        frames=sum(part.frames for part in pictures),
        errors=tuple(dict.fromkeys(error for part in (*pictures, beside) for error in part.errors)),
        start=min(starts, default=None),
        last=max(lasts, default=None),
        end=max((part.end for part in pictures if part.end is not None), default=None),
        ordered=all(part.ordered for part in pictures) and all(a < b for a, b in zip(lasts, starts[1:], strict=False)),
        times=times,
    )
