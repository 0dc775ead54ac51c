"""What each film was put together from, so that its frames and audio can be held against their sources."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

from reelmill.ffmpeg.commands import montage
from reelmill.ffmpeg.commands.filters import Cell, fitted_size
from reelmill.ffmpeg.commands.montage import TimeRange
from reelmill.ffmpeg.reading.raster import Box
from reelmill.ffmpeg.verify import FilmSegment, first_frame_time
from reelmill.operations.chunk_store.readable import ReadableVideo

#: Seconds by which videos may begin late in a grid whose audio is compared; their frames shift with it, audio does not.
_TOGETHER = 0.05


def of_intervals(
    source: ReadableVideo,
    intervals: Sequence[TimeRange],
    counts: Sequence[int],
    fades: Sequence[int] = (),
    gain: float = 0.0,
) -> tuple[FilmSegment, ...]:
    """The segments of a film of one video (pure): of each interval what is not faded into the next or the last.

    Args:
        source: the video.
        intervals: start and end of each, in seconds of the video.
        counts: how many frames of the film each takes.
        fades: frames that each shares with the next; none are cuts.
        gain: dB by which the audio was changed.

    Returns:
        A segment for each interval of which anything is left.
    """
    info, rate = source.info, montage.rate_of(source.info)
    shared = [*fades] if fades else [0] * (len(intervals) - 1)
    starts = accumulate((count - fade for count, fade in zip(counts, shared, strict=False)), initial=0)
    fades_in, fades_out = [0, *shared], [*shared, 0]
    mapped, heard = info.video.hdr is not None, info.audio_tracks > 0
    found = []
    for (begin, _), start, count, before, after in zip(intervals, starts, counts, fades_in, fades_out, strict=True):
        first, end, at = begin + before / rate, begin + (count - after) / rate, (start + before) / rate
        if first < end:
            bounds = float(first), float(end), float(at)
            found.append(FilmSegment(source.path, *bounds, mapped=mapped, heard=heard, gain=gain))
    return tuple(found)


def of_whole_video(
    cell: Cell, begin: Fraction, length: Fraction, at: Fraction, size: tuple[int, int] | None, gain: float | None
) -> FilmSegment:
    """The segment that a whole video is in a sequence (pure).

    Args:
        cell: the video.
        begin: when its first frame is shown, in seconds from the start of its file.
        length: of the segment, in seconds.
        at: where it begins in the film, in seconds.
        size: of the film, which it is fitted into; None: it is as it was.
        gain: dB by which its audio was changed; None: it has none.

    Returns:
        The segment.
    """
    box = Box() if size is None else _fitted(cell, size)
    mapped, heard = cell.info.video.hdr is not None, gain is not None
    return FilmSegment(cell.path, float(begin), float(begin + length), float(at), box, mapped, heard, gain)


def of_cells(
    cells: Sequence[Cell], size: tuple[int, int], length: Fraction, heard: Sequence[int]
) -> tuple[FilmSegment, ...]:
    """The segments of a grid; it begins when the last of its videos does.

    Args:
        cells: row by row.
        size: of the grid, in pixels.
        length: of the grid, in seconds.
        heard: which are heard; of several mixed none is compared.

    Returns:
        A segment for each cell that shows anything by then.
    """
    columns = round(len(cells) ** 0.5)
    begin = max(first_frame_time(cell.path) for cell in cells)
    found = []
    for number, cell in enumerate(cells):
        side = 1 / columns
        inner = _fitted(cell, (size[0] // columns, size[1] // columns))
        box = Box(
            (number % columns + inner.left) * side, (number // columns + inner.top) * side,
            inner.width * side, inner.height * side,
        )  # fmt: skip
        lasts = cell.info.video.duration or cell.info.duration or length
        compared = tuple(heard) == (number,) and begin <= _TOGETHER
        end = min(begin + float(length), float(lasts))
        if begin < end:
            mapped = cell.info.video.hdr is not None
            found.append(FilmSegment(cell.path, begin, end, 0.0, box, mapped, compared))
    return tuple(found)


def _fitted(cell: Cell, size: tuple[int, int]) -> Box:
    """Where in a frame of ``size`` a video is that was fitted into it."""
    width, height = (inner / whole for inner, whole in zip(fitted_size(cell.info, *size), size, strict=True))
    return Box((1 - width) / 2, (1 - height) / 2, width, height)
