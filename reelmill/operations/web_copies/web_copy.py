"""The encode of a web copy: in chunks where its source may be cut, in one go where not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

from reelmill.catalogue.models import Video
from reelmill.errors import FfmpegFailed, OutputRejected
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.codecs import runs_on_gpu
from reelmill.ffmpeg.commands import web_copy as commands
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.chunk_plan import CHUNK_SECONDS, Chunk, plan
from reelmill.ffmpeg.process.progress import Progress
from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable, ShapesChange, read_index
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.random_access import enterable
from reelmill.ffmpeg.reading.source_reading import SourceReading
from reelmill.ffmpeg.transcoder import EncodeResult
from reelmill.hardware.energy import NOT_MEASURABLE, Energy, EnergyMeter
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.encode_chunks import (
    ChunkSet,
    ChunkTask,
    EncodedChunk,
    chunk_source,
    chunk_tasks,
    join_chunks,
    make_chunks,
)
from reelmill.operations.chunk_store.encoded_points import points_of, written_points
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import Recipe, SourceContent
from reelmill.operations.web_copies.result import made_recipe
from reelmill.parallel import FanOut, cores, in_order
from reelmill.report import Report, Share
from reelmill.settings import get_settings
from reelmill.wording import plural

_JOINED: Final = 0.97  # of the encode, in the progress bar


@dataclass(frozen=True)
class StagedCopy:
    """A web copy that is encoded, and not yet in the library."""

    staged: Path
    encoded: EncodeResult
    frames: int  # that it must hold
    points: bytes = field(repr=False)  # of each frame that its encoders were given; none where they are not known
    chunks: int  # 1 where it was encoded in one go
    chunks_reused: int  # that an earlier run had made
    frames_encoded: int  # in this run


@dataclass(frozen=True)
class WebCopy:
    """One web copy to be made."""

    bench: Workbench
    video: Video
    source: Path
    info: MediaInfo
    encoding: Encoding
    asked: Encoding  # before its ceiling was known
    content: SourceContent
    recipe: str
    folder: Path  # its workspace
    report: Report
    fan_out: FanOut
    chunk_seconds: Fraction = CHUNK_SECONDS
    index: Index | NotCuttable | None = field(default=None, repr=False)  # or why it has none; None: not read yet
    reading: SourceReading | None = field(default=None, repr=False)  # None: each step reads the source

    @property
    def kept_reading(self) -> SourceReading | None:
        """The reading of the source, while what was copied of it is there."""
        read = self.reading
        if read is None or (read.beside is not None and not read.beside.exists()):
            return None
        return read if read.frames_copy is None or read.frames_copy.exists() else replace(read, frames_copy=None)

    def made_recipe(self, encoder: str) -> Recipe:
        """What it is recorded by once this encoder has made it (pure); where one was asked for, by that."""
        return made_recipe(
            self.content, self.asked if self.asked.encoder_asked else replace(self.asked, encoder=encoder)
        )

    def encode(self) -> StagedCopy:
        """Encode it.

        Returns:
            The copy, in the workspace.

        Raises:
            FfmpegFailed: ffmpeg was killed. Chunks that were made stay in the store for the next attempt.
            GpuBusy, ProcessStalled, DiskFull, InputError, OutputRejected: likewise, it went wrong.
            ShapesChange: the source, which is no mended copy, is to be boxed first.
        """
        try:
            index = read_index(self.source) if self.index is None else self.index
            if isinstance(index, NotCuttable):
                raise index
            copied = None if self.kept_reading is None else self.kept_reading.frames_copy
            entry = partial(enterable, copied or self.source, index)
            chunks = plan(index, self.info, length=self.chunk_seconds, enterable=entry)
        except ShapesChange as reason:
            if self.source == self.bench.source(self.video):
                raise
            return self._whole(str(reason))
        except NotCuttable as reason:
            return self._whole(str(reason))
        try:
            return self._in_chunks(index, chunks)
        except OutputRejected as error:  # the index promised what its packets do not keep: no chunk will be used
            JobClaim(self.bench, self.recipe).drop_chunks()
            return self._whole(str(error))
        except FfmpegFailed as error:
            if error.exit_code < 0:  # killed: the next attempt goes on from here
                raise
            return self._whole(str(error))

    def _whole(self, reason: str) -> StagedCopy:
        self.report.line(f"encoded in one go: {reason}")
        self.bench.disk.require(size_estimates.film(self.info, None, self.encoding))
        staged, points = self.folder / "output.mp4", self.folder / "output.points"
        encoded = self.bench.transcoder.encode(
            lambda way: commands.reencode(self.source, self.info, staged, way, points),
            self.encoding,
            self.report,
            self.info.duration,
        )
        frames = encoded.last.frames
        if self.info.video.frames not in (None, frames):
            self.report.line(f"its container counts {plural(self.info.video.frames or 0, 'frame')}; shown: {frames}")
        return StagedCopy(staged, encoded, frames, written_points(points, self.report), 1, 0, frames)

    def _in_chunks(self, index: Index, chunks: tuple[Chunk, ...]) -> StagedCopy:
        self.report.line(f"encoded in {plural(len(chunks), 'chunk')} of about {float(self.chunk_seconds):g} s")
        meter = EnergyMeter(
            gpu=runs_on_gpu(self.encoding.encoder),
            devices=self.bench.transcoder.devices,
            powercap=self.bench.transcoder.powercap,
        )
        started, claim, progress = time.monotonic(), JobClaim(self.bench, self.recipe), Share(self.report, 0, _JOINED)

        def make_all(encoding: Encoding) -> ChunkSet:
            tasks = self._tasks(index, chunks, encoding, claim)
            # A GPU's encoder serves the job that was admitted to it, and one chunk at a time.
            fan_out = in_order if runs_on_gpu(encoding.encoder) else self.fan_out
            return make_chunks(self.bench, tasks, progress, fan_out, on_progress=meter.tick)

        try:
            encoding, made = self.encoding, make_all(self.encoding)
        except FfmpegFailed as error:
            encoding = self.bench.transcoder.instead(error, self.encoding, self.report)
            made = make_all(encoding)
        source, joining = (self.source, self.info), Share(self.report, _JOINED, 1)
        staged, cpu = join_chunks(self.bench, source, index, made, self.folder, joining)
        length = (index.times[-1] + index.hold - index.times[0]) * index.time_base
        energy, store = meter.stop(), Store(self.bench.root)
        encoded = EncodeResult(
            seconds=time.monotonic() - started,
            cpu_seconds=cpu + sum(chunk.cpu_seconds for chunk in made.all),
            last=Progress(frames=len(index.times), out_time=length, size=staged.stat().st_size),
            stderr_tail=(),
            encoder=encoding.encoder,
            energy=energy if _all_here(made.all) else Energy(None, f"{NOT_MEASURABLE}: not all was made here and now"),
        )
        return StagedCopy(
            staged=staged,
            encoded=encoded,
            frames=len(index.times),
            points=points_of(((store.path(chunk.key), chunk.frames) for chunk in made.video), self.report),
            chunks=len(chunks),
            chunks_reused=sum(chunk.reused for chunk in made.video),
            frames_encoded=sum(chunk.frames for chunk in made.video if not chunk.reused),
        )

    def _tasks(self, index: Index, chunks: tuple[Chunk, ...], encoding: Encoding, claim: JobClaim) -> list[ChunkTask]:
        """The chunks to be made, claimed; there is room for them."""
        bench, store = self.bench, Store(self.bench.root)
        source = chunk_source(bench, self.video, self.source, self.info, index.time_base)
        read = self.kept_reading
        if read is not None and read.companions is not None:
            source = replace(source, companions=read.companions.path.name, later=read.companions.later)
        if read is not None and read.frames_copy is not None:
            source = replace(source, frames=read.frames_copy.name)
        tasks = chunk_tasks(source, chunks, encoding, version(bench.transcoder.ffmpeg))
        claim.add(task.key for task in tasks)
        missing = [task.chunk for task in tasks if task.chunk is not None and store.progress(task.key) < 1]
        share = sum(chunk.frames for chunk in missing) / len(index.times)
        # Thrice: the chunks that are to come, all of them joined, and the finished copy.
        bench.disk.require(round((share + 2) * size_estimates.film(self.info, None, encoding)))
        if runs_on_gpu(encoding.encoder):
            return tasks
        threads = encoding.threads or max(1, cores() // max(1, len(missing)))
        return [replace(task, encoding=replace(encoding, threads=threads)) for task in tasks]


def _all_here(chunks: tuple[EncodedChunk, ...]) -> bool:
    """Whether the energy that this node has just used is what the chunks took."""
    return not any(chunk.reused or chunk.node != get_settings().node_name for chunk in chunks)
