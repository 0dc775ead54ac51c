"""Which bytes of a file a request asks for: RFC 9110, section 14 (pure)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: More digits than any file has bytes; what is longer is no range.
_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,40})-([0-9]{0,40})\s*", re.IGNORECASE | re.ASCII)


class ByteRange(NamedTuple):
    """From ``first`` up to, not including, ``end``."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.end - self.first


class NotSatisfiable(Exception):
    """The file has no byte of the range."""


def requested_range(header: str | None, size: int) -> ByteRange | None:
    """The range of a file that a request asks for.

    Several ranges at once, which no player asks for, and what is no range count as none, as the RFC allows: the
    whole file is sent.

    Args:
        header: the request's ``Range``; None: it has none.
        size: of the file, bytes.

    Returns:
        The range; None: the whole file is meant.

    Raises:
        NotSatisfiable: it begins after the end of the file, or is the last 0 bytes of it.
    """
    parsed = None if header is None else _RANGE.fullmatch(header.strip())
    if parsed is None:
        return None
    first, last = parsed.groups()
    if not first:
        return _suffix(last, size)
    begin = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < begin:
        return None
    if begin >= size:
        raise NotSatisfiable
    return ByteRange(begin, end)


def _suffix(length: str, size: int) -> ByteRange | None:
    if not length or size == 0:
        return None
    if int(length) == 0:
        raise NotSatisfiable
    return ByteRange(max(0, size - int(length)), size)
