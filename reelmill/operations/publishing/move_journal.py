"""What a move is about to do, written down first, so that whoever comes after its death can finish or undo it.

Steps, and what a crash after each leaves behind:

    1. write the journal    nothing has happened
    2. copy, compare        only where source and target are on two file systems: the source, and a hidden copy that
                            no scan takes for a video; the copy is removed
    3. rename into place    the record still names the source: it is switched, and then as after 4
    4. switch the record    complete, but for a source that was copied: it is removed
    5. remove the source    complete

Every lock can be lost, so the run itself, its recovery and a second recovery may be at one journal at once. Therefore
recovery goes forward or leaves things as they are: it never removes what is in its place at the target. What it does
remove, a source that was copied and a hidden copy, it removes while it holds the row of the video, and only where the
record names the other file and that file is there. A video that the catalogue does not know is another's matter.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from reelmill import guard
from reelmill.catalogue.engine import session
from reelmill.catalogue.limits import unfit
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import merging, searching
from reelmill.errors import (
    CapabilityError,
    ChangedMeanwhile,
    NotMounted,
    UnknownVideo,
    Unstorable,
    UserError,
)
from reelmill.operations.ownership import require_ours
from reelmill.operations.publishing import journal
from reelmill.operations.publishing.journal import Inside
from reelmill.report import Report
from reelmill.storage import atomic_files
from reelmill.storage.file_names import fitting, longest
from reelmill.storage.media_root import MediaRoot

#: The journal's name in a workspace.
NAME: Final = "move.json"

_NAMES: Final = 100  # tried before giving up


class Identity(BaseModel):
    """What distinguishes a file from another of the same name."""

    model_config = ConfigDict(frozen=True)

    inode: int
    size: int  # bytes
    mtime_ns: int  # nanoseconds since 1970


def identity(path: Path) -> Identity | None:
    """Of the file at ``path``, links not followed; None where nothing is."""
    try:
        stat = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Identity(inode=stat.st_ino, size=stat.st_size, mtime_ns=stat.st_mtime_ns)


class Move(journal.Journal):
    """One move; paths are relative to the media root."""

    video_id: uuid.UUID
    source: Inside
    target: Inside
    before: Identity  # of the source
    staged: Inside | None = None  # the hidden copy beside the target; None: the source itself is renamed
    copied: Identity | None = None  # of the copy, once it was compared
    apart: bool = False  # source and target were on two file systems

    @property
    def result(self) -> Identity | None:
        """What is at the target once it is in place; None while that is not settled."""
        return self.before if self.staged is None else self.copied

    def write(self, folder: Path) -> None:
        """Keep it in a workspace."""
        atomic_files.write(folder / NAME, self.model_dump_json())


def switched(root: MediaRoot, folder: Path, move: Move, wanted: str) -> Move:
    """Give the file its new name, ``wanted`` or with a count, and its record the same.

    Returns:
        The move as it went.

    Raises:
        Unstorable: the catalogue cannot hold the new path.
        UserError: every name is taken.
        WorkError: the source changed since it was copied, or the record did.
        OSError: with ``EXDEV`` where only a copy can get there.
    """
    for target in _candidates(wanted, longest((root.path / wanted).parent)):
        if os.path.lexists(root.path / target):
            continue
        reason = unfit(target, move.before.mtime_ns)
        if reason is not None:
            raise Unstorable(reason, target)
        require_ours(root)
        attempt = move.model_copy(update={"target": target})
        attempt.write(folder)
        try:
            _switch(root, attempt, lambda attempt=attempt: _rename(root, attempt))  # type: ignore[misc]
        except FileExistsError:
            continue
        return attempt
    raise UserError(f"{wanted} and {_NAMES - 1} names like it are taken; rename some of them.")


def _candidates(wanted: str, room: int) -> Iterator[str]:
    path = PurePosixPath(wanted)
    for count in range(1, _NAMES + 1):
        mark = f"-{count}" if count > 1 else ""
        yield str(path.with_name(fitting(path.stem, mark + path.suffix, room)))


def _rename(root: MediaRoot, move: Move) -> None:
    source = root.path / move.source
    if move.staged is not None and identity(source) not in (move.before, None):
        reason = f"{move.source} changed while it was being copied; nothing was moved, run the job again."
        raise ChangedMeanwhile(reason, move.source)
    if not atomic_files.rename(root.path / (move.staged or move.source), root.path / move.target):
        raise FileExistsError(move.target)


def _switch(root: MediaRoot, move: Move, act: Callable[[], None]) -> None:
    """Switch the record in one transaction with ``act``, which puts the file there.

    A scan that sees the file there before the record is switched waits for the transaction, and then refreshes this
    record rather than make another: paths are unique.

    Raises:
        FileExistsError: the path is another video's, in the catalogue or on the disk.
        IntegrityError: the catalogue refuses the record, again and again.
    """
    for last in (False, False, True):
        guard.confirm()  # before rows are held: it may wait for the database
        try:
            with session() as opened:
                _rewrite(opened, root, move)
                act()
            return
        except IntegrityError:  # a scan recorded the path as we looked: with the next look we see what it wrote
            if last:
                raise


def _rewrite(opened: Session, root: MediaRoot, move: Move) -> None:
    video = opened.get(Video, move.video_id, with_for_update=True)
    if video is None or video.path != move.source:
        reason = f"The record of {move.source} changed while it was being moved; run the job again."
        raise ChangedMeanwhile(reason, move.source)
    result = move.result
    assert result is not None
    other = searching.by_path(opened, move.target)
    if other is not None:
        # A scan saw our file there after a crash, or long ago. A record of another file keeps its path.
        same = (other.size, other.mtime_ns) == (result.size, result.mtime_ns)
        if not same and identity(root.path / move.target) != result:
            raise FileExistsError(move.target)
        merging.absorb(opened, video, other)
    if (video.size, video.mtime_ns) == (move.before.size, move.before.mtime_ns):
        # Else it changed since it was last opened, and the next scan must still see that.
        video.mtime_ns = result.mtime_ns
    video.path, video.filename = move.target, PurePosixPath(move.target).name
    video.directory_type = root.directory_type(move.target)
    video.missing_since, video.updated_at = None, utc_now()
    opened.add(video)
    opened.flush()


def finish(root: MediaRoot, move: Move, report: Report) -> None:
    """Remove what is left of the source, once the record is switched: the file, and a record that a scan made of it.

    Raises:
        CapabilityError: this user may not remove it; both files stay until the next try.
        NotMounted: the target cannot be seen, so the source is not touched.
    """
    if not _source_gone(root, move):
        report.line(f"{move.source} is not the file that was moved; it stays, and the next scan takes it")
        return
    with session() as opened:
        video, other = opened.get(Video, move.video_id), searching.by_path(opened, move.source)
        same = other is not None and (other.size, other.mtime_ns) == (move.before.size, move.before.mtime_ns)
        if video is not None and video.path == move.target and other is not None and same:
            merging.absorb(opened, video, other)


def _source_gone(root: MediaRoot, move: Move) -> bool:
    """Remove the source where it is what was moved.

    All of it while the row of the video is held: nobody can make its record name the source meanwhile.

    Returns:
        Whether nothing is there now.

    Raises:
        NotMounted: the disk of the target is away.
    """
    source, target = root.path / move.source, root.path / move.target
    require_ours(root)
    guard.confirm()  # before the row is held: it may wait for the database
    with session() as opened:
        video = opened.get(Video, move.video_id, with_for_update=True)
        left = identity(source)
        if left is None or left != move.before or video is None or video.path != move.target:
            return left is None
        there = identity(target)
        if there is None:
            reason = f"{move.target} is not there, so {move.source} stays; is every disk mounted?"
            raise NotMounted(reason, move.target)
        # Not copied, it can only be another name of the same file: a disk without a rename that replaces nothing.
        if there != move.result or (move.staged is None and not source.samefile(target)):
            return False
        _remove(source, move)
        return True


def _remove(source: Path, move: Move) -> None:
    guard.check()
    try:
        source.unlink(missing_ok=True)
    except OSError as error:
        raise CapabilityError(
            f"{move.source} is in the library as {move.target} now, but the old file cannot be removed "
            f"({error.strerror}); give this machine the right to, and run the job again."
        ) from error
    atomic_files.fsync(source.parent)


def read(folder: Path) -> Move:
    """What a run wrote down in its workspace.

    Returns:
        The move.

    Raises:
        InputError: the journal cannot be read.
    """
    return journal.read(folder / NAME, Move)


def settle(root: MediaRoot, folder: Path, report: Report) -> None:
    """Finish a move that a killed run left half done, where it can be; one good copy is reachable at every moment.

    Raises:
        InputError: the journal cannot be read.
        UnknownVideo: the catalogue knows no such video, so nothing of it is touched.
        NotMounted: one of the two disks is not there, or the file that the record names.
        CapabilityError: the source cannot be removed.
        WorkError: another run is at the same move just now.
    """
    move = read(folder)
    if move.apart and _device((root.path / move.source).parent) == _device((root.path / move.target).parent):
        reason = f"The move of {move.source} to {move.target} is unfinished and a disk of it not mounted."
        raise NotMounted(reason, move.target)
    with session() as opened:
        video = opened.get(Video, move.video_id)
    if video is None:
        raise _unknown(root, folder, move)
    at = video.path
    if at == move.source:
        forward = _forward(root, folder, move)
        if forward is not None:
            report.line(f"recovered: {move.source} is {forward.target} now")
            move, at = forward, forward.target
    if at == move.target:
        finish(root, move, report)
    elif atomic_files.drop_reservation(root.path / move.target):
        report.line(f"{move.target} was only reserved; {move.source} is where it was")
    elif move.copied is not None and identity(root.path / move.target) == move.copied:
        report.line(f"{move.target} is a copy of {move.source} as it was before; it stays, and the next scan takes it")
    if move.staged is not None:
        _drop(root, move, move.staged)


def _unknown(root: MediaRoot, folder: Path, move: Move) -> UnknownVideo:
    names = [name for name in (move.source, move.target, move.staged) if name and os.path.lexists(root.path / name)]
    return UnknownVideo(
        f"The catalogue knows no video {move.video_id}, which was to move from {move.source} to {move.target}, so "
        f"nothing of it is touched; there is {' and '.join(names) or 'none of its files'}. If no other site uses this "
        f"library, keep what you want of that, and remove the folder {folder}.",
        str(move.video_id),
    )


def _drop(root: MediaRoot, move: Move, staged: str) -> None:
    """Remove the hidden copy, unless it may be all there is.

    Raises:
        NotMounted: the file that the record names is not there.
    """
    with session() as opened:
        video = opened.get(Video, move.video_id, with_for_update=True)
        if video is None or not os.path.lexists(root.path / staged):
            return
        if identity(root.path / video.path) is None:
            raise NotMounted(
                f"{video.path} is not there, so the copy {staged}, maybe a part, stays; is every disk mounted?",
                video.path,
            )
        (root.path / staged).unlink(missing_ok=True)


def _device(folder: Path) -> int:
    """Of the folder, or of what its place is on where it is not there."""
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev


def _forward(root: MediaRoot, folder: Path, move: Move) -> Move | None:
    """Switch the record where the file is in its place, or can only be saved there; None where it is not."""
    if move.result is None:
        return None
    source, target = identity(root.path / move.source), identity(root.path / move.target)
    # Where nothing is left of the source, what is as long and as old as it is what was moved: on exFAT, SMB and FUSE
    # a file has another inode after a restart.
    alike = target is not None and (target.size, target.mtime_ns) == (move.result.size, move.result.mtime_ns)
    if target == move.result or (alike and source is None):
        if move.staged is not None and source not in (move.before, None):
            return None  # the source changed after it was copied: it is what counts
        _switch(root, move, lambda: None)
        return move
    if move.staged is not None and source is None and identity(root.path / move.staged) == move.result:
        return switched(root, folder, move, move.target)  # somebody removed the source: the copy is all there is
    return None
