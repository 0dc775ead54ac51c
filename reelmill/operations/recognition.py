"""What a scan recognises by its content: files that hold what they held, and files that another program renamed."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.scanning import RecordedFile, SeenFile
from reelmill.operations.moved_files import moves
from reelmill.operations.scan_changes import has_dates_of, is_unchanged
from reelmill.operations.walk import WalkedFile
from reelmill.storage.content_id import content_id
from reelmill.storage.file_names import is_spelt
from reelmill.storage.media_root import MediaRoot

Look = Callable[[WalkedFile], SeenFile | None]


def is_absent(root: MediaRoot, record: RecordedFile) -> bool:
    """Whether nothing is at the path of a record, as that is spelt."""
    try:
        (root.path / record.path).stat()
        return not is_spelt(root.path, record.path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # nobody knows
        return False


def is_gone(root: MediaRoot, record: RecordedFile) -> bool:
    """Whether what a record is of is not at its path: nothing is, or something else."""
    if is_absent(root, record):
        return True
    file = seen_file(root, record.path)
    return file is not None and holds_another(record, file)


@dataclass(frozen=True)
class Replacements:
    """Files that hold something else than their records: edited, or other files by their names.

    They are left until all files were looked at: what they held may be elsewhere, and their records go with it.
    """

    files: Sequence[WalkedFile] = ()
    known: Sequence[SeenFile] = ()  # those that hold what another record is of


@dataclass(frozen=True)
class Recognition:
    """What became of some files that are new, or not of the time they were; it is in the catalogue already."""

    touched: Sequence[tuple[RecordedFile, SeenFile]]  # they hold what they held
    moved: Sequence[tuple[RecordedFile, SeenFile]]  # their records name their new places
    rest: Sequence[WalkedFile]  # to be opened
    more_unchanged: int  # than their sizes and modification times suggest; less than 0 where edits kept those
    replacements: Replacements = field(default_factory=Replacements)


def recognise(
    root: MediaRoot,
    directory_type: str,
    files: Sequence[WalkedFile],
    look_at_all: Callable[[Look, Sequence[WalkedFile]], Iterable[SeenFile | None]],
    *,
    open_known: bool,
    leave_replaced: bool = False,
) -> Recognition:
    """Recognise what of these files the catalogue knows, and bring the records of that up to date.

    Args:
        root: the media root.
        directory_type: of the files.
        files: new ones, and ones that are not of the time they were.
        look_at_all: reads the content ids of files, such as the ``map`` of an executor.
        open_known: open what holds what it held, too.
        leave_replaced: leave files that hold something else than their records for later, and let such a record go with
            what it is of; else only one whose path is empty.

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
    others = [file for record, file in pairs if leave_replaced and holds_another(record, file)]
    gone = is_gone if leave_replaced else is_absent
    with session() as opened:
        scanning.refresh_files(opened, [file for _, file in touched])
        found = moves(unknown, scanning.records_of_content(opened, unknown), partial(gone, root))
        found = [pair for pair in found if _has_moved(root, *pair)]
        moved = [(record, file) for record, file in found if scanning.move_record(opened, record, file, directory_type)]
        contents = {record.content_id for record in scanning.records_of_content(opened, others)}
    left = {file.path for file in others}
    done = {file.path for _, file in (*touched, *moved)} | left
    planned = sum(has_dates_of(record, file) for record, file in pairs)
    rest = [file for file in files if file.path not in done]
    replacements = Replacements(
        [file for file in files if file.path in left], [file for file in others if file.content_id in contents]
    )
    return Recognition(touched, moved, rest, len(unchanged) - planned, replacements)


def _has_moved(root: MediaRoot, record: RecordedFile, file: SeenFile) -> bool:
    """Whether a file is that of a record and no copy of it, made before the one at the old place was edited."""
    # A rename keeps the modification time; a copy has one of its own, unless it is asked to keep that of the original.
    return record.mtime_ns == file.mtime_ns or is_absent(root, record)


def holds_another(record: RecordedFile, file: SeenFile) -> bool:
    """Whether a file is known to hold something else than is recorded of its path (pure)."""
    return record.content_id is not None and record.content_id != file.content_id


def seen_file(root: MediaRoot, path: str) -> SeenFile | None:
    """The file at a path as it is now; None where nothing can be read, or all that is there is an empty file.

    Args:
        root: the media root.
        path: relative to it.

    Returns:
        The file with its content id.
    """
    place = root.path / path
    try:
        now = place.stat()
        if not stat.S_ISREG(now.st_mode) or now.st_size == 0:  # all empty files are alike
            return None
        return SeenFile(path, now.st_size, now.st_mtime_ns, now.st_ctime_ns, content_id(place))
    except OSError:
        return None


def _seen(root: MediaRoot, file: WalkedFile) -> SeenFile | None:
    """The file as it is now; None where it cannot be read, which whoever opens it reports."""
    return seen_file(root, file.path)
