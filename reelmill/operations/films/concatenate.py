"""A sequence: whole videos one after the other in one file, copied as they are where they agree, audio levelled."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.commands import concat, filters
from reelmill.ffmpeg.reading.audio.loudness import integrated_loudness
from reelmill.ffmpeg.reading.frames.frame_points import UNKNOWN_FRAME
from reelmill.ffmpeg.reading.seeking import seek_point_from_start
from reelmill.ffmpeg.verify import Expectation, FilmSegment, verify_intermediate
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.encoded_points import points_of, source_points
from reelmill.operations.chunk_store.film_chunks import FilmChunks, FrameSequence, film_chunks
from reelmill.operations.films import film_sources
from reelmill.operations.films.film_result import FilmOutput
from reelmill.operations.films.film_segments import FilmForm, of_whole_video
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.sequence_plan import (
    SegmentPlan,
    SequencePlan,
    SequenceSource,
    audio_recipe,
    frames_recipe,
    gain,
    plan,
)
from reelmill.report import Share
from reelmill.wording import plural

#: Of the job, when all segments are made, and when they are joined.
_SEGMENTS_DONE: Final = 0.9
_JOINED: Final = 0.95


class SequenceSegment(BaseModel):
    """One video in the finished sequence."""

    model_config = ConfigDict(frozen=True)

    source: str
    start: float  # in the sequence, seconds
    duration: float  # seconds
    copied: bool  # its frames are its own, not encoded again
    why: str
    gain: float | None  # dB its audio was changed by; None without audio


class SequenceDetails(BaseModel):
    """What is kept with the record of a sequence."""

    model_config = ConfigDict(frozen=True)

    pieces: tuple[SequenceSegment, ...]


def produce(work: FilmWork, sources: Sequence[SequenceSource]) -> FilmOutput:
    """Make a sequence and publish it, its details ``SequenceDetails``.

    Args:
        work: what it is made with and becomes.
        sources: in their order.

    Returns:
        The film.

    Raises:
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull: it went wrong; nothing was published.
        OutputRejected: likewise, even with every segment encoded.
    """
    planned = plan(sources)
    with film_chunks(work.bench, work.product.recipe, work.folder) as chunks:
        try:
            return _SequenceMaker(work, sources, planned, chunks).produce()
        except OutputRejected as error:
            if not any(segment.copied for segment in planned.segments):
                raise
            reason = f"joined as they are they do not play well ({error}); every segment is encoded instead"
            work.bench.report.line(reason)
            return _SequenceMaker(work, sources, plan(sources, copy=False), chunks).produce()


class _SequenceMaker:
    """Makes one sequence; each segment adds to its lists."""

    def __init__(
        self, work: FilmWork, sources: Sequence[SequenceSource], planned: SequencePlan, chunks: FilmChunks
    ) -> None:
        self._work, self._sources, self._plan, self._chunks = work, sources, planned, chunks
        self._heard = any(source.info.audio_tracks for source in sources)
        self._frame_files: list[Path] = []
        self._audio_files: list[Path] = []
        self._made: list[SequenceSegment] = []
        self._expected: list[FilmSegment] = []
        self._points: list[bytes] = []  # of each segment's frames

    def produce(self) -> FilmOutput:
        """Make every segment, join them, publish."""
        form, report = self._plan.form, self._work.bench.report
        segments = f"{plural(len(self._sources), 'segment')} of {form.width}x{form.height}"
        report.line(f"{segments} at {float(form.rate):.3f} frames a second")
        self._work.bench.disk.require(self._room())
        begin = Fraction(0)
        for source, segment in zip(self._sources, self._plan.segments, strict=True):
            begin = self._make_segment(source, segment, begin)
        expected = Expectation(
            duration=self._plan.length,
            frames=self._plan.frames,
            size=self._plan.size,
            audio_tracks=1 if self._heard else 0,
            audio_throughout=True,
            segments=tuple(self._expected),
            points=b"".join(self._points),
        )
        details = SequenceDetails(pieces=tuple(self._made)).model_dump(mode="json")
        bytes_in = sum(source.video.size for source in self._sources)
        work = self._work.made_of(film_sources.of_sequence((one.video for one in self._sources), self._expected))
        return work.publish(self._join(), expected, self._chunks, bytes_in, details)

    def _room(self) -> int:
        segments = list(zip(self._sources, self._plan.segments, strict=True))
        copied = [source.video.size for source, segment in segments if segment.copied]
        encoded = [self._plan.length_of(segment) for _, segment in segments if not segment.copied]
        return size_estimates.sequence(
            copied, sum(encoded, Fraction(0)), self._plan.length, self._plan.size, self._plan.form.rate,
            self._work.encoding,
        )  # fmt: skip

    def _make_segment(self, source: SequenceSource, segment: SegmentPlan, begin: Fraction) -> Fraction:
        """Make the segment that begins at ``begin`` seconds of the film, and return when it ends."""
        end, report = begin + self._plan.length_of(segment), self._work.bench.report
        bounds = [float(Fraction(_SEGMENTS_DONE) * time / self._plan.length) for time in (begin, end)]
        self._add_frames(source, segment, Share(report, *bounds))
        change: float | None = None
        if self._heard:
            samples = round(end * filters.SAMPLE_RATE) - round(begin * filters.SAMPLE_RATE)
            change = self._add_audio(source, segment, samples, Share(report, bounds[1], bounds[1]))
        how = "joined as it is" if segment.copied else f"encoded: {segment.why}"
        report.line(f"segment {len(self._made) + 1}: {source.video.path}, {how}")
        self._made.append(
            SequenceSegment(
                source=source.video.path, start=float(begin), duration=float(end - begin),
                copied=segment.copied, why=segment.why, gain=change,
            )
        )  # fmt: skip
        cell, length = filters.Cell(source.path, source.info), min(source.seconds, end - begin)
        form = FilmForm(self._plan.size, self._plan.form.rate, self._work.encoding, segment.copied)
        self._expected.append(of_whole_video(cell, segment.begin, length, begin, form, change))
        return end

    def _add_frames(self, source: SequenceSource, segment: SegmentPlan, share: Share) -> None:
        """Of the video itself where they need not be encoded."""
        if segment.copied:
            self._frame_files.append(source.path)
            self._points.append(source_points(source.path, segment.frames))
            return
        form = self._plan.form
        sequence = FrameSequence(
            name=f"segment {len(self._made) + 1}",
            of=frames_recipe(source.content, form, segment.frames),
            frames=segment.frames,
            rate=form.rate,
            size=self._plan.size,
            graph=lambda first: concat.fitted_to(source.path, source.info, form, first),
            options={"bf": concat.DELAY},
        )
        chunks = self._chunks.frames(sequence, self._work.encoding, share)
        for chunk in chunks:
            verify_intermediate(chunk.path, Expectation(size=self._plan.size, audio_tracks=0), sequence.name)
            self._frame_files.append(chunk.path)
        points = points_of(((chunk.path, chunk.facts["frames"]) for chunk in chunks), self._work.bench.report)
        self._points.append(points or segment.frames * UNKNOWN_FRAME)

    def _add_audio(self, source: SequenceSource, segment: SegmentPlan, samples: int, share: Share) -> float | None:
        """Levelled audio, or silence; returns by how many dB it was changed, None where there is none to hear."""

        def make_audio(target: Path) -> dict[str, Any]:
            track = source.info.audio[0] if source.info.audio else None
            change = None if track is None else gain(integrated_loudness(source.path, track.index))
            path = None if change is None else source.path
            seek_point = None if path is None else seek_point_from_start(path, segment.begin)
            line = concat.segment_audio(path, track, target, seek_point=seek_point, samples=samples, gain=change or 0.0)
            self._chunks.run(line, WEB.software.name, share, self._plan.length_of(segment))
            return {"frames": 0, "gain": change}

        of = audio_recipe(source.content, segment.begin, samples)
        made = self._chunks.single(of, f"the audio of segment {len(self._made) + 1}", make_audio)
        self._audio_files.append(made.path)
        change: float | None = made.facts["gain"]
        return change

    def _join(self) -> Path:
        folder = self._work.folder
        film, heard, staged = (folder / name for name in ("frames.mp4", "audio.ffconcat", "output.mp4"))
        timing = concat.Timing.even(self._plan.form.rate, self._plan.frames)
        concat.join(self._frame_files, timing, self._plan.delay, film)
        if self._heard:
            lengths = [self._plan.length_of(segment) for segment in self._plan.segments]
            heard.write_text(concat.concat_list(self._audio_files, lengths), encoding="utf-8")
        arguments = concat.finish(film, heard if self._heard else None, staged)
        share = Share(self._work.bench.report, _SEGMENTS_DONE, _JOINED)
        self._chunks.run(arguments, WEB.software.name, share, self._plan.length)
        return staged
