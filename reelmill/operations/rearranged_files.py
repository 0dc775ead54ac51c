"""Known files that have each other's names now, as after two were swapped: their records follow what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from sqlmodel import Session

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.scanning import RecordedFile, SeenFile
from reelmill.operations.moved_files import moves
from reelmill.operations.recognition import is_gone, seen_file
from reelmill.storage.media_root import MediaRoot

Move = tuple[RecordedFile, SeenFile]

#: A job may move one of them in the meantime.
_TRIES: Final = 3


def rearrange(root: MediaRoot, files: Iterable[SeenFile]) -> list[Move]:
    """Let records name the places that their files have now, where those are places of other records that leave them.

    A record whose file is nowhere to be seen stays where it is, and so does each that would take its place: a file was
    put over another then, and the name stays with its record.

    Args:
        root: the media root.
        files: those that hold what another record is of.

    Returns:
        The records as they were, each with its file.
    """
    known = list(files)
    for _ in range(_TRIES if known else 0):
        with session() as opened:
            found = _exchanges(opened, root, known)
            if scanning.exchange_records(opened, found, root.directory_type):
                return found
    return []


def _exchanges(opened: Session, root: MediaRoot, files: Sequence[SeenFile]) -> list[Move]:
    looked = {file.path: file for file in files}
    frontier, records = files, dict[str, RecordedFile]()
    while frontier:  # what is in their places may be known as well, in this folder or in another
        found = {record.path: record for record in scanning.records_of_content(opened, frontier)}
        news = [record for path, record in found.items() if path not in records and is_gone(root, record)]
        records |= {record.path: record for record in news}
        places = (seen_file(root, record.path) for record in news if record.path not in looked)
        frontier = [file for file in places if file is not None]
        looked |= {file.path: file for file in frontier}
    candidates = moves(list(looked.values()), records.values(), partial(is_gone, root))
    occupied = scanning.recorded_files(opened, [file.path for _, file in candidates])
    return _without_takeovers(candidates, occupied)


def _without_takeovers(candidates: Sequence[Move], occupied: Mapping[str, RecordedFile]) -> list[Move]:
    """Those of these moves after which no two records are at one path (pure).

    Args:
        candidates: records, and where they would go.
        occupied: what is recorded of those places, by path.

    Returns:
        In the same order.
    """
    to = {file.path: record for record, file in candidates}
    leaving = {record.id for record, _ in candidates}
    staying = [path for path, record in occupied.items() if record.id not in leaving]
    dropped = set()
    while staying:
        record = to.get(staying.pop())
        if record is not None and record.id not in dropped:
            dropped.add(record.id)
            staying.append(record.path)
    return [(record, file) for record, file in candidates if record.id not in dropped]
