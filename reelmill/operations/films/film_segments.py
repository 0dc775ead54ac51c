"""What each film was put together from, so that its frames and audio can be held against their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from reelmill.ffmpeg.commands import montage
from reelmill.ffmpeg.commands.filters import Cell, fitted_size
from reelmill.ffmpeg.commands.montage import TimeRange
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.frames.raster import Box
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.verify import ANY_SETTINGS, DetailAsked, FilmSegment, first_frame_time
from reelmill.operations.chunk_store.readable import ReadableVideo

#: Seconds by which videos may begin late in a grid whose audio is compared; their frames shift with it, audio does not.
_TOGETHER = 0.05


@dataclass(frozen=True)
class FilmForm:
    """What all frames of a film have in common."""

    size: tuple[int, int]  # pixels
    rate: Fraction  # a second
    encoding: Encoding
    copied: bool = False  # they are those of the videos, neither encoded again nor fitted

    def detail(self, info: MediaInfo) -> DetailAsked:
        """What frames of a video keep of its detail, scaled or not; those made of fields are not compared."""
        if self.copied:
            return ANY_SETTINGS
        return DetailAsked.of(self.encoding, self.size, self.rate, compared=not info.video.interlaced)

    def rate_of(self, info: MediaInfo) -> Fraction | None:
        """The rate, where the film has each frame of a video as it is; frames of two fields are made anew."""
        return self.rate if info.video.frame_rate == self.rate and not info.video.interlaced else None


def of_intervals(
    source: ReadableVideo,
    intervals: Sequence[TimeRange],
    counts: Sequence[int],
    encoding: Encoding,
    fades: Sequence[int] = (),
    gain: float = 0.0,
) -> tuple[FilmSegment, ...]:
    """The segments of a film of one video (pure): of each interval what is not faded into the next or the last.

    Args:
        source: the video.
        intervals: start and end of each, in seconds of the video.
        counts: how many frames of the film each takes.
        encoding: of the film.
        fades: frames that each shares with the next; none are cuts.
        gain: dB by which the audio was changed.

    Returns:
        A segment for each interval of which anything is left.
    """
    info, rate = source.info, montage.rate_of(source.info)
    shared = [*fades] if fades else [0] * (len(intervals) - 1)
    starts = accumulate((count - fade for count, fade in zip(counts, shared, strict=False)), initial=0)
    fades_in, fades_out = [0, *shared], [*shared, 0]
    form = FilmForm(web_size(info), rate, encoding)
    mapped, heard, own = info.video.hdr is not None, info.audio_tracks > 0, form.rate_of(info)
    detail = form.detail(info)
    found = []
    for (begin, _), start, count, before, after in zip(intervals, starts, counts, fades_in, fades_out, strict=True):
        first, end, at = begin + before / rate, begin + (count - after) / rate, (start + before) / rate
        if first < end:
            bounds = float(first), float(end), float(at)
            found.append(
                FilmSegment(source.path, *bounds, mapped=mapped, heard=heard, gain=gain, detail=detail, rate=own)
            )
    return tuple(found)


def of_whole_video(
    cell: Cell, begin: Fraction, length: Fraction, at: Fraction, form: FilmForm, gain: float | None
) -> FilmSegment:
    """The segment that a whole video is in a sequence (pure).

    Args:
        cell: the video.
        begin: when its first frame is shown, in seconds from the start of its file.
        length: of the segment, in seconds.
        at: where it begins in the film, in seconds.
        form: of the film.
        gain: dB by which its audio was changed; None: it has none.

    Returns:
        The segment.
    """
    box = Box() if form.copied else _fitted(cell, form.size)
    mapped, heard = cell.info.video.hdr is not None, gain is not None
    return FilmSegment(
        cell.path, float(begin), float(begin + length), float(at), box, mapped, heard, gain,
        detail=form.detail(cell.info), rate=form.rate_of(cell.info),
    )  # fmt: skip


def of_cells(cells: Sequence[Cell], form: FilmForm, length: Fraction, heard: Sequence[int]) -> tuple[FilmSegment, ...]:
    """The segments of a grid; it begins when the last of its videos does.

    Args:
        cells: row by row.
        form: of the grid.
        length: of the grid, in seconds.
        heard: which are heard; of several mixed none is compared.

    Returns:
        A segment for each cell that shows anything by then.
    """
    columns = round(len(cells) ** 0.5)
    place = form.size[0] // columns, form.size[1] // columns
    begin = max(first_frame_time(cell.path) for cell in cells)
    found = []
    for number, cell in enumerate(cells):
        side = 1 / columns
        inner = _fitted(cell, place)
        box = Box(
            (number % columns + inner.left) * side, (number // columns + inner.top) * side,
            inner.width * side, inner.height * side,
        )  # fmt: skip
        lasts = cell.info.video.duration or cell.info.duration or length
        compared = tuple(heard) == (number,) and begin <= _TOGETHER
        end = min(begin + float(length), float(lasts))
        if begin < end:
            mapped = cell.info.video.hdr is not None
            own = form.rate_of(cell.info)
            detail = form.detail(cell.info)
            found.append(FilmSegment(cell.path, begin, end, 0.0, box, mapped, compared, detail=detail, rate=own))
    return tuple(found)


def _fitted(cell: Cell, size: tuple[int, int]) -> Box:
    """Where in a frame of ``size`` a video is that was fitted into it."""
    inner = fitted_size(cell.info, *size)
    # Padding begins at a pixel that has colours of its own: every second one.
    left, top = ((whole - side) // 4 * 2 / whole for side, whole in zip(inner, size, strict=True))
    return Box(left, top, inner[0] / size[0], inner[1] / size[1])
