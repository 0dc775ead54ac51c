"""Perceptual hashes of the library's videos: computed once, kept in the catalogue, and again when a file changes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from reelmill.analysis.similarity.perceptual_hash import ALGORITHM, Hashes, hash_video
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import findings
from reelmill.catalogue.models import PerceptualHashes
from reelmill.errors import ChangedMeanwhile, FileMissing, InputError, OutsideMediaRoot
from reelmill.operations.context import Workbench, local_media_root
from reelmill.operations.remote_task import RemoteTask
from reelmill.parallel import FanOut, in_threads
from reelmill.storage.content_id import content_id
from reelmill.storage.file_state import read_steady
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import plural

#: Seconds of video that are worth a task of their own; shorter ones share one.
_BATCH_SECONDS: Final = 600
_DTYPE: Final = "<u8"


class HashedVideo(Protocol):
    """What is asked of a video whose hashes are wanted: a record is one."""

    @property
    def id(self) -> uuid.UUID:
        """Of its record."""

    @property
    def path(self) -> str:
        """Relative to the media root."""

    @property
    def size(self) -> int:
        """Bytes, when it was scanned."""

    @property
    def mtime_ns(self) -> int:
        """When it had been written then."""

    @property
    def content_id(self) -> str | None:
        """Of what it held then."""

    @property
    def duration(self) -> float | None:
        """Seconds."""


@dataclass(frozen=True)
class FileHashes:
    """The perceptual hashes of one file; small enough to come from another node."""

    video_id: uuid.UUID
    size: int  # bytes, of the file when it was read
    mtime_ns: int
    hashes: Hashes | None  # None: it could not be read
    content_id: str | None = None  # of the file; likewise
    error: str | None = None


@dataclass(frozen=True)
class HashTask:
    """One file to be hashed."""

    video_id: uuid.UUID
    path: str  # relative to the media root


Batch = tuple[HashTask, ...]


def hash_batch(root: MediaRoot, batch: Batch) -> list[FileHashes]:
    """Decode and hash each file of a batch; of one that cannot be read the reason is returned."""
    return [_hash_file(root.resolve(task.path), task.video_id) for task in batch]


def _hash_file(path: Path, video_id: uuid.UUID) -> FileHashes:
    try:
        state, (content, hashes) = read_steady(path, partial(_content_and_hashes, path), path.name)
    except FileMissing:
        return FileHashes(video_id, 0, 0, None, error="it is not there any more")
    except (InputError, ChangedMeanwhile) as error:
        return FileHashes(video_id, 0, 0, None, error=str(error))
    return FileHashes(video_id, state.size, state.mtime_ns, hashes, content)


def _content_and_hashes(path: Path) -> tuple[str, Hashes]:
    return content_id(path), hash_video(path)


def batches(tasks: Sequence[tuple[HashTask, float]]) -> list[Batch]:
    """Split files, given with their seconds, into batches of about ten minutes (pure)."""
    result: list[Batch] = []
    batch: list[HashTask] = []
    length = 0.0
    for task, seconds in tasks:
        batch.append(task)
        length += seconds
        if length >= _BATCH_SECONDS:
            result.append(tuple(batch))
            batch, length = [], 0.0
    return [*result, tuple(batch)] if batch else result


def perceptual_hashes(
    bench: Workbench, videos: Sequence[HashedVideo], *, fan_out: FanOut = in_threads
) -> tuple[dict[uuid.UUID, Hashes], dict[uuid.UUID, str]]:
    """The perceptual hashes of videos, those of unchanged files from the catalogue.

    Each is kept as soon as its batch is done, so a run that is killed goes on where it was.

    Args:
        bench: what to work with.
        videos: whose; not more than a few thousand at once.
        fan_out: hashes what is missing, here or on other nodes.

    Returns:
        The hashes by the id of the video; and why the others have none.

    Raises:
        NotMounted: the whole library is away.
    """
    bench.root.require()
    found: dict[uuid.UUID, Hashes] = {}
    failed: dict[uuid.UUID, str] = {}
    missing: list[tuple[HashTask, float]] = []
    with session() as opened:
        kept = findings.perceptual_hashes(opened, ALGORITHM, [video.id for video in videos])
        contents = [video.content_id for video in videos if video.id not in kept and video.content_id is not None]
        by_content = findings.perceptual_hashes_of_contents(opened, ALGORITHM, contents)
    for video in videos:
        try:
            path = bench.root.resolve(video.path)
        except OutsideMediaRoot as error:
            failed[video.id] = str(error)
            continue
        known = _known(kept, by_content, video, path)
        if known is not None:
            found[video.id] = np.frombuffer(known.hashes, _DTYPE).astype(np.uint64)
        else:
            missing.append((HashTask(video.id, video.path), video.duration or 0.0))
    if missing:
        bench.report.line(f"perceptual hashes: {len(found)} kept, {len(missing)} to compute")
    count = 0

    def on_result(batch: Sequence[FileHashes]) -> None:
        nonlocal count
        _store(batch)
        count += len(batch)
        bench.report.progress(0.95 * count / len(missing), f"{count} of {plural(len(missing), 'video')} hashed")

    for batch in fan_out(RemoteTask(hash_batch, bench.root, local_media_root), batches(missing), on_result):
        for file in batch:
            if file.hashes is None:
                failed[file.video_id] = file.error or ""
            else:
                found[file.video_id] = file.hashes
    return found, failed


def _known(
    kept: Mapping[uuid.UUID, PerceptualHashes],
    by_content: Mapping[str, PerceptualHashes],
    video: HashedVideo,
    path: Path,
) -> PerceptualHashes | None:
    """The hashes of what a file holds now, which is read only where it is not of the time it was scanned at."""
    try:
        stat = path.stat()
        as_scanned = (stat.st_size, stat.st_mtime_ns) == (video.size, video.mtime_ns)
        content = video.content_id if as_scanned else content_id(path)
    except OSError:  # whoever reads it reports that
        return None
    own = kept.get(video.id)
    if own is not None and None not in (own.content_id, content):
        own = own if own.content_id == content else None
    elif own is not None and (stat.st_size, stat.st_mtime_ns) != (own.size, own.mtime_ns):
        own = None
    return own or by_content.get(content or "")


def _store(batch: Sequence[FileHashes]) -> None:
    with session() as opened:
        for file in batch:
            if file.hashes is not None:
                findings.store_perceptual_hashes(
                    opened,
                    PerceptualHashes(
                        video_id=file.video_id,
                        algorithm=ALGORITHM,
                        content_id=file.content_id,
                        size=file.size,
                        mtime_ns=file.mtime_ns,
                        seconds=len(file.hashes),
                        hashes=file.hashes.astype(_DTYPE).tobytes(),
                    ),
                )
