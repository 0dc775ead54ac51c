"""What lies in the library's folders, and how that differs from the catalogue."""

from __future__ import annotations

import os
import stat
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from reelmill.catalogue.limits import unfit
from reelmill.catalogue.videos.searching import Entry
from reelmill.operations.derived import asset_rows
from reelmill.storage.folder_walk import entries, side_by_side
from reelmill.storage.media_root import GIFS, LIBRARY, OUTPUT_TYPES, OWN_FOLDERS, THUMBNAILS, MediaRoot, video_of_texts
from reelmill.storage.system_folders import in_system_folder, is_system_folder

#: Folders that hold videos, and those that hold what is made for people's eyes beside them.
_VIDEO_FOLDERS: Final = (*OWN_FOLDERS, LIBRARY)
IMAGE_FOLDERS: Final = (THUMBNAILS, GIFS)

#: What the names of our own half-finished files in the library's folders begin with; other hidden files are people's.
HALF_MADE: Final = ".reelmill-"

#: Paths that are looked for at once.
_PORTION: Final = 2000


class File(NamedTuple):
    """One file as the disk has it."""

    size: int  # bytes
    mtime_ns: int  # nanoseconds since 1970


class _FileAt(NamedTuple):
    path: str  # relative to the media root
    file: File


@dataclass
class Inventory:
    """A walk through every folder of the library but the system's; hidden files that are not ours are left out."""

    root: MediaRoot
    half_made: list[str] = field(default_factory=list)  # relative to the media root, as all paths here
    unreadable: list[str] = field(default_factory=list)  # folders

    def files(self, within: Iterable[str] = (*_VIDEO_FOLDERS, *IMAGE_FOLDERS)) -> Iterator[tuple[str, File]]:
        """Walk; what stands in the other fields is complete at the end.

        Args:
            within: the folders of the library to walk through.

        Yields:
            Each file, by the bytes of the paths.
        """
        prefix = len(os.fspath(self.root.path)) + 1
        folders = sorted(f"{folder}/" for folder in within)
        places = [os.fspath(self.root.path / folder) for folder in folders]
        for entry in entries(places, _enters, lambda folder, _: self.unreadable.append(folder[prefix:])):
            if entry.name.startswith(HALF_MADE) and not _is_folder(entry):
                self.half_made.append(entry.path[prefix:])
            elif not entry.name.startswith(".") and (file := _file(entry)) is not None:
                yield entry.path[prefix:], file


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
    unrecorded: tuple[str, ...] = ()  # images of videos that are known, and no row names the images
    unseen: tuple[str, ...] = ()  # originals that no scan has seen

    @property
    def suspects(self) -> frozenset[str]:
        """What may be a matter of two readings at two times: a job was at work between them."""
        return frozenset((*self.gone, *self.returned, *self.changed, *self.altered, *self.touched, *self.orphans))


def compare(
    entries: Iterable[Entry],
    files: Iterable[tuple[str, File]],
    *,
    recorded: Callable[[Collection[str]], Collection[str]],
    owners: Callable[[Collection[uuid.UUID]], Collection[uuid.UUID]],
) -> Differences:
    """Where catalogue and disk do not agree. Neither is held: there may be millions, and few that differ.

    Args:
        entries: every record, by the bytes of their paths.
        files: every file, in the same order.
        recorded: those of some paths that assets have; asked of images.
        owners: those of some ids that videos have; asked of what images are named after.

    Returns:
        The paths of every kind of difference.
    """
    seen: dict[str, list[str]] = defaultdict(list)
    images = Portions(lambda paths: _sort_images(seen, paths, recorded(paths), owners))
    texts = TextsBeside(lambda path: seen["orphans" if _folder(path) in OUTPUT_TYPES else "unseen"].append(path))
    for path, file, entry in _paths(files, entries):
        if file is not None:
            texts.pass_by(path)
        if entry is not None:
            if in_system_folder(path):  # where scans do not look either
                continue
            what = _difference(entry, file)
            if what is not None:
                seen[what].append(path)
        elif _folder(path) in IMAGE_FOLDERS:
            images.add(path)
        elif not texts.wait(path):
            seen["orphans" if _folder(path) in OUTPUT_TYPES else "unseen"].append(path)
    for rest in (images, texts):
        rest.finish()
    return Differences(**{what: tuple(sorted(paths)) for what, paths in seen.items()})


class Portions:
    """Paths handed on some thousands at a time."""

    def __init__(self, hand_on: Callable[[list[str]], None]):
        self._hand_on = hand_on
        self._paths: list[str] = []

    def add(self, path: str) -> None:
        """Take one."""
        self._paths.append(path)
        if len(self._paths) >= _PORTION:
            self.finish()

    def finish(self) -> None:
        """Hand on the rest."""
        if self._paths:
            self._hand_on(self._paths)
        self._paths = []


class TextsBeside:
    """Subtitle tracks that no record names, until it is known whether the video is there that they stand beside.

    Both begin with the same stem and a dot, so that in the order of paths only other such files lie between them.
    """

    def __init__(self, of_nobody: Callable[[str], None]):
        self._of_nobody = of_nobody
        self._stems: list[str] = []  # of the files just before that the next may stand beside
        self._waiting: list[tuple[str, str]] = []  # stem and path

    def pass_by(self, path: str) -> None:
        """A file is at ``path``, whatever it is."""
        self._leave(lambda stem: not path.startswith(f"{stem}."))
        stem = path.rpartition(".")[0]
        self._waiting = [(wanted, text) for wanted, text in self._waiting if wanted != stem]
        self._stems.append(stem)

    def wait(self, path: str) -> bool:
        """Whether the file at ``path`` is a subtitle track; one whose video does not come is handed on."""
        stem = video_of_texts(path)
        if stem is not None and stem not in self._stems:
            self._waiting.append((stem, path))
        return stem is not None

    def finish(self) -> None:
        """No file comes any more."""
        self._leave(lambda _: True)

    def _leave(self, is_over: Callable[[str], bool]) -> None:
        self._stems = [stem for stem in self._stems if not is_over(stem)]
        for _, path in filter(lambda waiting: is_over(waiting[0]), self._waiting):
            self._of_nobody(path)
        self._waiting = [waiting for waiting in self._waiting if not is_over(waiting[0])]


def _paths(
    files: Iterable[tuple[str, File]], entries: Iterable[Entry]
) -> Iterator[tuple[str, File | None, Entry | None]]:
    for found, entry in side_by_side(map(_FileAt._make, files), entries):
        if found is not None:
            yield found.path, found.file, entry
        elif entry is not None:
            yield entry.path, None, entry


def _sort_images(
    seen: dict[str, list[str]],
    paths: Sequence[str],
    recorded: Collection[str],
    owners: Callable[[Collection[uuid.UUID]], Collection[uuid.UUID]],
) -> None:
    """Add those images that are no asset of a video, by whether their video is known."""
    named = {path: owner_of(path) for path in paths if path not in recorded}
    known = owners({one for one in named.values() if one is not None}) if named else ()
    for path, one in named.items():
        if one is None or one not in known:
            seen["images"].append(path)
        elif asset_rows.named(path) is not None:  # by a job
            seen["unrecorded"].append(path)


def _folder(path: str) -> str:
    return path.partition("/")[0]


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


def owner_of(path: str) -> uuid.UUID | None:
    """The video whose id the name of an image begins with (pure)."""
    try:
        return uuid.UUID(PurePosixPath(path).name[:36])
    except ValueError:
        return None


def unfit_file(path: str, file: File, extensions: Collection[str]) -> str | None:
    """Why no scan can record a video (pure); None where it can, or where it is no video.

    Args:
        path: of the file.
        file: as the disk has it.
        extensions: what counts as a video, without dots.

    Returns:
        A sentence with the way out.
    """
    reason = unfit(path, file.mtime_ns)
    is_video = _folder(path) not in IMAGE_FOLDERS and PurePosixPath(path).suffix.lower().lstrip(".") in extensions
    return reason if is_video else None


def originals(root: MediaRoot) -> Iterator[Path]:
    """Every file that is nobody's product, by path."""
    for path, _ in Inventory(root).files():
        if _folder(path) not in (*OUTPUT_TYPES, *IMAGE_FOLDERS):
            yield root.path / path
