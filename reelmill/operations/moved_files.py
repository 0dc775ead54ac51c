"""Which record a file is that a scan finds under a name it does not know: one that was renamed, or none.

A file is a record's that has moved where it holds what that record's file held, and that is not at the record's own
path any more. While it is there, too, the new one is a copy or a hard link: it gets a record of its own.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from reelmill.catalogue.videos.scanning import RecordedFile, SeenFile

_SECOND: Final = 1_000_000_000  # in nanoseconds


def moves(
    files: Sequence[SeenFile], records: Iterable[RecordedFile], is_gone: Callable[[RecordedFile], bool]
) -> list[tuple[RecordedFile, SeenFile]]:
    """The records whose files have moved (pure but for ``is_gone``).

    Where several files may be the one, as after a rename and a copy at once, the record goes with that of its own
    modification time, then that of its own name: a rename keeps the one, a move the other.

    Args:
        files: those that no record names, or whose records are of other content.
        records: those of the same content, see ``scanning.records_of_content``.
        is_gone: whether what a record is of is not at its path.

    Returns:
        Each such record with the file it is now; of several that fit a file, one.
    """
    alike = defaultdict[object, list[SeenFile]](list)
    for file in files:
        alike[file.content_id].append(file)
        alike[file.size, file.mtime_ns].append(file)
    gone = [record for record in records if is_gone(record)]
    pairs = [(record, file) for record in gone for file in alike[_trait(record)] if _same(record, file)]
    unread = [pair for pair in pairs if pair[0].content_id is None]
    fits: Counter[uuid.UUID | str] = Counter(record.id for record, _ in unread)
    fits.update(file.path for _, file in unread)
    found: dict[uuid.UUID, tuple[RecordedFile, SeenFile]] = {}
    taken: set[str] = set()
    for record, file in sorted(pairs, key=_rank):
        doubtful = record.content_id is None and (fits[record.id] > 1 or fits[file.path] > 1)
        if not doubtful and record.id not in found and file.path not in taken:
            found[record.id] = record, file
            taken.add(file.path)
    return list(found.values())


def _trait(record: RecordedFile) -> object:
    """What a file has to have in common with a record, to be looked up by."""
    return record.content_id if record.content_id is not None else (record.size, record.mtime_ns)


def _same(record: RecordedFile, file: SeenFile) -> bool:
    if record.content_id is not None:
        return record.content_id == file.content_id
    # Dates are a weaker proof than content: whole seconds, which archives and some file systems give, prove too little.
    dated = (record.size, record.mtime_ns) == (file.size, file.mtime_ns)
    return dated and (file.mtime_ns % _SECOND != 0 or _name(record) == _name(file))


def _rank(pair: tuple[RecordedFile, SeenFile]) -> tuple[bool, bool, bool, str, str]:
    record, file = pair
    return record.mtime_ns != file.mtime_ns, _name(record) != _name(file), record.missing, record.path, file.path


def _name(file: RecordedFile | SeenFile) -> str:
    return PurePosixPath(file.path).name
