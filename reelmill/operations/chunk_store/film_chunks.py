"""The chunks of a film: each made once, found by the next attempt, dropped when the film is published.

The frames of a film are divided into chunks of ``Workbench.chunk_seconds``; its audio, and the small copies that a
large grid is made of, are a chunk each. The key of a chunk is a hash of what it depends on, so that another job that
needs the same finds it, too. A film of a single chunk is encoded in one go: nothing of it could be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from reelmill import guard
from reelmill.errors import ChangedMeanwhile, FfmpegFailed, OutputRejected
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.commands import concat, segment_muxer
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.frames.frame_points import FRAME_BYTES, append_points
from reelmill.ffmpeg.transcoder import EncodeResult
from reelmill.operations.chunk_store.chunk_maker import ChunkMaker
from reelmill.operations.chunk_store.encoded_points import points_of, written_points
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.store import Store, StoredChunk
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import recipe
from reelmill.report import Report, Share
from reelmill.wording import plural

#: Of a film's making, in the progress bar.
_FRAMES_DONE: Final = 0.9
_AUDIO_DONE: Final = 0.95


class Effort(BaseModel):
    """How much of a film was encoded in this run; the result of a job that makes one has it."""

    model_config = ConfigDict(frozen=True)

    chunks: int = 0  # with frames, that were needed
    chunks_reused: int = 0  # of which an earlier run, that was cut short, had made so many
    frames_encoded: int = 0  # in this run


@dataclass(frozen=True)
class FrameSequence:
    """Frames at an even rate that are to be encoded."""

    name: str  # as people see it
    of: str  # a recipe of what is seen
    frames: int
    rate: Fraction
    size: tuple[int, int]  # pixels
    graph: Callable[[int], Any]  # filtered, from the frame of that number on
    options: Mapping[str, Any] = field(default_factory=dict)  # more of the encoder's

    def chunk_bounds(self, chunk_frames: int) -> list[tuple[int, int]]:
        """The first frame of each chunk and the one after its last."""
        return segment_muxer.chunk_bounds(self.frames, chunk_frames)

    def chunk_keys(self, bounds: Sequence[tuple[int, int]], encoding: Encoding, build: str) -> list[str]:
        """The keys of its chunks (pure).

        Args:
            bounds: of the chunks.
            encoding: how they are encoded; by how many threads makes no difference.
            build: of ffmpeg.

        Returns:
            A key for each.
        """
        return [recipe("piece", span=one, **self._made_by(encoding, build)) for one in bounds]

    def lock(self, encoding: Encoding, build: str) -> str:
        """The name of the lock of all its chunks, however they are divided (pure); arguments as of ``chunk_keys``."""
        return recipe("row", **self._made_by(encoding, build))

    def further_options(self, encoding: Encoding) -> dict[str, Any]:
        """What its encoder is given besides ``encoding.options``."""
        return {**encoding.bounds(self.size, self.rate), **self.options}

    def _made_by(self, encoding: Encoding, build: str) -> dict[str, Any]:
        """All that its chunks depend on but for where they begin and end."""
        options = {**encoding.options(), **self.further_options(encoding), "version": encoding.codec.version}
        options.pop("threads", None)
        return {"of": self.of, "rate": str(self.rate), "build": build, **options}


@dataclass(frozen=True)
class Film:
    """Frames and their audio, and how both are made in one go."""

    video: FrameSequence
    audio: Any | None  # filtered; None: it is silent
    command: Callable[[Encoding, Path, Path], Sequence[str]]  # makes all of it in one go, and its points
    audio_options: Mapping[str, Any] = field(default_factory=dict)  # more of the audio encoder's


class FilmChunks:
    """The chunks of one job, while it is in its workspace.

    Args:
        bench: what to work with.
        claim: of the job.
        folder: its workspace.
    """

    def __init__(self, bench: Workbench, claim: JobClaim, folder: Path):
        self.spent: list[EncodeResult] = []
        self.store = Store(bench.root)
        self.bench, self._claim, self._folder = bench, claim, folder
        self._maker, self._build = ChunkMaker(self.store, bench.report), version(bench.transcoder.ffmpeg)
        self._counts = {"chunks": 0, "chunks_reused": 0, "frames_encoded": 0}

    @property
    def effort(self) -> Effort:
        """So far."""
        return Effort(**self._counts)

    def single(self, of: str, name: str, make: Callable[[Path], dict[str, Any]]) -> StoredChunk:
        """A chunk that is not divided: audio, or a small copy.

        Args:
            of: a recipe of all it depends on but the ffmpeg.
            name: as people see it.
            make: writes the file, and returns the facts to record of it; ``frames`` of them count as encoded.

        Returns:
            The chunk, made now or found.

        Raises:
            FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong.
        """

        def make_checked(target: Path) -> dict[str, Any]:
            facts = make(target)
            segment_muxer.check_opens(target, name)
            return facts

        key = single_key(of, self._build)
        self._claim.add([key])
        chunk = self._maker.find_or_make(key, make_checked)
        if chunk.reused:
            self.bench.report.line(f"{name} was made before")
        self.count(chunk)
        return chunk

    def frames(self, sequence: FrameSequence, encoding: Encoding, report: Report) -> list[StoredChunk]:
        """The chunks of a sequence of frames.

        Args:
            sequence: the frames.
            encoding: how they are encoded.
            report: where progress goes.

        Returns:
            Them, in their order; ``facts["delay"]`` is how many frames each reads ahead.

        Raises:
            GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong; chunks that were written
                stay.
        """
        try:
            return self._frames(sequence, encoding, report)
        except FfmpegFailed as error:
            encoding = self.bench.transcoder.instead(error, encoding, report)
        return self._frames(sequence, encoding, report)

    def _frames(self, sequence: FrameSequence, encoding: Encoding, report: Report) -> list[StoredChunk]:
        bounds = sequence.chunk_bounds(self._chunk_frames(sequence.rate))
        keys = sequence.chunk_keys(bounds, encoding, self._build)
        self._claim.add(keys)

        def encode(gap: slice) -> list[StoredChunk]:
            row = _Row(sequence, bounds[gap], keys[gap], self._folder, self._chunk_frames(sequence.rate))
            share = Share(report, row.begin / sequence.frames, row.end / sequence.frames)
            return _RowEncoder(self, row).encode(encoding, share)

        def on_found(found: list[StoredChunk]) -> None:
            if found:
                were = "was" if len(found) == 1 else "were"
                before = f"{len(found)} of {plural(len(keys), 'chunk')} {were} made before"
                self.bench.report.line(f"{sequence.name}: {before}")

        chunks = self._maker.find_or_make_row(sequence.lock(encoding, self._build), keys, encode, on_found)
        for chunk in chunks:
            if chunk.reused:  # those made just now are counted as they are stored, so that a failure counts them, too
                self.count(chunk)
        return chunks

    def film(self, film: Film, encoding: Encoding, staged: Path, report: Report) -> bytes:
        """Make a whole film at ``staged``.

        Args:
            film: what to make.
            encoding: how its frames are encoded.
            staged: file to write.
            report: where progress goes.

        Returns:
            The points of each frame that was encoded; none where they are not known, which is logged.

        Raises:
            GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong; chunks that were written
                stay.
        """
        video, transcoder = film.video, self.bench.transcoder
        length = video.frames / video.rate
        if len(video.chunk_bounds(self._chunk_frames(video.rate))) == 1:
            points = self._folder / "output.points"
            encoded = transcoder.encode(lambda way: film.command(way, staged, points), encoding, report, length)
            self.spent.append(encoded)
            self._counts["chunks"] += 1
            self._counts["frames_encoded"] += encoded.last.frames
            return written_points(points, report)
        chunks = self.frames(video, encoding, Share(report, 0, _FRAMES_DONE))
        audio = None if film.audio is None else self._audio(film, Share(report, _FRAMES_DONE, _AUDIO_DONE)).path
        joined = self._folder / "pictures.mp4"
        timing = concat.Timing.even(video.rate, video.frames)
        concat.join([chunk.path for chunk in chunks], timing, max(chunk.facts["delay"] for chunk in chunks), joined)
        line = segment_muxer.mux(joined, audio, staged)
        self.run(line, WEB.software.name, Share(report, _AUDIO_DONE, 1), length)
        joined.unlink(missing_ok=True)
        return points_of(((chunk.path, chunk.facts["frames"]) for chunk in chunks), report)

    def _audio(self, film: Film, report: Report) -> StoredChunk:
        def make_audio(target: Path) -> dict[str, Any]:
            line = segment_muxer.encode_audio(film.audio, target, **film.audio_options)
            self.run(line, WEB.software.name, report, film.video.frames / film.video.rate)
            return {"frames": 0}

        return self.single(recipe("sound", of=film.video.of), "the audio", make_audio)

    def run(
        self,
        line: Sequence[str],
        encoder: str,
        report: Report,
        length: Fraction,
        on_progress: Callable[[], object] | None = None,
    ) -> EncodeResult:
        """Run an encode; what it cost counts.

        Args:
            line: the command line.
            encoder: that it uses.
            report: where progress goes.
            length: expected seconds of output.
            on_progress: is called at each progress of ffmpeg, before the report; an error of it ends the encode.

        Returns:
            What it cost.

        Raises:
            FfmpegFailed, ProcessStalled, DiskFull: it went wrong.
        """
        self.spent.append(self.bench.transcoder.metered(line, encoder, report, length, on_progress))
        return self.spent[-1]

    def count(self, chunk: StoredChunk) -> None:
        """Add a chunk to the effort of this run, by its frames."""
        frames = chunk.facts["frames"]
        if frames:
            self._counts["chunks"] += 1
            self._counts["chunks_reused" if chunk.reused else "frames_encoded"] += 1 if chunk.reused else frames

    def _chunk_frames(self, rate: Fraction) -> int:
        return max(1, round(self.bench.chunk_seconds * rate))


def single_key(of: str, build: str) -> str:
    """The key of a chunk that is not divided: of what it is made and by which build of ffmpeg (pure)."""
    return recipe("part", of=of, build=build, version=WEB.version)


@contextmanager
def film_chunks(bench: Workbench, key: str, folder: Path) -> Iterator[FilmChunks]:
    """The chunks of the job with the recipe ``key``, which holds the workspace ``folder``.

    They are dropped at the end, and where the film made of them is rejected. After any other error they stay for the
    next attempt.

    Args:
        bench: what to work with.
        key: the recipe of the job.
        folder: its workspace.

    Yields:
        The chunks, of which none is made yet.

    Raises:
        OutputRejected: the film was; whichever chunk is bad, none is used again.
        ChangedMeanwhile: a source was replaced; likewise, since some chunks may be of the other file.
    """
    claim = JobClaim(bench, key)
    try:
        yield FilmChunks(bench, claim, folder)
    except (OutputRejected, ChangedMeanwhile):
        claim.reject_chunks()
        raise
    claim.drop_chunks()


@dataclass(frozen=True)
class _Row:
    """Chunks that follow one another and are missing; one encoder makes them all."""

    sequence: FrameSequence
    bounds: Sequence[tuple[int, int]]
    keys: Sequence[str]
    folder: Path  # where the encoder writes them
    chunk_frames: int

    @property
    def begin(self) -> int:
        """The first frame."""
        return self.bounds[0][0]

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.bounds[-1][1]

    @property
    def points(self) -> Path:
        """Where the points of all frames are written."""
        return segment_muxer.points_path(self.folder, self.begin, self.chunk_frames)

    def points_between(self, first: int, end: int) -> bytes | None:
        """Those of frames from ``first`` to ``end``; None where they are not written."""
        if not self.points.exists():
            return None
        with self.points.open("rb") as file:
            file.seek((first - self.begin) * FRAME_BYTES)
            found = file.read((end - first) * FRAME_BYTES)
        return found if len(found) == (end - first) * FRAME_BYTES else None

    def files(self) -> list[Path]:
        """Where each chunk is written."""
        return [segment_muxer.chunk_path(self.folder, first, self.chunk_frames) for first, _ in self.bounds]

    def command(self, encoding: Encoding) -> Sequence[str]:
        """The command line that writes them."""
        sequence, options = self.sequence, self.sequence.further_options(encoding)
        graph = sequence.graph(self.begin)
        return segment_muxer.encode_in_chunks(
            graph, self.bounds, sequence.rate, self.chunk_frames, self.folder, encoding, **options
        )


class _RowEncoder:
    """The encode of a row; each chunk goes into the store as soon as it is whole, while the encoder makes the next."""

    def __init__(self, chunks: FilmChunks, row: _Row):
        self._chunks, self._row = chunks, row
        self._files, self._stored, self._codec = row.files(), list[StoredChunk](), WEB

    def encode(self, encoding: Encoding, report: Report) -> list[StoredChunk]:
        """Make and store all of them."""
        self._codec = encoding.codec
        for file in (*self._files, self._row.points):  # of an encoder that this one stands in for
            file.unlink(missing_ok=True)
        length = (self._row.end - self._row.begin) / self._row.sequence.rate
        self._chunks.run(self._row.command(encoding), encoding.encoder, report, length, self._store_whole_ones)
        self._store(len(self._files))
        return self._stored

    def _store_whole_ones(self) -> None:
        """A chunk is whole once the encoder has begun the next. Without the database it waits: the encode goes on."""
        whole = max((number for number, file in enumerate(self._files) if number and file.exists()), default=0)
        if whole > len(self._stored) and self._row.points_between(*self._row.bounds[whole - 1]) and guard.holds():
            self._store(whole)

    def _store(self, count: int) -> None:
        """Bring the first ``count`` chunks into the store."""
        row = self._row
        for number in range(len(self._stored), count):
            first, end = row.bounds[number]
            name = f"{row.sequence.name}, frames {first + 1} to {end}"
            delay = segment_muxer.check_chunk(self._files[number], end - first, name, self._codec)
            if points := row.points_between(first, end):
                append_points(self._files[number], points)
            chunk = self._chunks.store.add(
                row.keys[number], self._files[number], {"frames": end - first, "delay": delay}
            )
            self._chunks.count(chunk)
            self._stored.append(chunk)
