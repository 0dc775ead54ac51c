"""Does a copy that has a frame for each field of its source show them in their order? Else all that moves jumps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.frames.raster import Raster, raster
from reelmill.ffmpeg.verify.frames_compared import ExpectedFrame, Run
from reelmill.ffmpeg.verify.matches.order_match import coding_noise, misplaced
from reelmill.ffmpeg.verify.source_frames import SourceFrameReader

#: Of each moment there are three frames of the copy: the one before, that of the first field, and that of the second.
_AROUND: Final = 3
_FIRST_SECOND: Final = slice(1, 3)


def field_faults(frames: Sequence[ExpectedFrame], shown: Sequence[Sequence[Raster]]) -> Iterator[Finding]:
    """Whether fields are shown in another order than their source declares.

    Args:
        frames: of an interlaced source, as ``expected_frames`` finds them.
        shown: what the copy shows around each.

    Yields:
        One, at the first place where that is so; none where nothing moves.
    """
    runs = defaultdict[int, Run](list)
    for expected, around in zip(frames, shown, strict=True):
        if expected.run is not None and len(around) == _AROUND:
            runs[expected.run].append((expected, around))
    pairs = {
        number: (_fields(run), [one for _, around in run for one in around[_FIRST_SECOND]])
        for number, run in runs.items()
    }
    compared = {number: pair for number, pair in pairs.items() if len(pair[0]) == len(pair[1])}
    noise = coding_noise([*compared.values()])
    for number, (wanted, got) in compared.items():
        if misplaced(wanted, got, noise=noise):
            yield Finding(FindingKind.FIELD_ORDER, at=runs[number][0][0].request.at)
            return


def _fields(run: Run) -> list[Raster]:
    """The source's fields, each made a frame, in the order that it declares; none where they cannot be had."""
    first = run[0][0]
    with SourceFrameReader(first.segment.path) as source:
        frames = [one.frame for one in source.run(first.at, len(run))]
    try:
        return [raster(frame, first.shown) for frame in _deinterlaced(frames)]
    except FFmpegError:
        return []


def _deinterlaced(frames: Sequence[VideoFrame]) -> Iterator[VideoFrame]:
    """A frame for each field of some frames that follow one another."""
    if not frames:
        return
    graph, one = Graph(), frames[0]
    source = graph.add_buffer(width=one.width, height=one.height, format=one.format, time_base=one.time_base)
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_field:deint=interlaced"), graph.add("buffersink")
    ).configure()
    for frame in (*frames, None):
        graph.push(frame)
        while True:
            try:
                made = graph.pull()
            except (BlockingIOError, EOFError):
                break
            if isinstance(made, VideoFrame):
                yield made
