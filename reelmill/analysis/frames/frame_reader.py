"""The frames of a video from a given second on, decoded as cheaply as an analysis allows."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.seeking import Footage, TimedFrame, seek_times

#: Below this many frames a second every one is decoded: skipping could lose the only one of a second.
_FEW: Final = 10
#: Decoder threads of one time range; time ranges are analysed side by side, one a core.
_THREADS: Final = 2


def read_frames(path: Path, first: int, *, every: bool = False) -> Iterator[TimedFrame]:
    """Decoded frames, with their time in seconds from the start of the file.

    The first begins at or before ``first`` seconds, or is the very first; where the file ends before, there is none.
    Unless ``every`` one is asked for, only those that others refer to are decoded: all of a slow video, every second
    or so of a usual one.

    Args:
        path: the file.
        first: seconds from the start of the file.
        every: decode every frame.

    Yields:
        Frames in the order they are shown.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """

    def prepare(stream: VideoStream) -> None:
        stream.thread_type, stream.thread_count = "AUTO", _THREADS
        # Smoothing between blocks changes nothing that is measured here.
        stream.codec_context.options = {"skip_loop_filter": "all"}

    with Footage(path, prepare) as footage:
        nearest = footage.enter(Fraction(first))
        for start in () if nearest is None else (start for start in seek_times(Fraction(first)) if start <= nearest):
            if not footage.seek(start):
                continue
            # Nor do frames that no other refers to; an elementary stream is counted, so it needs all.
            if not every and not footage.timeless and (footage.stream.average_rate or 0) >= _FEW:
                footage.stream.codec_context.skip_frame = "NONREF"
            frames = footage.frames()
            opening = next(frames, None)
            if opening is None:
                return
            if opening.time <= first or not start:
                yield opening
                yield from frames
                return
