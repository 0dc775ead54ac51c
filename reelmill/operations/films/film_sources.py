"""What films take of their sources, as it is recorded with them (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.ffmpeg.commands.montage import TimeRange
from reelmill.ffmpeg.verify import FilmSegment


def of_intervals(
    video: Video, intervals: Sequence[TimeRange], counts: Sequence[int], rate: Fraction, fades: Sequence[int] = ()
) -> list[SourceSegment]:
    """What a film of intervals of one video takes of it.

    Args:
        video: its record.
        intervals: start and end of each, in seconds of the video.
        counts: how many frames of the film each takes.
        rate: of the film, frames a second.
        fades: frames that each shares with the next; none are cuts.

    Returns:
        A segment for each; those that fade into one another overlap in the film.
    """
    shared = [*fades] if fades else [0] * (len(intervals) - 1)
    starts = accumulate((count - fade for count, fade in zip(counts, shared, strict=False)), initial=0)
    return [
        SourceSegment(
            source_id=video.id, source_path=video.path, source_start=float(first), source_end=float(end),
            starts_at=float(start / rate), ends_at=float((start + count) / rate),
        )
        for (first, end), start, count in zip(intervals, starts, counts, strict=True)
    ]  # fmt: skip


def of_sequence(videos: Iterable[Video], segments: Iterable[FilmSegment]) -> list[SourceSegment]:
    """What a sequence takes of its videos; both in its order."""
    return [_of_segment(video, segment) for video, segment in zip(videos, segments, strict=True)]


def of_cells(videos: Sequence[Video], paths: Sequence[Path], segments: Iterable[FilmSegment]) -> list[SourceSegment]:
    """What a grid shows of its videos.

    Args:
        videos: row by row.
        paths: of the files that are read, likewise.
        segments: of the cells that show anything.

    Returns:
        A segment for each video; one that is over before the grid begins has no times.
    """
    shown = {segment.path: segment for segment in segments}
    return [
        _of_segment(video, shown[path]).model_copy(update={"cell": cell})
        if path in shown
        else SourceSegment.whole(video).model_copy(update={"cell": cell})
        for cell, (video, path) in enumerate(zip(videos, paths, strict=True))
    ]


def _of_segment(video: Video, segment: FilmSegment) -> SourceSegment:
    return SourceSegment(
        source_id=video.id, source_path=video.path, source_start=segment.begin, source_end=segment.end,
        starts_at=segment.at, ends_at=segment.at + segment.length,
    )  # fmt: skip
