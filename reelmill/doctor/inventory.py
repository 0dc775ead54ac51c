"""What lies in the library's folders, and how that differs from the catalogue."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from reelmill.catalogue.limits import unfit
from reelmill.catalogue.searching import Entry
from reelmill.storage.folder_walk import entries
from reelmill.storage.media_root import GIFS, LIBRARY, OUTPUT_TYPES, OWN_FOLDERS, THUMBNAILS, MediaRoot, video_of_texts
from reelmill.storage.system_folders import in_system_folder, is_system_folder

#: Folders that hold videos, and those that hold what is made for people's eyes beside them.
_VIDEO_FOLDERS: Final = (*OWN_FOLDERS, LIBRARY)
IMAGE_FOLDERS: Final = (THUMBNAILS, GIFS)

#: What the names of our own half-finished files in the library's folders begin with; other hidden files are people's.
HALF_MADE: Final = ".reelmill-"


class File(NamedTuple):
    """One file as the disk has it."""

    size: int  # bytes
    mtime_ns: int  # nanoseconds since 1970


@dataclass
class Inventory:
    """What a walk through the library came across; paths are relative to the media root."""

    files: dict[str, File] = field(default_factory=dict)
    half_made: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # folders


def walk(root: MediaRoot) -> Inventory:
    """Walk through every folder of the library but the system's; hidden files that are not ours are left out."""
    found = Inventory()
    prefix = len(os.fspath(root.path)) + 1
    folders = [os.fspath(root.path / folder) for folder in (*_VIDEO_FOLDERS, *IMAGE_FOLDERS)]
    for entry in entries(folders, _enters, lambda folder, _: found.unreadable.append(folder[prefix:])):
        if entry.name.startswith(HALF_MADE) and not _is_folder(entry):
            found.half_made.append(entry.path[prefix:])
        elif not entry.name.startswith(".") and (file := _file(entry)) is not None:
            found.files[entry.path[prefix:]] = file
    return found


def existing_files(root: MediaRoot, paths: Iterable[str]) -> dict[str, File]:
    """Those of these paths where a file is."""
    return {path: file for path in paths if (file := _file(root.path / path)) is not None}


def _enters(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and not is_system_folder(entry.name) and _is_folder(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # a disk that does not answer: ``_file`` finds the same
        return False


def _file(entry: os.DirEntry[str] | Path) -> File | None:
    try:
        found = entry.stat()
    except OSError:  # gone, a link to nothing, or a disk that does not answer
        return None
    return File(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


@dataclass(frozen=True)
class Differences:
    """Where catalogue and disk do not agree; paths in their order."""

    gone: tuple[str, ...] = ()  # by its record it is there
    returned: tuple[str, ...] = ()  # by its record it is missing
    still_missing: tuple[str, ...] = ()  # and so it is
    changed: tuple[str, ...] = ()  # originals that are not as they were last opened
    altered: tuple[str, ...] = ()  # products that are not as long as they were made
    touched: tuple[str, ...] = ()  # products of another time than they were made at
    orphans: tuple[str, ...] = ()  # in the folders of products, and no record names them
    images: tuple[str, ...] = ()  # of videos that no record knows
    unseen: tuple[str, ...] = ()  # originals that no scan has seen
    lost_images: tuple[str, ...] = ()  # thumbnails that a record names and nobody finds

    @property
    def suspects(self) -> frozenset[str]:
        """What may be a matter of two readings at two times: a job was at work between them."""
        return frozenset((*self.gone, *self.returned, *self.changed, *self.altered, *self.touched, *self.orphans))


def compare(entries: Iterable[Entry], files: Mapping[str, File]) -> Differences:
    """Where catalogue and disk do not agree (pure).

    Args:
        entries: every record.
        files: every file, by its path.

    Returns:
        The paths of every kind of difference.
    """
    rest = dict(files)
    seen: dict[str, list[str]] = {}
    ids: set[uuid.UUID] = set()
    thumbnails: list[str] = []
    for entry in entries:
        ids.add(entry.id)
        if in_system_folder(entry.path):  # where scans do not look either
            continue
        if entry.thumbnail_path is not None:
            thumbnails.append(entry.thumbnail_path)
        what = _difference(entry, rest.pop(entry.path, None))
        if what is not None:
            seen.setdefault(what, []).append(entry.path)
    stems = {path.rpartition(".")[0] for path in files}
    for path in rest:
        if video_of_texts(path) in stems:
            continue
        what = _unnamed(path, ids)
        if what is not None:
            seen.setdefault(what, []).append(path)
    seen["lost_images"] = [path for path in thumbnails if path not in files]
    return Differences(**{what: tuple(sorted(paths)) for what, paths in seen.items()})


def _difference(entry: Entry, file: File | None) -> str | None:
    if file is None:
        return "still_missing" if entry.missing else "gone"
    if entry.missing:
        return "returned"
    if file == (entry.size, entry.mtime_ns):
        return None
    if not entry.made:
        return "changed"
    return "altered" if file.size != entry.size else "touched"


def _unnamed(path: str, ids: set[uuid.UUID]) -> str | None:
    folder, name = PurePosixPath(path).parts[0], PurePosixPath(path).name
    if folder in IMAGE_FOLDERS:
        return None if _owner(name) in ids else "images"
    return "orphans" if folder in OUTPUT_TYPES else "unseen"


def _owner(name: str) -> uuid.UUID | None:
    """The video whose id the name of an image begins with."""
    try:
        return uuid.UUID(name[:36])
    except ValueError:
        return None


def unfit_files(files: Mapping[str, File], extensions: Collection[str], *, but: Collection[str]) -> dict[str, str]:
    """Videos that no scan can record, with the reason (pure).

    Args:
        files: every file, by its path.
        extensions: what counts as a video, without dots.
        but: those of which something else is said.

    Returns:
        The reason by path, in the order of the paths.
    """
    reasons = {}
    for path, file in files.items():
        reason = unfit(path, file.mtime_ns)
        if reason is None or path in but:
            continue
        folder, ending = PurePosixPath(path).parts[0], PurePosixPath(path).suffix.lower().lstrip(".")
        if folder not in IMAGE_FOLDERS and ending in extensions:
            reasons[path] = reason
    return dict(sorted(reasons.items()))


def originals(root: MediaRoot) -> Iterator[Path]:
    """Every file that is nobody's product, by path."""
    for path in sorted(walk(root).files):
        if PurePosixPath(path).parts[0] not in (*OUTPUT_TYPES, *IMAGE_FOLDERS):
            yield root.path / path
