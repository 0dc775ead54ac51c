"""Can a file be placed where it is to go? Found out with an empty one before the hours of work, not after them.

An empty file goes the way of the finished one: from the workspace to a hidden name in the folder of the target, on the
same file system and by the same step. A crash leaves it there; its journal names it, for whoever comes next.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from reelmill.errors import CapabilityError, DiskFull, NameTaken, ReelmillError, WrongParameter
from reelmill.operations.publishing import journal
from reelmill.operations.publishing.journal import Inside
from reelmill.report import Report
from reelmill.storage import atomic_files
from reelmill.storage.file_names import NAME_MAX, UNFIT_NAME, fitting, longest, plain
from reelmill.storage.media_root import MediaRoot

#: The journal's name in a workspace.
NAME: Final = "probe.json"

#: What the names of probes begin with; scans leave them out, since they are hidden.
PREFIX: Final = ".reelmill-probe-"

_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Probe(journal.Journal):
    """An empty file that is in the library for a moment."""

    path: Inside  # relative to the media root


class Destination(NamedTuple):
    """Where a product is to go."""

    path: str  # relative to the media root
    exact: bool = False  # a person asked for it: it is not varied where it is taken or cannot be spelt


def require_place(root: MediaRoot, folder: Path, to: Destination) -> None:
    """Refuse work whose product could not be placed.

    Args:
        root: the media root.
        folder: the attempt's own, see ``workspace``.
        to: where its product is to go.

    Raises:
        NameTaken: something is there, and the path is exact.
        WrongParameter: the file system cannot hold the name, and the path is exact.
        CapabilityError: the folder is on another file system than the workspace, or this user may not write there.
        DiskFull: there is no room for one more file.
        OSError: the disk does not answer.
    """
    wanted = PurePosixPath(to.path)
    if to.exact and os.path.lexists(root.path / wanted):
        raise NameTaken(f"{wanted} is already there and is never overwritten; choose another output path.", to.path)
    there = _nearest(root, wanted.parent)
    name = wanted.name if to.exact else fitting(wanted.stem, wanted.suffix, longest(root.path / there))
    with _in_words(root, wanted.parent):
        try:
            _try(root, folder, there / _probe_name(name, folder.name))
        except OSError as error:
            if error.errno not in UNFIT_NAME:
                raise
            if to.exact:
                reason = f"The file system of {wanted.parent} cannot hold the name {name!r}; give another output path."
                raise WrongParameter(reason, "target", to.path) from error
            _try(root, folder, there / _probe_name(plain(name), folder.name))


def _nearest(root: MediaRoot, folder: PurePosixPath) -> PurePosixPath:
    """The folder, or the nearest above it that is there: what is made in it is on the same file system."""
    while not (root.path / folder).is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _probe_name(name: str, attempt: str) -> str:
    """A hidden name that is as long as ``name``, where that is long, and has its rare characters (pure)."""
    rare = "".join(sorted({letter for letter in name if letter not in plain(letter)}))
    room = min(NAME_MAX, max(len(name.encode()), len(PREFIX) + 40))
    return fitting(f"{PREFIX}{attempt[:8]}{rare}{PurePosixPath(name).stem}", PurePosixPath(name).suffix, room)


def _try(root: MediaRoot, folder: Path, probe: PurePosixPath) -> None:
    staged, final = folder / "probe", root.path / probe
    atomic_files.write(folder / NAME, Probe(path=str(probe)).model_dump_json())
    try:
        staged.touch()
        atomic_files.place(staged, final)
    finally:
        staged.unlink(missing_ok=True)
        _remove(final)
        (folder / NAME).unlink()


def _remove(final: Path) -> None:
    try:
        atomic_files.drop_reservation(final)
    except OSError as error:
        if error.errno not in UNFIT_NAME:
            raise


@contextmanager
def _in_words(root: MediaRoot, folder: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        known = _known(root, folder, error)
        if known is None:
            raise
        raise known from error


def _known(root: MediaRoot, folder: PurePosixPath, error: OSError) -> ReelmillError | None:
    if error.errno == errno.EXDEV:
        return CapabilityError(
            f"{folder} is on another file system, or another mount, than the work folder {root.work}, so that nothing "
            f"finished can be placed there in one step; mount the whole media root {root.path} as one.",
            f"one mount for {folder}",
        )
    if error.errno in _FORBIDDEN:
        return CapabilityError(
            f"Nothing can be placed in {folder} ({error.strerror}): mount it for writing, or give the user Reelmill "
            "runs as the right to write there.",
            f"rights on {folder}",
        )
    if error.errno in _FULL:
        return DiskFull(f"{folder} has no room for one more file ({error.strerror}); free some space.", str(folder))
    return None


def settle(root: MediaRoot, folder: Path, _: Report) -> None:
    """Remove the probe that a killed run left in the library.

    Raises:
        InputError: the journal cannot be read.
    """
    probe = journal.read(folder / NAME, Probe)
    if PurePosixPath(probe.path).name.startswith(PREFIX):
        _remove(root.path / probe.path)
