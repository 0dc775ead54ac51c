"""What a scan changed in the catalogue: handed on as it is committed, and listed in the scan's result (pure)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.models import Video
from reelmill.catalogue.scanning import RecordedFile

#: A scan's result lists so many files of each kind; a library may hold a million.
LISTED: Final = 100

Kind = Literal["new", "changed", "returned", "missing", "unchanged"]


class FileChange(BaseModel):
    """One file whose record a scan has changed."""

    model_config = ConfigDict(frozen=True)

    kind: Kind  # returned: it was missing, and is there as before; unchanged: read again, as asked
    video_id: uuid.UUID
    path: str  # relative to the media root
    title: str
    size: int  # bytes
    valid: bool = True

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


def marked_changes(kind: Kind, files: Iterable[RecordedFile]) -> list[FileChange]:
    """A change of this kind for each of these files."""
    return [_change(kind, file) for file in files]


def table_rows(changes: Sequence[FileChange]) -> list[tuple[str, str, str]]:
    """A row for each of the first hundred: what it is, its path, its id; those that need a look come first."""
    ranked = sorted(changes, key=lambda change: (change.valid, _RANK[change.kind]))
    return [(change.words, change.path, str(change.video_id)) for change in ranked[:LISTED]]


_RANK: Final[dict[Kind, int]] = {"missing": 0, "changed": 1, "new": 2, "returned": 3, "unchanged": 4}


def _kind(video: Video, old: RecordedFile | None) -> Kind:
    if old is None:
        return "new"
    if (old.size, old.mtime_ns) != (video.size, video.mtime_ns):
        return "changed"
    return "returned" if old.missing else "unchanged"


def _change(kind: Kind, file: RecordedFile) -> FileChange:
    return FileChange(kind=kind, video_id=file.id, path=file.path, title=file.title, size=file.size, valid=file.valid)
