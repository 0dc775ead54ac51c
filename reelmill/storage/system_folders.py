"""Folders that systems keep for themselves among people's files: bins, thumbnails, snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

#: Their names, with ``*`` and ``?``, in any case. Sources: Synology (``@eaDir``, ``#recycle``, ``#snapshot``), QNAP
#: (``@Recycle``, ``@Recently-Snapshot``, ``.@__thumb``), Windows, the fsck of Linux, the freedesktop.org trash, macOS.
SYSTEM_FOLDERS: Final = (
    "@eaDir", "@tmp", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", ".@__thumb", "$RECYCLE.BIN",
    "RECYCLER", "System Volume Information", "lost+found", ".Trash-*", ".Trashes", "Network Trash Folder",
    "Temporary Items",
)  # fmt: skip


def is_system_folder(name: str, patterns: Sequence[str] = SYSTEM_FOLDERS) -> bool:
    """Whether a folder of this name is left alone (pure)."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def in_system_folder(path: str, patterns: Sequence[str] = SYSTEM_FOLDERS) -> bool:
    """Whether a file lies in such a folder, however deep (pure).

    Args:
        path: relative to the media root.
        patterns: of the folders' names.

    Returns:
        Whether it does.
    """
    return any(is_system_folder(name, patterns) for name in PurePosixPath(path).parts[:-1])
