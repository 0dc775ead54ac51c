"""Files whose times of the last change of any kind are not recorded yet, as after an upgrade."""

from __future__ import annotations

from typing import Final, Self

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import scanning
from reelmill.operations.walk import WalkedFile

#: That one scan records. After an upgrade all files are undated, and each takes 0.3 ms of the database, which writes
#: every index of its record: a minute for 200,000 files, spread over scans.
MOST: Final = 10_000

_AT_ONCE: Final = 2000


class UndatedFiles:
    """The first of them that a scan meets are recorded as they are now, a few thousand at a time; later scans go on."""

    def __init__(self, most: int = MOST) -> None:
        self._ctimes: dict[str, int] = {}
        self._left = most

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._record()

    def add(self, file: WalkedFile) -> None:
        """One more, as it is now."""
        if file.ctime_ns is not None and self._left:
            self._ctimes[file.path] = file.ctime_ns
            self._left -= 1
        if len(self._ctimes) >= _AT_ONCE:
            self._record()

    def _record(self) -> None:
        if self._ctimes:
            with session() as opened:
                scanning.record_ctimes(opened, self._ctimes)
        self._ctimes = {}
