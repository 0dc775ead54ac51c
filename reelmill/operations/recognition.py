"""What a scan recognises by its content: files that hold what they held, and files that another program renamed."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from reelmill.catalogue import scanning
from reelmill.catalogue.engine import session
from reelmill.catalogue.scanning import RecordedFile, SeenFile
from reelmill.operations.moved_files import moves
from reelmill.operations.scan_changes import has_dates_of, is_unchanged
from reelmill.operations.walk import WalkedFile
from reelmill.storage.content_id import content_id
from reelmill.storage.media_root import MediaRoot

Look = Callable[[WalkedFile], SeenFile | None]


@dataclass(frozen=True)
class Recognition:
    """What became of some files that are new, or not of the time they were; it is in the catalogue already."""

    touched: Sequence[tuple[RecordedFile, SeenFile]]  # they hold what they held
    moved: Sequence[tuple[RecordedFile, SeenFile]]  # their records name their new places
    rest: Sequence[WalkedFile]  # to be opened
    more_unchanged: int  # than their sizes and modification times suggest; less than 0 where edits kept those


def recognise(
    root: MediaRoot,
    directory_type: str,
    files: Sequence[WalkedFile],
    look_at_all: Callable[[Look, Sequence[WalkedFile]], Iterable[SeenFile | None]],
    *,
    open_known: bool,
) -> Recognition:
    """Recognise what of these files the catalogue knows, and bring the records of that up to date.

    Args:
        root: the media root.
        directory_type: of the files.
        files: new ones, and ones that are not of the time they were.
        look_at_all: reads the content ids of files, such as the ``map`` of an executor.
        open_known: open what holds what it held, too.

    Returns:
        What they are.
    """
    with session() as opened:
        known = scanning.recorded_files(opened, [file.path for file in files])
    looked = dict(zip((file.path for file in files), look_at_all(partial(_seen, root), files), strict=True))
    seen = {path: file for path, file in looked.items() if file is not None}
    pairs = [(record, seen[path]) for path, record in known.items() if path in seen]
    unchanged = [(record, file) for record, file in pairs if is_unchanged(record, file)]
    touched = [pair for pair in unchanged if pair[0].content_id is not None and pair[0].valid and not open_known]
    unknown = [file for path, file in seen.items() if path not in known]
    with session() as opened:
        scanning.refresh_files(opened, [file for _, file in touched])
        found = moves(unknown, scanning.records_of_content(opened, unknown), partial(_is_gone, root))
        moved = [(record, file) for record, file in found if scanning.move_record(opened, record, file, directory_type)]
    done = {file.path for _, file in (*touched, *moved)}
    planned = sum(has_dates_of(record, file) for record, file in pairs)
    rest = [file for file in files if file.path not in done]
    return Recognition(touched, moved, rest, len(unchanged) - planned)


def _seen(root: MediaRoot, file: WalkedFile) -> SeenFile | None:
    """The file as it is now; None where it cannot be read, which whoever opens it reports."""
    path = root.path / file.path
    try:
        now = path.stat()
        if not stat.S_ISREG(now.st_mode) or now.st_size == 0:  # all empty files are alike
            return None
        return SeenFile(file.path, now.st_size, now.st_mtime_ns, now.st_ctime_ns, content_id(path))
    except OSError:
        return None


def _is_gone(root: MediaRoot, path: str) -> bool:
    try:
        (root.path / path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # nobody knows
        return False
    return False
