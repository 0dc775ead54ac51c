"""Folders of originals with files that no scan has seen: where the videos are that somebody looks for in vain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import scanning
from reelmill.operations.walk import Walk
from reelmill.storage.media_root import INBOX, LIBRARY, OWN_FOLDERS, PUBLIC, MediaRoot
from reelmill.storage.system_folders import is_system_folder


def folders_never_scanned(
    root: MediaRoot, extensions: frozenset[str], system_folders: Sequence[str]
) -> tuple[str, ...]:
    """The folders with videos of which the catalogue has no record at all.

    Each is looked into until its first video only, so that this costs little however large the library is.

    Args:
        root: the media root.
        extensions: in small letters, without dots.
        system_folders: patterns of names of folders that are left out.

    Returns:
        Paths relative to the root, such as ``inbox`` and ``library/shows``.
    """
    found = []
    for directory_type in _directory_types(root, system_folders):
        with session() as opened:
            known = scanning.known_files(opened, directory_type, limit=1)
        folder, walk = root.folder(directory_type), Walk(root, extensions, system_folders)
        with suppress(OSError):  # its disk does not answer: there is nothing to point at
            if not known and folder.is_dir() and next(walk.files(folder), None) is not None:
                found.append(root.relative_folder(directory_type))
    return tuple(found)


def _directory_types(root: MediaRoot, system_folders: Sequence[str]) -> Iterator[str]:
    names = [INBOX, PUBLIC]
    with suppress(OSError):  # it is not there, or its disk does not answer
        names += sorted({folder.name for folder in (root.path / LIBRARY).iterdir()} - {*OWN_FOLDERS})
    for name in names:
        if name.isprintable() and not name.startswith(".") and not is_system_folder(name, system_folders):
            yield name


def folders_of(paths: Iterable[str]) -> list[str]:
    """The folders of the library that these originals are in (pure).

    Args:
        paths: relative to the media root.

    Returns:
        Each folder once, in their order, such as ``inbox`` and ``library/shows``.
    """
    ways = (PurePosixPath(path).parts[:-1] for path in paths)
    return sorted({"/".join(names[: 2 if names[0] == LIBRARY else 1]) for names in ways if names})


def unscanned(folders: Collection[str]) -> str:
    """What is to be said of such folders, as the end of a sentence or of a line (pure)."""
    return f"no scan has seen yet what is in {', '.join(folders)}"
