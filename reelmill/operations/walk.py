"""A walk through a folder of the library: the files a scan may take, and a sentence on each that it may not."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from reelmill.catalogue.limits import BIGINT, takes_plain_names, unfit
from reelmill.errors import FileMissing, WrongParameter
from reelmill.operations.ownership import require_ours
from reelmill.report import printable
from reelmill.storage.file_names import is_spelt
from reelmill.storage.folder_walk import runs
from reelmill.storage.media_root import MediaRoot
from reelmill.storage.mounts import mounts_below
from reelmill.storage.system_folders import SYSTEM_FOLDERS, is_system_folder
from reelmill.troubles import Flaw


class WalkedFile(NamedTuple):
    """One file a walk came across."""

    path: str  # relative to the media root
    size: int
    mtime_ns: int
    ctime_ns: int | None = None  # None: not known


class _Refusal(Exception):
    """Why something is left out; the walk goes on."""


@dataclass
class Walk:
    """One walk; what it left out stands in it once it is over."""

    root: MediaRoot
    extensions: frozenset[str]  # in small letters, without dots
    system_folders: Sequence[str] = SYSTEM_FOLDERS  # patterns of names of folders that are left out
    refused: list[str] = field(default_factory=list)  # a sentence on each file or folder
    unseen: list[str] = field(default_factory=list)  # what may be there as before; paths relative to the root
    left_out: Counter[str] = field(default_factory=Counter)  # how many folders of the system there are, by their name
    _mounts: frozenset[Path] = frozenset()  # when it began

    def files(self, folder: Path) -> Iterator[WalkedFile]:
        """Files below ``folder`` with a wanted extension, hidden ones left out."""
        self._mounts = mounts_below(folder)
        for run in runs([os.fspath(folder)], self._enters, self._leave):
            yield from self._met(run)

    def unmounted(self, folder: Path) -> list[str]:
        """Where disks were that went away since the walk began: what lay there is not missing.

        Args:
            folder: where it began.

        Returns:
            Paths relative to the media root.
        """
        place, real = Path(self._relative(os.fspath(folder))), os.path.realpath(folder)  # it may be a link
        return sorted(str(place / point.relative_to(real)) for point in self._mounts - mounts_below(folder))

    def meets(self, folder: Path, path: str) -> bool:
        """Whether a walk would come across this file now.

        Args:
            folder: where it begins.
            path: of a file below that, which is known, relative to the media root.

        Returns:
            Whether it is there, by a name and in a place that are looked at.

        Raises:
            OSError: its disk does not answer, or this user may not look.
        """
        try:
            *folders, name = (self.root.path / path).relative_to(folder).parts
        except ValueError:
            return False
        if not self._wanted(name) or any(each.startswith(".") for each in (*folders, name)):
            return False
        file = folder
        for between in folders:
            file /= between
            if file.is_symlink():
                return False
        file /= name
        try:
            inside = not file.is_symlink() or file.resolve().is_relative_to(self.root.path.resolve())
            return inside and not stat.S_ISDIR(file.stat().st_mode) and is_spelt(self.root.path, path)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _enters(self, entry: os.DirEntry[str]) -> bool:
        try:
            if entry.name.startswith("."):
                return False
            if is_system_folder(entry.name, self.system_folders):
                self.left_out[entry.name] += 1
                return False
            self._check(entry)
        except OSError as error:
            self._leave(entry.path, error)
            return False
        except _Refusal as refusal:
            self.refused.append(str(refusal))
            return False
        if self._wanted(entry.name):
            self.refused.append(f"{entry.name} is a folder; what is in it was scanned.")
        return True

    def _met(self, run: Sequence[os.DirEntry[str]]) -> Iterator[WalkedFile]:
        """The files among entries of one folder; there may be millions, so that little is done for each."""
        folder = self._relative(run[0].path[: -len(run[0].name)])
        plain, endings = takes_plain_names(folder), self._endings
        for entry in run:
            name = entry.name
            if name[0] == "." or (name[name.rfind(".") :] not in endings and not self._wanted(name)):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    continue
                ascii_name = name.isascii()
                if entry.is_symlink() or not ascii_name:
                    self._check(entry)
                found, path = entry.stat(), folder + name
                mtime_ns = found.st_mtime_ns
                if not (plain and ascii_name and mtime_ns in BIGINT):
                    self._require_fit(path, mtime_ns)
            except FileNotFoundError:  # removed while we walked
                continue
            except OSError as error:
                self._leave(entry.path, error)
                continue
            except _Refusal as refusal:
                self.refused.append(str(refusal))
                continue
            # Half of what calling the class takes, which has to sort out arguments by name.
            yield tuple.__new__(WalkedFile, (path, found.st_size, mtime_ns, found.st_ctime_ns))

    def _require_fit(self, path: str, mtime_ns: int) -> None:
        reason = unfit(path, mtime_ns)
        if reason is not None:
            self.unseen.append(path)
            raise _Refusal(reason)

    def _wanted(self, name: str) -> bool:
        _, dot, extension = name.rpartition(".")
        return bool(dot) and extension.lower() in self.extensions

    def _check(self, entry: os.DirEntry[str]) -> None:
        try:
            if not entry.name.isascii():
                entry.name.encode()
        except UnicodeEncodeError:
            raise _Refusal(f"{os.fsencode(entry.name)!r} is not a UTF-8 name; rename it.") from None
        if entry.is_symlink():
            target = Path(os.path.realpath(entry.path))
            if not target.is_relative_to(os.path.realpath(self.root.path)):
                raise _Refusal(f"{entry.name} is a link out of the media root; copy the file in instead.")
            if not target.exists():
                raise _Refusal(f"{entry.name} is a link to nothing.")

    def _leave(self, path: str, error: OSError) -> None:
        relative = self._relative(path)
        if relative in self.unseen:
            return
        self.unseen.append(relative)
        self.refused.append(f"{printable(relative)} cannot be read ({error.strerror}); what is known of it stays.")

    @cached_property
    def _endings(self) -> frozenset[str]:
        """Endings as nearly all files have them: in small letters, with the dot."""
        return frozenset(f".{extension}" for extension in self.extensions)

    @cached_property
    def _prefix(self) -> int:
        return len(os.fspath(self.root.path)) + 1

    def _relative(self, path: str) -> str:
        return path[self._prefix :]


def folder_to_walk(root: MediaRoot, directory_type: str, directory_types: Sequence[str]) -> Path:
    """The folder of a directory type, which is there.

    Args:
        root: the media root.
        directory_type: which.
        directory_types: those of the site.

    Returns:
        The folder.

    Raises:
        SiteError: the media root belongs to another site.
        WrongParameter: the site has no such directory type.
        FileMissing: its folder is not there.
        NotMounted: nothing is.
    """
    if directory_type not in directory_types:
        reason = (
            f"{directory_type!r} is not a directory type of this site; it has {', '.join(sorted(directory_types))}."
        )
        raise WrongParameter(reason, "directory_type", directory_type)
    root.require()
    require_ours(root, claim=False)  # reading a library that is mounted for reading only needs no mark
    folder = root.folder(directory_type)
    if not folder.is_dir():
        raise FileMissing(f"The folder {folder} is not there; is the media root mounted?", folder, Flaw.ABSENT)
    return folder
