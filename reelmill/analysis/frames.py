"""The pictures of a video from a given second on, decoded as cheaply as a look at them allows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.ffmpeg.probe import blame_disk, main_video, open_media

#: Below this many pictures a second every one is decoded: skipping could lose the only one of a second.
_FEW: Final = 10
#: How far before the time wanted a seek is tried, in seconds: MPEG streams have no index and land late.
_STEPS_BACK: Final = (0, 3, 12)
#: How many pictures may stand in a file before one that is shown earlier (H.264 and HEVC: a buffer of 16).
_REORDERED: Final = 16
#: Decoder threads of one range; ranges run side by side, one a core.
_THREADS: Final = 2


def pictures(path: Path, first: int, *, every: bool = False) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Decoded pictures, with their time in seconds from the start of the file.

    The first begins at or before ``first`` seconds, or is the very first; where the file ends before, there is none.
    Unless ``every`` one is asked for, only those that others refer to are decoded: all of a slow video, every second
    or so of a usual one.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    for start in (*(first - back for back in _STEPS_BACK if first > back), 0):
        with open_media(path) as container:
            found = main_video(container)
            if found is None:
                return
            offset = Fraction(container.start_time or 0, av.time_base)
            if start:
                try:
                    container.seek(int((start + offset) * av.time_base), backward=True)
                except FFmpegError:
                    continue
            pictures = _decoded(container, found[1], offset, every)
            head = next(pictures, None)
            if head is None:
                return
            if head[0] <= first or not start:
                yield from itertools.chain((head,), pictures)
                return


def _decoded(
    container: InputContainer, stream: VideoStream, offset: Fraction, every: bool
) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Whole pictures only: what does not decode, or only in parts, is passed over."""
    stream.thread_type, stream.thread_count = "AUTO", _THREADS
    # Pictures no other refers to, and smoothing between blocks, change nothing that is measured here.
    if not every and (stream.average_rate or 0) >= _FEW:
        stream.codec_context.skip_frame = "NONREF"
    stream.codec_context.options = {"skip_loop_filter": "all"}
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            if packet.size == 0 and (packet.pts is not None or packet.dts is not None):
                continue  # libavcodec would take an empty packet in mid-stream for the end
            frames = packet.decode()
        except (FFmpegError, EOFError) as error:
            blame_disk(error, container.name)
            continue
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None and not frame.is_corrupt:
                yield frame.pts * frame.time_base - offset, frame


def begun(path: Path, times: Sequence[Fraction]) -> list[Fraction]:
    """When the picture on show at each of ``times`` (seconds) began, from the packets; nothing is decoded.

    A time before the first picture is its own answer.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    with open_media(path) as container:
        found = main_video(container)
        if found is None:
            return list(times)
        offset = Fraction(container.start_time or 0, av.time_base)
        return [_begun(container, found[1], at, offset) for at in times]


def _begun(container: InputContainer, stream: VideoStream, at: Fraction, offset: Fraction) -> Fraction:
    for back in (*_STEPS_BACK, at):
        latest: Fraction | None = None
        later = 0
        try:
            container.seek(int((max(Fraction(0), at - back) + offset) * av.time_base), backward=True)
            for packet in container.demux(stream):
                if packet.pts is None:
                    continue
                begin = packet.pts * (packet.time_base or 0) - offset
                if begin <= at:
                    latest = begin if latest is None else max(latest, begin)
                else:
                    later += 1
                if later > _REORDERED:
                    break
        except FFmpegError as error:
            blame_disk(error, container.name)
            continue
        if latest is not None:
            return latest
    return at
