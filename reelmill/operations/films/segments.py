"""Segments of a video as a video of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from reelmill.ffmpeg.commands import montage
from reelmill.ffmpeg.commands.montage import Montage, TimeRange
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.audio.audio_jitter import with_jitter
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.seeking import seek_points
from reelmill.ffmpeg.verify import Expectation, FilmSegment
from reelmill.operations.chunk_store.film_chunks import Film, FrameSequence, film_chunks
from reelmill.operations.chunk_store.readable import ReadableVideo
from reelmill.operations.films import film_sources
from reelmill.operations.films.film_result import FilmOutput
from reelmill.operations.films.film_segments import of_intervals
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.recipe import recipe
from reelmill.report import Report


def cut(work: FilmWork, source: ReadableVideo, intervals: Sequence[TimeRange], report: Report) -> FilmOutput:
    """Cut segments out frame-exactly, join them in their order, publish.

    Args:
        work: what the film is made with and becomes.
        source: the video.
        intervals: start and end of each segment, in seconds, none overlapping.
        report: where the encode's progress goes.

    Returns:
        The film.

    Raises:
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    path, info, recipe_key = source.path, with_jitter(source.path, source.info), work.product.recipe
    length = sum((end - start for start, end in intervals), Fraction(0))
    cuts = Montage(path, info, intervals, seek_points(path, [start for start, _ in intervals]))
    rate = cuts.rate
    counts = montage.frames_of(intervals, rate)
    video = FrameSequence(
        name="the film",
        of=recipe("cut", job=recipe_key, spans=intervals),
        frames=sum(counts),
        rate=rate,
        size=web_size(info),
        graph=lambda first: montage.joined_frames(cuts, first),
        options=montage.tags(info),
    )
    audio = montage.joined_audio(cuts) if info.audio_tracks else None
    film = Film(video, audio, lambda way, target, points: montage.joined(cuts, target, way, points))
    expected = expected_of_one(info, length, video.frames, of_intervals(source, intervals, counts, work.encoding))
    staged = work.folder / "output.mp4"
    with film_chunks(work.bench, recipe_key, work.folder) as chunks:
        points = chunks.film(film, work.encoding, staged, report)
        work = work.made_of(film_sources.of_intervals(source.video, intervals, counts, rate))
        return work.publish(staged, replace(expected, points=points), chunks, path.stat().st_size)


def expected_of_one(info: MediaInfo, length: Fraction, frames: int, segments: tuple[FilmSegment, ...]) -> Expectation:
    """What a film of segments of one video must be (pure).

    Args:
        info: the video's facts.
        length: of the film, in seconds.
        frames: of the film.
        segments: what it was put together from.

    Returns:
        The expectation.
    """
    return Expectation(
        duration=length,
        frames=frames,
        size=web_size(info),
        audio_tracks=1 if info.audio_tracks else 0,
        audio_throughout=True,
        tone_mapped=info.video.hdr is not None,
        segments=segments,
    )
