"""Move: an original of the library goes to another directory type, and its record with it."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.catalogue.videos.naming import resolve_video
from reelmill.errors import (
    CapabilityError,
    ChangedMeanwhile,
    DiskFull,
    FileMissing,
    OutputRejected,
    WrongParameter,
)
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.operations.context import Workbench
from reelmill.operations.publishing.move_journal import Move, finish, identity, switched
from reelmill.operations.publishing.workspace import workspace
from reelmill.operations.recipe import digest as digest_of
from reelmill.operations.result_card import ResultCard
from reelmill.report import Share
from reelmill.storage.atomic_files import fsync, make_folder
from reelmill.storage.disk import disk_of
from reelmill.storage.file_copy import copy, digest
from reelmill.storage.media_root import OUTPUT_TYPES, MediaRoot
from reelmill.troubles import Flaw
from reelmill.wording import in_bytes, in_seconds

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


class MoveResult(BaseModel):
    """Where the file is now."""

    model_config = ConfigDict(frozen=True)

    video_id: uuid.UUID  # the same as before
    path: str  # relative to the media root
    previous: str  # where this job found it
    moved: bool  # False: it was there already, or another job had just moved it
    copied: bool  # across file systems, rather than renamed
    size: int  # bytes
    seconds: float  # wall time of this run

    def result_card(self) -> ResultCard:
        """The result for people."""
        if not self.moved:
            return ResultCard(f"{self.path} was there already: nothing was moved", (("size", in_bytes(self.size)),))
        how = "copied to another file system, compared, then removed" if self.copied else "renamed"
        return ResultCard(
            title=f"{self.previous} is {self.path} now",
            rows=(("how", how), ("size", in_bytes(self.size)), ("time", in_seconds(self.seconds))),
        )


def plan(root: MediaRoot, path: str, directory_type: str, directory_types: Sequence[str]) -> str | None:
    """Where a file is to go, relative to the root; None where it is there already (pure).

    It keeps its name and the folders it lies in below its directory type.

    Args:
        root: the media root.
        path: of the file, relative to the root.
        directory_type: where to.
        directory_types: those it may go to.

    Returns:
        The path relative to the root.

    Raises:
        WrongParameter: there is no such directory type, or what is made by jobs is to move, or to be mixed with
            originals.
    """
    if directory_type in OUTPUT_TYPES:
        reason = f"{directory_type} is for what Reelmill makes itself; no video is moved there."
        raise WrongParameter(reason, "directory_type", directory_type)
    if directory_type not in directory_types:
        names = ", ".join(sorted(directory_types))
        reason = f"{directory_type!r} is not a directory type of this site; it has {names}."
        raise WrongParameter(reason, "directory_type", directory_type)
    now = root.directory_type(path)
    if now in OUTPUT_TYPES:
        reason = f"{path} was made by Reelmill and stays in {now}; only originals are moved."
        raise WrongParameter(reason, "video_id", path)
    if now == directory_type:
        return None
    below = (root.path / path).relative_to(root.folder(now))
    return root.relative(root.folder(directory_type) / below)


def move_to_library(
    bench: Workbench, video_id: str, directory_type: str, *, directory_types: Sequence[str]
) -> MoveResult:
    """Move a video's file to another directory type; its id stays, and with it all that points at it.

    On one file system that is a rename; across two, a copy that is compared before the original goes. A name that is
    taken gets a count. What was made of the video is still found as made. Only originals are moved: what jobs made into
    ``playback``, ``compilations`` and ``digests`` stays there, and nothing else goes there. An invalid video may be
    moved like any other.

    Args:
        bench: what to work with.
        video_id: which video.
        directory_type: where to.
        directory_types: those of the site.

    Returns:
        Where the file is now.

    Raises:
        UnknownVideo, UserError: what was asked for makes no sense.
        FileMissing: the file is gone.
        CapabilityError: this user may not write there.
        DiskFull, NotMounted: the target's disk has no room, or is away.
        WorkError, OutputRejected: the file changed meanwhile, or the copy is not the same; nothing was moved.
    """
    started = time.monotonic()
    with session() as opened:
        video = resolve_video(opened, video_id, bench.root)
    plan(bench.root, video.path, directory_type, directory_types)
    bench.root.require()
    with workspace(bench.root, digest_of("move_to_library", [{"id": str(video.id)}], {}), bench.report) as folder:
        with session() as opened:
            video = searching.get_video(opened, video.id)  # as whoever was here before us left it
        source = _source(bench, video)
        wanted = plan(bench.root, video.path, directory_type, directory_types)
        bench.report.line(f"input: {video.path}, {source.stat().st_size} bytes")
        move = None if wanted is None else _move(bench, folder, video, wanted)
    path = video.path if move is None else move.target
    bench.report.line(f"output: {path}" + ("; it was there already" if move is None else ""))
    bench.report.progress(1.0, "done")
    return MoveResult(
        video_id=video.id,
        path=path,
        previous=video.path,
        moved=move is not None,
        copied=move is not None and move.staged is not None,
        size=(bench.root.path / path).stat().st_size,
        seconds=time.monotonic() - started,
    )


def _source(bench: Workbench, video: Video) -> Path:
    bench.source(video)
    path = bench.root.path / video.path
    if path.is_symlink():
        reason = f"{video.path} is a link, not a file; move what it leads to instead."
        raise WrongParameter(reason, "video_id", video.path)
    return path


def _move(bench: Workbench, folder: Path, video: Video, wanted: str) -> Move:
    root, source = bench.root, bench.root.path / video.path
    parent = root.resolve((root.path / wanted).parent)  # not through a link out of the root
    with _in_words(video.path, wanted):
        make_folder(parent)
        before = identity(source)
        if before is None:
            raise FileNotFoundError(errno.ENOENT, "gone", str(source))
        apart = source.parent.stat().st_dev != parent.stat().st_dev
        move = Move(video_id=video.id, source=video.path, target=wanted, before=before, apart=apart)
        try:
            move = switched(root, folder, move, wanted)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            move = switched(root, folder, _copied(bench, folder, move), wanted)
    finish(root, move, bench.report)
    return move


@contextmanager
def _in_words(path: str, wanted: str) -> Iterator[None]:
    folder = PurePosixPath(wanted).parent
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing(f"{path} went away as it was to be moved; scan again.", path, Flaw.ABSENT) from error
    except OSError as error:
        if error.errno not in _FORBIDDEN:
            raise
        raise CapabilityError(
            f"{path} cannot be moved to {folder}: this user may not read it, or not write to one of the two "
            f"folders ({error.strerror}); change their owner or rights.",
            f"rights on {folder}",
        ) from error


def _copied(bench: Workbench, folder: Path, move: Move) -> Move:
    """Copy the source to where it is going, under a name that scans leave out, and compare what both disks hold."""
    root = bench.root
    source = root.path / move.source
    where = PurePosixPath(move.target).parent
    hidden = where / f".reelmill-{uuid.uuid4().hex}.moving"
    move = move.model_copy(update={"staged": str(hidden)})
    move.write(folder)
    staged = root.path / hidden
    if not os.access(source.parent, os.W_OK, effective_ids=True):  # asked now, not after hours of copying
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source.parent))
    bench.report.line(f"{where} is on another file system: copying, comparing, then removing the original")
    disk = disk_of(staged.parent)
    disk.require(move.before.size)
    try:
        copy(source, staged, Share(bench.report, 0.0, 0.5), disk)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFull(
            f"The disk of {where} has no room for the {move.before.size} bytes of {move.source}; nothing was moved.",
            str(where),
            move.before.size,
        ) from error
    fsync(staged.parent)
    same = digest(source, Share(bench.report, 0.5, 0.75)) == digest(staged, Share(bench.report, 0.75, 1.0))
    if identity(source) != move.before:
        reason = f"{move.source} changed while it was being copied; nothing was moved, run the job again."
        raise ChangedMeanwhile(reason, move.source)
    if not same:
        reason = f"The copy of {move.source} in {where} is not the same as the original: check the disks."
        raise OutputRejected(reason, (Finding(FindingKind.OTHER_BYTES),))
    copied = identity(staged)
    assert copied is not None
    return move.model_copy(update={"copied": copied})
