"""Fingerprints of the library's videos: taken once, kept in the catalogue, taken again when the file changes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from reelmill.analysis.fingerprint import ALGORITHM, Hashes, measure
from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Fingerprint, Video
from reelmill.errors import InputError, OutsideMediaRoot
from reelmill.fan_out import FanOut, threads
from reelmill.layout import MediaRoot
from reelmill.operations.travelling import Travelling
from reelmill.operations.workbench import Workbench

#: Seconds of video that are worth a task of their own; shorter ones share one.
_BATCH_SECONDS: Final = 600
_DTYPE: Final = "<u8"


@dataclass(frozen=True)
class Taken:
    """The fingerprint of one file as a worker hands it back: small enough to travel."""

    video_id: uuid.UUID
    size: int  # bytes, of the file when it was read
    mtime_ns: int
    hashes: Hashes | None  # None: it could not be read
    error: str | None = None


@dataclass(frozen=True)
class Wanted:
    """One file to take a fingerprint of."""

    video_id: uuid.UUID
    path: str  # relative to the media root


Batch = tuple[Wanted, ...]


def take(root: MediaRoot, batch: Batch) -> list[Taken]:
    """Decode and hash each file of a batch; one that cannot be read says why instead."""
    return [_take(root.resolve(wanted.path), wanted) for wanted in batch]


def _take(path: Path, wanted: Wanted) -> Taken:
    try:
        stat = path.stat()  # before it is read: a file that changes meanwhile differs the next time
    except FileNotFoundError:
        return Taken(wanted.video_id, 0, 0, None, "it is not there any more")
    try:
        return Taken(wanted.video_id, stat.st_size, stat.st_mtime_ns, measure(path))
    except InputError as error:
        return Taken(wanted.video_id, stat.st_size, stat.st_mtime_ns, None, str(error))


def batches(wanted: Sequence[tuple[Wanted, float]]) -> list[Batch]:
    """Split files, given with their seconds, into batches of about ten minutes (pure)."""
    result: list[Batch] = []
    batch: list[Wanted] = []
    length = 0.0
    for one, seconds in wanted:
        batch.append(one)
        length += seconds
        if length >= _BATCH_SECONDS:
            result.append(tuple(batch))
            batch, length = [], 0.0
    return [*result, tuple(batch)] if batch else result


def fingerprints(
    bench: Workbench, videos: Sequence[Video], *, directory_type: str | None = None, fan_out: FanOut = threads
) -> tuple[dict[uuid.UUID, Hashes], dict[uuid.UUID, str]]:
    """The fingerprints of videos by id, those of unchanged files from the catalogue; and why the others have none.

    Each is kept as soon as its batch is done, so a run that is killed goes on where it was.

    Args:
        bench: what to work with.
        videos: whose.
        directory_type: of all of them, where they have one in common.
        fan_out: takes what is missing, here or elsewhere.

    Raises:
        NotMounted: the whole library is away.
    """
    bench.root.require()
    with session() as opened:
        kept = queries.fingerprints(opened, ALGORITHM, directory_type)
    found: dict[uuid.UUID, Hashes] = {}
    failed: dict[uuid.UUID, str] = {}
    missing: list[tuple[Wanted, float]] = []
    for video in videos:
        try:
            path = bench.root.resolve(video.path)
        except OutsideMediaRoot as error:
            failed[video.id] = str(error)
            continue
        known = kept.get(video.id)
        if known is not None and _unchanged(known, path):
            found[video.id] = np.frombuffer(known.hashes, _DTYPE).astype(np.uint64)
        else:
            missing.append((Wanted(video.id, video.path), video.duration or 0.0))
    bench.report.line(f"{len(found)} fingerprints kept, {len(missing)} to take")
    count = 0

    def done(batch: Sequence[Taken]) -> None:
        nonlocal count
        _keep(batch)
        count += len(batch)
        bench.report.progress(0.95 * count / len(missing), f"{count} of {len(missing)} videos looked at")

    for batch in fan_out(Travelling(take, bench.root), batches(missing), done):
        for taken in batch:
            if taken.hashes is None:
                failed[taken.video_id] = taken.error or ""
            else:
                found[taken.video_id] = taken.hashes
    return found, failed


def _unchanged(known: Fingerprint, path: Path) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (known.size, known.mtime_ns)


def _keep(batch: Sequence[Taken]) -> None:
    with session() as opened:
        for taken in batch:
            if taken.hashes is not None:
                queries.keep_fingerprint(
                    opened,
                    Fingerprint(
                        video_id=taken.video_id,
                        algorithm=ALGORITHM,
                        size=taken.size,
                        mtime_ns=taken.mtime_ns,
                        seconds=len(taken.hashes),
                        hashes=taken.hashes.astype(_DTYPE).tobytes(),
                    ),
                )
