"""An encode in chunks: each made once, by whichever core or machine, kept until the whole is done, then joined.

The pieces of one source are its chunks' pictures and, as one more, all that goes beside them. A piece is named by a
hash of what it depends on, so a run that was killed, and the next one on another machine, finds what was made before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from reelmill.catalogue.models import Video
from reelmill.errors import CapabilityError, InputError, OutputRejected
from reelmill.fan_out import FanOut
from reelmill.ffmpeg import chunked, joining
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.build import H264, text_subtitles
from reelmill.ffmpeg.chunks import Chunk, identity
from reelmill.ffmpeg.index import Index
from reelmill.ffmpeg.pieces import check_opens
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.operations.slots import slot
from reelmill.operations.store import Store
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.operations.workspace import held
from reelmill.report import Report
from reelmill.settings import get_settings

_LOOK: Final = 2.0  # seconds between two looks at how far the pieces are


@dataclass(frozen=True)
class Source:
    """What the pieces are made of; small, and the same on every machine."""

    path: str  # relative to the media root
    size: int
    mtime_ns: int
    info: MediaInfo
    time_base: Fraction


@dataclass(frozen=True)
class Task:
    """One piece to be made."""

    key: str
    source: Source
    chunk: Chunk | None  # None: what goes beside the pictures
    h264: H264
    build: str  # of ffmpeg: pieces of several do not mix

    @property
    def name(self) -> str:
        """As people see it."""
        return "sound and subtitles" if self.chunk is None else f"chunk {self.chunk.number + 1}"


@dataclass(frozen=True)
class Made:
    """A piece that is in the store."""

    key: str
    name: str
    node: str  # that made it
    frames: int
    delay: int  # pictures that must be read ahead
    cpu_seconds: float
    seconds: float
    reused: bool  # it was there already


@dataclass(frozen=True)
class Pieces:
    """All pieces of one encode."""

    pictures: tuple[Made, ...]
    beside: Made | None

    @property
    def all(self) -> tuple[Made, ...]:
        """Of both kinds."""
        return self.pictures if self.beside is None else (*self.pictures, self.beside)


class Maker:
    """Makes a piece wherever it is called; on another machine it works with that machine's settings."""

    def __init__(self, bench: Workbench):
        self._bench = bench

    def __reduce__(self) -> tuple[Callable[[TranscoderOptions], Maker], tuple[TranscoderOptions]]:
        return _elsewhere, (self._bench.transcoder.options,)

    def __call__(self, task: Task) -> Made:
        """Make it, unless it is there.

        Raises:
            FileMissing, InputError: the source is not there, or another by now.
            CapabilityError: this machine's ffmpeg is another build than the job's.
            FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong.
        """
        store = Store(self._bench.root)
        with held(task.key, self._bench.report):
            there = store.find(task.key)
            if there is not None:
                return Made(key=task.key, name=task.name, reused=True, **there.facts)
            return self._make(store, task)

    def _make(self, store: Store, task: Task) -> Made:
        transcoder = self._bench.transcoder
        if version(transcoder.ffmpeg) != task.build:
            raise CapabilityError(
                f"{get_settings().node_name} has ffmpeg {version(transcoder.ffmpeg)}, the job began with "
                f"{task.build}; install the same build there, or take that machine out of the Dask cluster."
            )
        source = self._source(task.source)
        with store.unfinished(task.key) as part:
            arguments, length = _command(task, source, part)
            with slot(get_settings().slot_dir):
                finished = transcoder.run(arguments, _Mark(store, task.key), length)
            delay = 0
            if task.chunk is None:
                check_opens(part, task.name)
            else:
                delay = chunked.check(part, task.chunk, task.source.time_base)
            facts: dict[str, Any] = {
                "node": get_settings().node_name,
                "frames": 0 if task.chunk is None else task.chunk.frames,
                "delay": delay,
                "cpu_seconds": finished.cpu_seconds,
                "seconds": finished.seconds,
            }
            store.keep(task.key, part, facts)
        return Made(key=task.key, name=task.name, reused=False, **facts)

    def _source(self, source: Source) -> Path:
        path = self._bench.root.resolve(source.path)
        if not path.exists():
            self._bench.root.require()
            raise InputError(f"{source.path} is not there on {get_settings().node_name}; is the media root mounted?")
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) != (source.size, source.mtime_ns):
            raise InputError(f"{source.path} has been changed since the job began; run the job again.")
        return path


def _elsewhere(options: TranscoderOptions) -> Maker:
    return Maker(Workbench(transcoder=Transcoder(options)))


def _command(task: Task, source: Path, target: Path) -> tuple[Sequence[str], Fraction | None]:
    """What makes a piece, and how many seconds it will be."""
    info = task.source.info
    if task.chunk is None:
        return chunked.beside(source, info, target), info.duration
    length = task.chunk.ticks * task.source.time_base
    return chunked.pictures(source, info, task.chunk, target, task.h264), length


class _Mark(Report):
    """Leaves a note beside the piece of how far it is, for the job to read wherever it runs."""

    def __init__(self, store: Store, key: str):
        self._path = store.mark(key)

    def line(self, text: str) -> None:
        """The job tells of each piece when it is done."""

    def progress(self, fraction: float, text: str = "") -> None:
        """See ``Report.progress``."""
        self._path.write_text(f"{fraction:.4f}")


def pieces(
    video: Video, path: Path, info: MediaInfo, index: Index, chunks: Sequence[Chunk], h264: H264, build: str
) -> list[Task]:
    """What is to be made of a source (pure but for the file's size and time)."""
    identified = fingerprint(video, path)
    source = Source(video.path, identified["size"], identified["mtime_ns"], info, index.time_base)
    settings = {**replace(h264, threads=None).options(), "build": build}
    tasks = [
        Task(recipe("chunk", [identified], **settings, **identity(chunk)), source, chunk, h264, build)
        for chunk in chunks
    ]
    texts = text_subtitles(info)
    if info.audio_tracks or texts:
        tasks.insert(0, Task(recipe("beside", [identified], texts=texts, build=build), source, None, h264, build))
    return tasks


def make(bench: Workbench, tasks: Sequence[Task], report: Report, fan_out: FanOut) -> Pieces:
    """Make all pieces that are not there yet.

    Args:
        bench: what to work with.
        tasks: what to make.
        report: where lines and progress go.
        fan_out: runs them, here or elsewhere.

    Raises:
        InputError, CapabilityError, FfmpegFailed, Stalled, DiskFull, OutputRejected: one went wrong; those that were
            made stay for the next try.
    """
    told = threading.Lock()
    count = 0

    def done(made: Made) -> None:
        nonlocal count
        with told:
            count += 1
            how = "made before" if made.reused else f"{made.seconds:.1f} s on {made.node}"
            report.line(f"{count} of {len(tasks)}: {made.name}, {how}")

    store = Store(bench.root)
    with _watched(store, tasks, report):
        try:
            found = fan_out(Maker(bench), tasks, done)
        except OutputRejected:  # the source does not keep what its index promised: no piece will be used
            store.drop(task.key for task in tasks)
            raise
    beside = found[0] if tasks[0].chunk is None else None
    return Pieces(tuple(found if beside is None else found[1:]), beside)


@contextmanager
def _watched(store: Store, tasks: Sequence[Task], report: Report) -> Iterator[None]:
    """Report, while the block runs, how far all pieces together are, by the pictures of each."""
    weights = {task.key: task.chunk.frames for task in tasks if task.chunk is not None}
    total, ended = sum(weights.values()), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK):
            frames = sum(weight * store.progress(key) for key, weight in weights.items())
            report.progress(frames / total, f"{frames:.0f} of {total} pictures")

    # In our context: a flow's report needs to know its run.
    watcher = threading.Thread(target=copy_context().run, args=(look,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        store.forget_marks(task.key for task in tasks)


def finish(
    bench: Workbench, path: Path, index: Index, made: Pieces, folder: Path, report: Report
) -> tuple[Path, float, float]:
    """Join the pieces in ``folder``; answers with the finished file, and the wall and CPU seconds that took.

    Raises:
        FfmpegFailed, Stalled, DiskFull, OutputRejected.
    """
    started, cpu = time.monotonic(), time.thread_time()
    store = Store(bench.root)
    film, target = folder / "pictures.mp4", folder / "output.mp4"
    timing = joining.Timing(index.time_base, index.times, index.hold)
    ahead = max(part.delay for part in made.pictures)
    joining.join([store.path(part.key) for part in made.pictures], timing, ahead, film)
    beside = None if made.beside is None else store.path(made.beside.key)
    length = (index.times[-1] - index.times[0]) * index.time_base
    finished = bench.transcoder.run(chunked.complete(path, film, index.begin, beside, target), report, length)
    with suppress(FileNotFoundError):
        film.unlink()
    return target, time.monotonic() - started, time.thread_time() - cpu + finished.cpu_seconds
