"""An encode in chunks: each made once, by whichever core or node, kept until the whole is done, then joined.

The frames of a source are divided into chunks; its companions, audio and subtitles, are one more. The key of a chunk is
a hash of what it depends on: the next run, on whichever node, finds what one that was killed has made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

from reelmill import guard
from reelmill.catalogue.models import Video
from reelmill.errors import CapabilityError, InputError
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.commands import chunk_commands, concat
from reelmill.ffmpeg.commands.filters import text_subtitles
from reelmill.ffmpeg.commands.segment_muxer import check_opens
from reelmill.ffmpeg.encoding import WEB_FORM, Encoding
from reelmill.ffmpeg.planning.chunk_plan import Chunk, identity
from reelmill.ffmpeg.reading.frames.frame_points import append_points
from reelmill.ffmpeg.reading.packet_index import Index
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.hardware.core_slots import slot
from reelmill.operations.chunk_store.chunk_maker import ChunkMaker
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.ownership import require_ours
from reelmill.operations.recipe import SourceContent, recipe
from reelmill.operations.remote_task import RemoteTask
from reelmill.parallel import FanOut
from reelmill.report import Report
from reelmill.settings import get_settings
from reelmill.storage.content_id import content_id
from reelmill.troubles import Flaw
from reelmill.wording import in_seconds, plural

_POLL_SECONDS: Final = 2.0  # between two readings of how far the chunks are


@dataclass(frozen=True)
class ChunkSource:
    """What the chunks are made of; small, and the same on every node."""

    content: SourceContent
    path: str  # relative to the media root
    info: MediaInfo
    time_base: Fraction
    companions: str | None = None  # key of the copy of its audio and subtitles, where the store has one
    later: Fraction = Fraction(0)  # by how many seconds that begins later
    frames: str | None = None  # key of the copy with an index to take its frames from, where the store has one

    def resolve(self, bench: Workbench) -> Path:
        """The file on this node.

        Args:
            bench: of this node.

        Returns:
            Its path.

        Raises:
            InputError: it is not there, or another by now.
            NotMounted: nothing is there.
        """
        path = bench.root.path / self.path
        if not path.exists():
            bench.root.require()
            reason = f"{self.path} is not there on {get_settings().node_name}; is the media root mounted?"
            raise InputError(reason, self.path, Flaw.ABSENT)
        stat = path.stat()
        as_seen = (stat.st_size, stat.st_mtime_ns) == (self.content.size, self.content.mtime_ns)
        if not as_seen and (self.content.mended or content_id(path) != self.content.content_id):
            reason = f"{self.path} has been changed since the job began; run the job again."
            raise InputError(reason, self.path, Flaw.CHANGED)
        return path


@dataclass(frozen=True)
class ChunkTask:
    """One chunk to be made."""

    key: str
    source: ChunkSource
    chunk: Chunk | None  # None: the companions
    encoding: Encoding
    build: str  # of ffmpeg: chunks of several do not mix

    @property
    def name(self) -> str:
        """As people see it."""
        return "audio and subtitles" if self.chunk is None else f"chunk {self.chunk.number + 1}"


@dataclass(frozen=True)
class EncodedChunk:
    """A chunk that is in the store."""

    key: str
    name: str
    node: str  # that made it
    frames: int
    delay: int  # frames that must be read ahead
    cpu_seconds: float
    seconds: float
    reused: bool  # it was there already


@dataclass(frozen=True)
class ChunkSet:
    """All chunks of one encode."""

    video: tuple[EncodedChunk, ...]
    companions: EncodedChunk | None

    @property
    def all(self) -> tuple[EncodedChunk, ...]:
        """Of both kinds."""
        return self.video if self.companions is None else (*self.video, self.companions)


def chunk_source(bench: Workbench, video: Video, path: Path, info: MediaInfo, time_base: Fraction) -> ChunkSource:
    """What the chunks of a video are made of.

    Args:
        bench: what to work with.
        video: the record.
        path: the file to read; that of a mended copy is not the record's.
        info: its facts.
        time_base: of its frames, in seconds per tick.

    Returns:
        The source, with the content id, size and modification time of now.
    """
    return ChunkSource(bench.content(video, path, info.video.number), bench.root.relative(path), info, time_base)


def chunk_tasks(source: ChunkSource, chunks: Sequence[Chunk], encoding: Encoding, build: str) -> list[ChunkTask]:
    """What is to be made of a source (pure).

    Args:
        source: what it is made of.
        chunks: how its frames are divided.
        encoding: how they are encoded.
        build: of ffmpeg.

    Returns:
        The companions first, where it has any; they take longest.
    """
    settings = {**replace(encoding, threads=None).options(), **encoding.of_copy(), "form": WEB_FORM, "build": build}
    settings["version"] = encoding.codec.version
    tasks = [
        ChunkTask(recipe("chunk", [source.content], **settings, **identity(chunk)), source, chunk, encoding, build)
        for chunk in chunks
    ]
    texts = text_subtitles(source.info)
    if source.info.audio_tracks or texts:
        key = recipe("beside", [source.content], texts=texts, build=build, form=WEB_FORM, surround=encoding.surround)
        tasks.insert(0, ChunkTask(key, source, None, encoding, build))
    return tasks


def make_chunk(bench: Workbench, task: ChunkTask) -> EncodedChunk:
    """Make a chunk on this node, unless it is there.

    Args:
        bench: of this node.
        task: what to make.

    Returns:
        The chunk.

    Raises:
        SiteError: this node's media root belongs to another site.
        FileMissing, InputError: the source is not there, or another by now.
        CapabilityError: this node's ffmpeg is another build than the job's.
        FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong.
    """
    require_ours(bench.root)
    maker = ChunkMaker(Store(bench.root), bench.report)
    chunk = maker.find_or_make(task.key, partial(_encode, bench, task))
    return EncodedChunk(key=task.key, name=task.name, reused=chunk.reused, **chunk.facts)


def _encode(bench: Workbench, task: ChunkTask, target: Path) -> dict[str, Any]:
    node, build = get_settings().node_name, version(bench.transcoder.ffmpeg)
    if build != task.build:
        raise CapabilityError(
            f"{node} has ffmpeg {build}, the job began with {task.build}; install the same build there, "
            "or take that node out of the Dask cluster.",
            task.build,
        )
    points = target.with_stem(f"{target.stem}.points")  # swept with the chunk where the run is killed
    source = _read_from(bench, task)
    arguments, length = _command(task, source, target, points)
    try:
        with slot(get_settings().slot_dir):
            finished = bench.transcoder.run(arguments, _ProgressNote(Store(bench.root), task.key), length)
        guard.confirm()
        delay = 0
        if task.chunk is None:
            check_opens(target, task.name)
        else:
            delay = chunk_commands.check_chunk(target, task.chunk, task.source.time_base, task.encoding.codec)
            append_points(target, points.read_bytes())
    finally:
        points.unlink(missing_ok=True)
    return {
        "node": node,
        "frames": 0 if task.chunk is None else task.chunk.frames,
        "delay": delay,
        "cpu_seconds": finished.cpu_seconds,
        "seconds": finished.seconds,
    }


def _read_from(bench: Workbench, task: ChunkTask) -> Path:
    """The file that a chunk is made from: the source, which is as it was, or what was copied of it."""
    source, store = task.source.resolve(bench), Store(bench.root)
    if task.chunk is None:
        return source if task.source.companions is None else store.path(task.source.companions)
    copied = None if task.source.frames is None else store.path(task.source.frames)
    return copied if copied is not None and copied.exists() else source  # which has the same frames


def _command(task: ChunkTask, source: Path, target: Path, points: Path) -> tuple[Sequence[str], Fraction | None]:
    """The command that makes a chunk, and how many seconds the chunk will be."""
    info = task.source.info
    if task.chunk is None:
        command = chunk_commands.audio_and_subtitles(source, info, target, task.encoding, task.source.later)
        return command, info.duration
    length = task.chunk.ticks * task.source.time_base
    time_base = task.source.time_base
    command = chunk_commands.encode_chunk((source, info), task.chunk, target, task.encoding, time_base, points)
    return command, length


class _ProgressNote(Report):
    """Notes beside a chunk how far it is, for the job to read on whichever node it runs."""

    def __init__(self, store: Store, key: str):
        self._path = store.progress_note(key)

    def line(self, text: str) -> None:
        """Drop the line: the job itself reports each chunk when it is done."""

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """See ``Report.progress``."""
        self._path.write_text(f"{fraction:.4f}")


def _bench_there(options: TranscoderOptions) -> Workbench:
    """The workbench of the node that a task has come to; how to transcode is the job's."""
    return Workbench(transcoder=Transcoder(options))


def make_chunks(
    bench: Workbench,
    tasks: Sequence[ChunkTask],
    report: Report,
    fan_out: FanOut,
    on_progress: Callable[[], object] = lambda: None,
) -> ChunkSet:
    """Make all chunks that are not there yet.

    Args:
        bench: what to work with.
        tasks: what to make.
        report: where lines and progress go.
        fan_out: runs them, here or on other nodes.
        on_progress: is called before each report of progress.

    Returns:
        All chunks.

    Raises:
        InputError, CapabilityError, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: one went wrong; those that
            were made stay for the next try.
    """
    chunks, done = {task.key for task in tasks if task.chunk is not None}, set[str]()

    def on_result(made: EncodedChunk) -> None:
        guard.check()
        how = "made before" if made.reused else f"{in_seconds(made.seconds)} on {made.node}"
        done.update({made.key} & chunks)
        of = f"{len(done)} of {plural(len(chunks), 'chunk')}: " if made.key in chunks else ""
        report.line(f"{of}{made.name}, {how}")

    task = RemoteTask(make_chunk, bench, partial(_bench_there, bench.transcoder.options))
    with _progress_reported(Store(bench.root), tasks, report, on_progress):
        made = fan_out(task, tasks, on_result)
    companions = made[0] if tasks[0].chunk is None else None
    return ChunkSet(tuple(made if companions is None else made[1:]), companions)


@contextmanager
def _progress_reported(
    store: Store, tasks: Sequence[ChunkTask], report: Report, on_progress: Callable[[], object]
) -> Iterator[None]:
    """Report, while the block runs, how far all chunks together are, by the frames of each."""
    weights = {task.key: task.chunk.frames for task in tasks if task.chunk is not None}
    total, ended = sum(weights.values()), threading.Event()
    length = float(sum(task.chunk.ticks * task.source.time_base for task in tasks if task.chunk is not None))

    def done() -> float:
        return sum(weight * store.progress(key) for key, weight in weights.items())

    def poll() -> None:
        started, before = time.monotonic(), done()  # an earlier try may have left chunks
        while not ended.wait(_POLL_SECONDS):
            frames = done()
            speed = (frames - before) / total * length / (time.monotonic() - started)
            on_progress()
            report.progress(frames / total, f"{frames:.0f} of {total} frames", speed if speed > 0 else None)

    # In our context: a flow's report needs to know its run.
    poller = threading.Thread(target=copy_context().run, args=(poll,), daemon=True)
    poller.start()
    try:
        yield
    finally:
        ended.set()
        poller.join()
        store.remove_progress_notes(task.key for task in tasks)


def join_chunks(
    bench: Workbench, source: tuple[Path, MediaInfo], index: Index, chunks: ChunkSet, folder: Path, report: Report
) -> tuple[Path, float]:
    """Join the chunks in ``folder``.

    Args:
        bench: what to work with.
        source: the video and its facts.
        index: of its frames.
        chunks: all of them.
        folder: where to write.
        report: where lines and progress go.

    Returns:
        The finished file, and the CPU seconds that it took.

    Raises:
        FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong.
    """
    cpu, store = time.thread_time(), Store(bench.root)
    film, target = folder / "pictures.mp4", folder / "output.mp4"
    timing = concat.Timing(index.time_base, index.times, index.hold)
    ahead = max(chunk.delay for chunk in chunks.video)
    concat.join([store.path(chunk.key) for chunk in chunks.video], timing, ahead, film)
    companions = None if chunks.companions is None else store.path(chunks.companions.key)
    length = (index.times[-1] - index.times[0]) * index.time_base
    command = chunk_commands.complete(source, film, index.begin, companions, target)
    finished = bench.transcoder.run(command, report, length)
    with suppress(FileNotFoundError):
        film.unlink()
    return target, time.thread_time() - cpu + finished.cpu_seconds
