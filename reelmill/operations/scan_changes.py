"""What a scan changed in the catalogue: handed on as it is committed, and listed in the scan's result (pure)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.scanning import RecordedFile, SeenFile

#: A scan's result lists so many files of each kind; a library may hold a million.
LISTED: Final = 100

Kind = Literal["new", "changed", "moved", "returned", "missing", "unchanged"]


class FileChange(BaseModel):
    """One file whose record a scan has changed."""

    model_config = ConfigDict(frozen=True)

    #: moved: renamed by another program; returned: it was missing, and is there as before; unchanged: read again, as
    #: asked.
    kind: Kind
    video_id: uuid.UUID
    path: str  # relative to the media root
    title: str
    size: int  # bytes
    valid: bool = True
    previous: str | None = None  # of what was moved: the path it had

    @property
    def words(self) -> str:
        """Its kind, for a table."""
        return self.kind if self.valid else f"{self.kind}, invalid"


#: Called with what was committed just now, and with how many changes of the scan there are going to be.
Listener = Callable[[Sequence[FileChange], int], None]


class ChangeList:
    """The first hundred files of each kind, and of those that are invalid, whatever there are."""

    def __init__(self) -> None:
        self._listed: list[FileChange] = []
        self._counts: Counter[str] = Counter()

    def add(self, changes: Iterable[FileChange]) -> None:
        """Take these, as far as there is room for their kind."""
        for change in changes:
            kinds = ([change.kind] if change.kind != "unchanged" else []) + ([] if change.valid else ["invalid"])
            if any(self._counts[kind] < LISTED for kind in kinds):
                self._listed.append(change)
            self._counts.update(kinds)

    def listed(self) -> tuple[FileChange, ...]:
        """The files, in the order in which they were recorded."""
        return tuple(self._listed)


def recorded_changes(
    videos: Sequence[Video], before: Mapping[str, RecordedFile], after: Mapping[str, RecordedFile]
) -> list[FileChange]:
    """What recording these files has changed.

    Args:
        videos: the records that were put into the catalogue.
        before: what the catalogue held of them, by path.
        after: what it holds now.

    Returns:
        A change for each; none for a file that another scan recorded as new at the same moment.
    """
    changes = []
    for video in videos:
        old, now = before.get(video.path), after.get(video.path)
        if now is None or (old is None and now.id != video.id):
            continue
        changes.append(_change(_kind(video, old), now))
    return changes


def moved_changes(moves: Iterable[tuple[RecordedFile, SeenFile]]) -> list[FileChange]:
    """A change for each record that names another place now."""
    return [
        _change("moved", record).model_copy(update={"path": file.path, "previous": record.path})
        for record, file in moves
    ]


def marked_changes(kind: Kind, files: Iterable[RecordedFile]) -> list[FileChange]:
    """A change of this kind for each of these files."""
    return [_change(kind, file) for file in files]


def table_rows(changes: Sequence[FileChange]) -> list[tuple[str, str, str]]:
    """A row for each of the first hundred: what it is, its path, its id; those that need a look come first."""
    ranked = sorted(changes, key=lambda change: (change.valid, _RANK[change.kind]))
    return [(change.words, change.path, str(change.video_id)) for change in ranked[:LISTED]]


_RANK: Final[dict[Kind, int]] = {"missing": 0, "changed": 1, "new": 2, "moved": 3, "returned": 4, "unchanged": 5}


def _kind(video: Video, old: RecordedFile | None) -> Kind:
    if old is None:
        return "new"
    if not is_unchanged(old, video):
        return "changed"
    return "returned" if old.missing else "unchanged"


def is_unchanged(old: RecordedFile, now: SeenFile | Video) -> bool:
    """Whether a file is what is recorded of it (pure).

    Args:
        old: what is recorded.
        now: the file.

    Returns:
        By its content id, where both are known and the file was valid; else by size and time. What is not valid may be
        a file that is filled bit by bit: full one day, of the head and tail that it always had.
    """
    if None in (old.content_id, now.content_id) or (old.content_id == now.content_id and not old.valid):
        return has_dates_of(old, now)
    return old.content_id == now.content_id


def has_dates_of(old: RecordedFile, now: SeenFile | Video) -> bool:
    """Whether a file has the size and modification time that are recorded of it (pure)."""
    return (old.size, old.mtime_ns) == (now.size, now.mtime_ns)


def _change(kind: Kind, file: RecordedFile) -> FileChange:
    return FileChange(kind=kind, video_id=file.id, path=file.path, title=file.title, size=file.size, valid=file.valid)
