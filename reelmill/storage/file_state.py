"""What a file was when it was looked at, so that a second look shows whether what was read is still what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from reelmill.errors import ChangedMeanwhile, FileMissing, InputError
from reelmill.troubles import Flaw

Value = TypeVar("Value")


@dataclass(frozen=True)
class FileState:
    """A file at one moment; links are followed.

    ``ctime_ns`` shows an edit after which somebody has set the modification time back. It also moves with a hard link
    more or less, other rights or another owner, which are no edits: a backup of hard links touches every file.
    """

    inode: int
    size: int  # bytes
    mtime_ns: int  # nanoseconds since 1970
    ctime_ns: int
    touched: tuple[int, int, int, int]  # how many names it has, its rights and its owners

    @classmethod
    def of(cls, path: Path) -> Self:
        """The file at ``path`` as it is now; an ``OSError`` where nothing is there or its disk does not answer."""
        stat = path.stat()
        touched = (stat.st_nlink, stat.st_mode, stat.st_uid, stat.st_gid)
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, touched)

    def same_as(self, later: FileState) -> bool:
        """Whether nobody wrote to the file, or put another in its place, between this look and a later one (pure)."""
        if (self.inode, self.size, self.mtime_ns) != (later.inode, later.size, later.mtime_ns):
            return False
        return self.ctime_ns == later.ctime_ns or self.touched != later.touched

    def require(self, path: Path, name: str) -> None:
        """Refuse to go on with what was read of a file that has changed since.

        Args:
            path: of the file.
            name: of the file, for people.

        Raises:
            ChangedMeanwhile: it is not what it was.
            FileMissing: it is not there any more.
        """
        if not self.same_as(_now(path, name)):
            reason = f"{name} changed while it was read; nothing of it was recorded, run the job again."
            raise ChangedMeanwhile(reason, name)


def read_steady(path: Path, read: Callable[[], Value], name: str) -> tuple[FileState, Value]:
    """What ``read`` makes of a file that stays as it is meanwhile; once more where it did not.

    Args:
        path: of the file.
        read: reads it; it may take hours. That it finds the file unusable counts only where that stayed as it was.
        name: of the file, for people.

    Returns:
        The file as it was before and after, and the value.

    Raises:
        ChangedMeanwhile: it changed both times.
        FileMissing: it went away.
        InputError: ``read`` finds it unusable.
    """
    before = _now(path, name)
    try:
        value = read()
    except InputError:
        if before.same_as(_now(path, name)):
            raise
    else:
        if before.same_as(_now(path, name)):
            return before, value
    before = _now(path, name)
    try:
        value = read()
    except InputError:
        before.require(path, name)
        raise
    before.require(path, name)
    return before, value


def _now(path: Path, name: str) -> FileState:
    try:
        return FileState.of(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing(f"{name} went away as it was read; scan again.", name, Flaw.ABSENT) from error
