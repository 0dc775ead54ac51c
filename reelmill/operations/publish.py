"""The only door into the library: a finished file is verified, placed without ever overwriting, then recorded.

Steps, and what a crash after each leaves behind:

    1. verify            the workspace only; thrown away
    2. fsync the file    the same
    3. write the intent  the same: nothing is in the library yet
    4. link into place   the file is in the library, the intent names it: ``settle`` records it
    5. fsync the folder  the same
    6. catalogue record  complete
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from reelmill.ffmpeg.verify import Expectation, verify
from reelmill.layout import MediaRoot
from reelmill.operations.records import describe, new_record
from reelmill.operations.workbench import Workbench
from reelmill.operations.workspace import fsync
from reelmill.report import Report

_INTENT: Final = "intent.json"
_NAME_MAX: Final = 255  # bytes of one file name
_RENAME_NOREPLACE: Final = 1
_AT_FDCWD: Final = -100
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Product:
    """What is to enter the library."""

    path: str  # wanted, relative to the media root; taken names get a suffix
    recipe: str
    expected: Expectation
    title: str
    source_video_id: uuid.UUID | None = None
    details: dict[str, Any] | None = None  # kept with the record, for a later run that finds it made
    exact: bool = False  # the path was asked for by a person: no suffix, a clash is an error


def existing(bench: Workbench, recipe: str) -> Video | None:
    """What an earlier run made by this recipe, if it is still there as it was."""
    with session() as opened:
        video = queries.by_recipe(opened, recipe)
        if video is None:
            return None
        path = bench.root.path / video.path
        if path.is_file() and (path.stat().st_size, path.stat().st_mtime_ns) == (video.size, video.mtime_ns):
            bench.report.line(f"output: {video.path} was made before and is still good")
            return video
        # Somebody removed or replaced it: its record stays, what it says of how it was made no longer holds.
        video.recipe = None
        opened.add(video)
    return None


def publish(bench: Workbench, staged: Path, product: Product) -> Video:
    """Take ``staged``, a finished video in a workspace, into the library.

    Raises:
        OutputRejected: it is not what it should be; nothing entered the library.
        UserError: ``exact`` and the path is taken.
    """
    info = verify(staged, product.expected)
    fsync(staged)
    for relative in _candidates(product):
        folder, _, name = relative.rpartition("/")
        final = bench.root.resolve(folder) / name  # not the name itself: a link there is a name that is taken
        if final.exists():
            continue
        final.parent.mkdir(parents=True, exist_ok=True)
        video = new_record(relative, bench.root.directory_type(relative), staged.stat())
        describe(video, info)
        video.title, video.recipe = product.title, product.recipe
        video.source_video_id, video.made_by = product.source_video_id, bench.run_id
        video.details = product.details
        _write_intent(staged, video)
        if place(staged, final):
            return _record(bench.root, video)
    raise UserError(f"{product.path} is already there and is never overwritten; choose another output path.")


def place(staged: Path, final: Path) -> bool:
    """Give ``staged`` its final name in one step; False, and nothing done, where that name is taken."""
    try:
        os.link(staged, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if not _rename_noreplace(staged, final):  # a file system without hard links
            return False
    fsync(final.parent)
    return True


def _rename_noreplace(staged: Path, final: Path) -> bool:
    result = _libc.renameat2(_AT_FDCWD, os.fsencode(staged), _AT_FDCWD, os.fsencode(final), _RENAME_NOREPLACE)
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    raise OSError(code, os.strerror(code), os.fspath(final))


def _candidates(product: Product) -> Iterator[str]:
    """The wanted path, then with the recipe as a suffix, then counted; each short enough for a file system."""
    wanted = PurePosixPath(product.path)
    yield str(wanted.with_name(fitting(wanted.stem, wanted.suffix)))
    if product.exact:
        return
    for count in range(1, 100):
        mark = f"-{product.recipe[:8]}" + (f"-{count}" if count > 1 else "")
        yield str(wanted.with_name(fitting(wanted.stem, mark + wanted.suffix)))


def fitting(stem: str, ending: str) -> str:
    """``stem + ending`` with the stem cut, at a character, to what one file name may hold (255 bytes)."""
    room = _NAME_MAX - len(ending.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + ending


def _write_intent(staged: Path, video: Video) -> None:
    stat = staged.stat()
    intent = {"inode": stat.st_ino, "video": video.model_dump(mode="json")}
    new = staged.with_name(f"{_INTENT}.new")
    new.write_text(json.dumps(intent))
    fsync(new)
    new.rename(staged.with_name(_INTENT))
    fsync(staged.parent)


def _record(root: MediaRoot, video: Video) -> Video:
    try:
        with session() as opened:
            stale = queries.by_path(opened, video.path)
            if stale is not None:  # a record of a file that has since vanished from this path
                video.id = stale.id
            return opened.merge(video)
    except IntegrityError:
        # Our lock was lost and another run recorded the same work first: ours is the copy nobody needs.
        with session() as opened:
            first = queries.by_recipe(opened, video.recipe or "")
        if first is None:
            raise
        (root.path / video.path).unlink()
        return first


def settle(root: MediaRoot, folder: Path, report: Report) -> None:
    """Finish or undo what a killed run left in a workspace, then remove the workspace."""
    intent_file = folder / _INTENT
    if intent_file.exists():
        intent = json.loads(intent_file.read_text())
        video = Video.model_validate(intent["video"])
        if _in_place(root.path / video.path, intent["inode"], video):
            with session() as opened:
                recorded = queries.by_recipe(opened, video.recipe or "") is not None
            if not recorded:
                _record(root, video)
                report.line(f"recovered: {video.path} was complete and is now in the catalogue")
    if folder.exists():
        shutil.rmtree(folder)


def _in_place(final: Path, inode: int, video: Video) -> bool:
    try:
        stat = final.stat()
    except FileNotFoundError:
        return False
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) == (inode, video.size, video.mtime_ns)


def output_path(root: MediaRoot, written: str) -> str:
    """A path a person asked an output to be written to, checked and relative to the root.

    Raises:
        OutsideMediaRoot, UserError: out of the root, in no library folder, or not an mp4.
    """
    relative: Any = root.resolve(written).relative_to(root.path.resolve()).as_posix()
    if not relative.lower().endswith(".mp4"):
        raise UserError(f"The output path {written!r} must end in .mp4: that is what Reelmill writes.")
    root.directory_type(relative)
    return str(relative)
