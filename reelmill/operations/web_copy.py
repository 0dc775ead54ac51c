"""The encode of a web copy: in chunks where its source may be cut, in one go where not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

from reelmill.catalogue.models import Video
from reelmill.errors import FfmpegFailed, OutputRejected
from reelmill.fan_out import FanOut, cores, in_turn
from reelmill.ffmpeg import build
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.chunks import CHUNK_SECONDS, Chunk, plan
from reelmill.ffmpeg.energy import NOT_MEASURABLE, Energy, EnergyMeter
from reelmill.ffmpeg.entry import enterable
from reelmill.ffmpeg.index import Index, NotCuttable, read_index
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.progress import Progress
from reelmill.ffmpeg.transcoder import Encoded
from reelmill.operations import chunked, room
from reelmill.operations.chunked import Made, Pieces
from reelmill.operations.store import Store
from reelmill.operations.tidying import always, tidy
from reelmill.operations.workbench import Workbench
from reelmill.report import Part, Report
from reelmill.settings import get_settings

_SOFTWARE: Final = "libx264"
_JOINED: Final = 0.97  # of the encode, in the progress bar


@dataclass(frozen=True)
class Copy:
    """A web copy that is encoded, and not yet in the library."""

    staged: Path
    encoded: Encoded
    frames: int  # pictures it must hold
    chunks: int  # 1 where it was encoded in one go
    chunks_reused: int  # that an earlier run had made
    frames_encoded: int  # in this run
    keys: tuple[str, ...] = ()  # of its pieces in the chunk store


@dataclass(frozen=True)
class WebCopy:
    """One web copy to be made."""

    bench: Workbench
    video: Video
    source: Path
    info: MediaInfo
    h264: build.H264
    recipe: str
    folder: Path  # its workspace
    report: Report
    fan_out: FanOut
    chunk_seconds: Fraction = CHUNK_SECONDS

    def encode(self) -> Copy:
        """Encode it.

        Raises:
            GpuBusy, FfmpegFailed, Stalled, DiskFull, InputError, OutputRejected: it went wrong. Chunks that were made
                stay in the store for the next try.
        """
        try:
            index = read_index(self.source)
            entry = partial(enterable, self.source, index)
            chunks = plan(index, self.info, length=self.chunk_seconds, enterable=entry)
        except NotCuttable as reason:
            return self._whole(str(reason))
        try:
            return self._in_chunks(index, chunks)
        except OutputRejected as error:  # the index promised what its packets do not keep
            return self._whole(str(error))
        except FfmpegFailed as error:
            if error.exit_code < 0:  # killed: the next try goes on from here
                raise
            return self._whole(str(error))

    def _whole(self, reason: str) -> Copy:
        self.report.line(f"encoded in one go: {reason}")
        self.bench.disk.require(room.film(self.info, None, self.h264))
        staged = self.folder / "output.mp4"
        encoded = self.bench.transcoder.encode(
            lambda way: build.reencode(self.source, self.info, staged, way), self.h264, self.report, self.info.duration
        )
        frames = encoded.last.frames
        if self.info.video.frames not in (None, frames):
            self.report.line(f"its container counts {self.info.video.frames} pictures, {frames} of them are shown")
        return Copy(staged, encoded, frames, 1, 0, frames)

    def _in_chunks(self, index: Index, chunks: tuple[Chunk, ...]) -> Copy:
        self.report.line(f"encoded in {len(chunks)} chunks of about {float(self.chunk_seconds):g} s")
        meter = EnergyMeter(
            gpu=self.h264.encoder != _SOFTWARE,
            devices=self.bench.transcoder.devices,
            powercap=self.bench.transcoder.powercap,
        )
        started = time.monotonic()
        pieces = partial(self._pieces, index, chunks, report=_Ticking(Part(self.report, 0, _JOINED), meter))
        try:
            h264, made = self.h264, pieces(self.h264)
        except FfmpegFailed as error:
            h264 = self.bench.transcoder.instead(error, self.h264, self.report)
            made = pieces(h264)
        joining = Part(self.report, _JOINED, 1)
        staged, _, cpu = chunked.finish(self.bench, self.source, index, made, self.folder, joining)
        length = (index.times[-1] + index.hold - index.times[0]) * index.time_base
        energy = meter.stop()
        encoded = Encoded(
            seconds=time.monotonic() - started,
            cpu_seconds=cpu + sum(part.cpu_seconds for part in made.all),
            last=Progress(frames=len(index.times), out_time=length, size=staged.stat().st_size),
            stderr_tail=(),
            encoder=h264.encoder,
            energy=energy if _all_here(made.all) else Energy(None, f"{NOT_MEASURABLE}: not all was made here and now"),
        )
        return Copy(
            staged=staged,
            encoded=encoded,
            frames=len(index.times),
            chunks=len(chunks),
            chunks_reused=sum(part.reused for part in made.pictures),
            frames_encoded=sum(part.frames for part in made.pictures if not part.reused),
            keys=tuple(part.key for part in made.all),
        )

    def _pieces(self, index: Index, chunks: tuple[Chunk, ...], h264: build.H264, report: Report) -> Pieces:
        """Make all pieces. A card's encoder serves the job that was admitted to it, and one piece at a time."""
        bench, store = self.bench, Store(self.bench.root)
        ffmpeg = version(bench.transcoder.ffmpeg)
        tasks = chunked.pieces(self.video, self.source, self.info, index, chunks, h264, ffmpeg)
        store.claim(self.recipe, bench.run_id, [task.key for task in tasks])
        tidy(bench.root, get_settings().chunk_store_bytes, always, report)
        missing = [task.chunk for task in tasks if task.chunk is not None and store.progress(task.key) < 1]
        share = sum(chunk.frames for chunk in missing) / len(index.times)
        # Thrice: the chunks that are to come, all of them joined, and the finished film.
        bench.disk.require(round((share + 2) * room.film(self.info, None, h264)))
        if h264.encoder != _SOFTWARE:
            return chunked.make(bench, tasks, report, in_turn)
        threads = h264.threads or max(1, cores() // max(1, len(missing)))
        tasks = [replace(task, h264=replace(h264, threads=threads)) for task in tasks]
        return chunked.make(bench, tasks, report, self.fan_out)


class _Ticking(Part):
    """Reads a meter at each progress."""

    def __init__(self, whole: Report, meter: EnergyMeter):
        super().__init__(whole, 0, 1)
        self._meter = meter

    def progress(self, fraction: float, text: str = "") -> None:
        """See ``Report.progress``."""
        self._meter.tick()
        super().progress(fraction, text)


def _all_here(pieces: tuple[Made, ...]) -> bool:
    """Whether the energy this machine has just used is what the pieces took."""
    return not any(piece.reused or piece.node != get_settings().node_name for piece in pieces)
