"""Names that a folder's file system can hold: some are shorter than usual, some spell less."""

from __future__ import annotations

import errno
import os
import re
import string
from pathlib import Path, PurePath
from typing import Final

#: Bytes of one file name on most file systems; eCryptfs has room for 143.
NAME_MAX: Final = 255

#: How file systems say that they cannot hold a name (``open(2)``, ``link(2)``).
UNFIT_NAME: Final = (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG)

#: What FAT, exFAT and SMB do not take in a name, nor a full stop or a space at its end.
_RESERVED: Final = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')


def fitting(stem: str, ending: str, room: int = NAME_MAX) -> str:
    """``stem + ending`` with the stem cut, at a character, to ``room`` bytes (pure)."""
    return stem.encode()[: max(0, room - len(ending.encode()))].decode("utf-8", "ignore") + ending


def plain(name: str) -> str:
    """A name that every file system takes, with ``_`` for each character that some do not (pure)."""
    stem, dot, ending = _RESERVED.sub("_", name).rpartition(".")
    return stem.rstrip(". ") + dot + ending.rstrip(". ")


#: Every file system that ignores case does so for these at least.
_OTHER_CASE: Final = str.maketrans(
    string.ascii_lowercase + string.ascii_uppercase, string.ascii_uppercase + string.ascii_lowercase
)


def is_spelt(folder: Path, path: str) -> bool:
    """Whether a file that is there is there by this very name: some shares find it by the name in any case.

    Args:
        folder: where the path begins.
        path: of the file, relative to that.

    Returns:
        Whether the folders list the names in it as they are written there; True of one that is not there.

    Raises:
        OSError: its disk does not answer.
    """
    for name in PurePath(path).parts:
        place, other = folder / name, folder / name.translate(_OTHER_CASE)
        if other != place and _is_same(other, place):  # by far most: the other name is nobody's
            with os.scandir(folder) as listing:
                if name not in {entry.name for entry in listing}:
                    return False
        folder = place
    return True


def _is_same(other: Path, place: Path) -> bool:
    try:
        return other.samefile(place)
    except (FileNotFoundError, NotADirectoryError):
        return False


def longest(folder: Path) -> int:
    """How many bytes a name may have in a folder, or in the nearest above it that is there."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        room = os.pathconf(folder, "PC_NAME_MAX")
    except OSError:  # a file system that does not say
        return NAME_MAX
    return min(room, NAME_MAX) if room > 0 else NAME_MAX
