"""The file of a record as jobs read it: itself, or a mended copy in the chunk store where its times or colours lie.

What was found out is kept in the catalogue, so that a broadcast is read through once and not by every job.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.ffmpeg.remux.mending import Fault, ReadPackets, fault_of, mended, read_for_faults, suspect
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.chunk_store.chunk_maker import ChunkMaker
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.derived import analysis_cache
from reelmill.operations.publishing.sources import require_unchanged
from reelmill.operations.recipe import SourceContent, recipe
from reelmill.report import NullReport
from reelmill.storage.disk import disk_of
from reelmill.storage.file_state import FileState

#: What is found out, as the catalogue keeps it, and the number of the way it is found.
_FAULT: Final = "fault"
_VERSION: Final = "7"
#: How many times the bytes of a video a mended copy may take: boxed frames are encoded all but without loss, and audio
#: in one layout without any.
_LARGER: Final = {Fault.SHAPES: 10, Fault.CHANNELS: 4}


@dataclass(frozen=True)
class ReadableVideo:
    """A video of the catalogue that a job is going to read."""

    video: Video
    path: Path  # its file, or a mended copy of that
    info: MediaInfo  # of ``path``
    content: SourceContent  # what it is by


def open_video(bench: Workbench, video_id: str) -> ReadableVideo:
    """The video of this id, its file and that file's facts.

    Returns:
        All three; the file is a mended copy where the times or colours of the original lie.

    Raises:
        UnknownVideo, InputError: it cannot be used.
        ChangedMeanwhile: it was replaced while it was mended.
        FfmpegFailed, ProcessStalled, DiskFull: it could not be mended.
    """
    with session() as opened:
        video = searching.usable_video(opened, video_id, bench.root)
    path = bench.source(video)
    bench.report.line(f"input: {video.path}")
    path, info = readable(bench, video, path)
    return ReadableVideo(video, path, info, bench.content(video, path, info.video.number))


def readable(
    bench: Workbench, video: Video, source: Path, read: ReadPackets = read_for_faults
) -> tuple[Path, MediaInfo]:
    """The file to read for a record, and its facts. A mended one stays in the chunk store while the run may need it.

    Args:
        bench: what to work with.
        video: the record.
        source: its file.
        read: reads a file through, where that is needed to find out what is wrong with it.

    Returns:
        ``source`` or a mended copy of it, and that file's facts.

    Raises:
        InputError: it cannot be used.
        ChangedMeanwhile: it was replaced while it was mended.
        FfmpegFailed, ProcessStalled, DiskFull: it could not be mended.
        And what ``read`` raises.
    """
    info = probe(source)
    fault = _fault(bench, video, source, info, read) if suspect(info) else None
    return (source, info) if fault is None else _mended(bench, video, source, info, fault)


def _mended(bench: Workbench, video: Video, source: Path, info: MediaInfo, fault: Fault) -> tuple[Path, MediaInfo]:
    """The mended copy of a file, made now or found, and its facts; errors as of ``readable``."""
    bench.report.line(f"{video.path} is read from a mended copy: {fault.value}")
    content, build = bench.content(video, source, info.video.number), version(bench.transcoder.ffmpeg)
    key = recipe("mended", [content], build=build, fault=fault.name, way=_VERSION)
    store = Store(bench.root)
    store.claim(f"{key}-{bench.run_id or 'script'}", bench.run_id, [key])

    def mend(target: Path) -> dict[str, Any]:
        bench.disk.require(info.size * _LARGER.get(fault, 1))
        mended(bench.transcoder, (source, info), fault, target, bench.report)
        require_unchanged(bench.root, key)  # another file, mended, would stand for this one
        stat = source.stat()
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # so that what was made of it before (0.3) is found
        return {"fault": fault.value}

    path = ChunkMaker(store, bench.report).find_or_make(key, mend).path
    require_unchanged(bench.root, key)  # another run may have mended for hours; the caller names what is there now
    return path, replace(probe(path), left_out=info.left_out, title=info.title)


def _fault(bench: Workbench, video: Video, source: Path, info: MediaInfo, read: ReadPackets) -> Fault | None:
    """What is to be mended; it is found out once for a file as it is now."""
    way = analysis_cache.of_track(_VERSION, info)
    stored = analysis_cache.stored(bench, video, source, _FAULT, way)
    if stored is None:
        state, content = FileState.of(source), bench.content(video, source, track=0)
        fault = fault_of(source, info, read)
        state.require(source, video.path)
        analysis_cache.store(video, content, _FAULT, way, b"" if fault is None else fault.name.encode())
        return fault
    return Fault[stored.decode()] if stored else None


def boxed_later(bench: Workbench, video: Video, source: Path) -> tuple[Path, MediaInfo]:
    """``readable`` for a file of which only a look at all its keyframes showed that its frames change their shape."""
    info = probe(source)
    way, content = analysis_cache.of_track(_VERSION, info), bench.content(video, source, track=0)
    analysis_cache.store(video, content, _FAULT, way, Fault.SHAPES.name.encode())
    return _mended(bench, video, source, info, Fault.SHAPES)  # whether or not its kind is ``suspect``


@contextmanager
def briefly_readable(transcoder: Transcoder, source: Path, info: MediaInfo) -> Iterator[tuple[Path, MediaInfo, str]]:
    """The file to read for one that is in no library.

    Yields:
        The file, its facts and what was wrong with it; a mended copy goes when the block ends.

    Raises:
        InputError: it cannot be used.
        FfmpegFailed, ProcessStalled, DiskFull: it could not be mended.
    """
    fault = fault_of(source, info) if suspect(info) else None
    if fault is None:
        yield source, info, ""
        return
    disk_of(Path(tempfile.gettempdir())).require(info.size)
    with tempfile.TemporaryDirectory(prefix="reelmill-") as folder:
        target = Path(folder) / "mended"
        yield target, mended(transcoder, (source, info), fault, target, NullReport()), fault.value
