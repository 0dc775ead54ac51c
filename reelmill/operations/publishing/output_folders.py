"""Whether an output folder is there: one on a disk of its own that is not mounted looks like one that was emptied.

Each folder that anything was published into is marked by an extended attribute; where its file system has none, by a
hidden file. While there is neither a mark nor a file in it, the folder is away, and what was made into it is neither
forgotten nor made again elsewhere.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from reelmill.errors import NotMounted
from reelmill.storage.media_root import MediaRoot

MARK: Final = "user.reelmill.output"
_FILE: Final = ".mounted"


def mark_folder(root: MediaRoot, path: str) -> None:
    """Mark the output folder of a product that is there, unless it cannot be written to.

    Args:
        root: the media root.
        path: of the product, relative to the root.
    """
    folder = root.folder(root.directory_type(path))
    if _is_marked(folder):
        return
    try:
        os.setxattr(folder, MARK, b"1")
    except OSError:
        with suppress(OSError):
            (folder / _FILE).touch()


def _is_marked(folder: Path) -> bool:
    try:
        return bool(os.getxattr(folder, MARK))
    except OSError:
        return (folder / _FILE).exists()


def require_folder(root: MediaRoot, path: str) -> None:
    """Check that the folder of a product whose file is not there is there itself.

    Args:
        root: the media root.
        path: of the product, relative to the root.

    Raises:
        NotMounted: it is away.
    """
    folder = root.folder(root.directory_type(path))
    try:
        there = any(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        there = False
    if not there and not _is_marked(folder):
        reason = (
            f"{path} was made before, and nothing is in {folder}: mount the disk that it is on and run the job again; "
            f"where it was emptied for good, put an empty file {_FILE} into it."
        )
        raise NotMounted(reason, folder)
