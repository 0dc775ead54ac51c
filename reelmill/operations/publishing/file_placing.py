"""The door for files that have no record of their own, such as images: marked, and of what their sources hold now."""

from __future__ import annotations

from pathlib import Path

from reelmill.operations.publishing.marking import mark
from reelmill.operations.publishing.sources import require_unchanged
from reelmill.storage.atomic_files import fsync, make_folder, place
from reelmill.storage.media_root import MediaRoot


def place_file(root: MediaRoot, recipe: str, staged: Path, path: str) -> None:
    """Place a finished file, unless what it was made from was replaced meanwhile.

    Args:
        root: the media root.
        recipe: of the file, with its sources.
        staged: the file, in the attempt's folder.
        path: where it goes, relative to the media root; what is there already stays.

    Raises:
        ChangedMeanwhile, Unreadable: see ``require_unchanged``.
        DiskFull, CapabilityError: see ``atomic_files.place``.
    """
    mark(staged, recipe)
    fsync(staged)
    require_unchanged(root, recipe)
    final = root.path / path
    make_folder(final.parent)
    place(staged, final)
