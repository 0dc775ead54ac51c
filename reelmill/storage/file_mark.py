"""A mark in a file of ours by which its maker knows it again, whatever becomes of the catalogue.

It changes neither pixels nor text nor times: each format has a place for what readers skip.

    mp4     a ``uuid`` box at the end, see ``mp4_mark``
    JPEG    a comment segment (COM; ITU-T T.81, B.2.4.5) after the application's, of which JFIF's has to be the first
    GIF     a comment extension (GIF89a, 24) before the trailer
    WebVTT  a ``NOTE`` block at the end (W3C WebVTT, 4.1)
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from reelmill.storage.mp4_mark import Mp4

#: Bytes that the mark of a file takes at most.
ROOM: Final = 512
#: What our own comments begin with.
_SIGN: Final = b"reelmill "
_SOI: Final = b"\xff\xd8"
_APPLICATION: Final = range(0xE0, 0xF0)
_COM: Final = 0xFE
_GIF_COMMENT: Final = b"\x21\xfe"
_GIF_TRAILER: Final = b"\x3b"
_BLOCK: Final = 255  # bytes of a data sub-block of a GIF, at most
_NOTE: Final = re.compile(rb"(?:\A|\n\n)NOTE reelmill (\{[^\n]*\})\n?\Z")


def read(path: Path) -> dict[str, Any] | None:
    """Read the mark of a file.

    Returns:
        What it holds; None where it has none, or is of another format.

    Raises:
        OSError: it cannot be read.
    """
    form = _format_of(path)
    text = None if form is None else form.text_of(path)
    try:
        held = None if text is None else json.loads(text)
    except ValueError:
        return None
    return held if isinstance(held, dict) else None


def write(path: Path, held: dict[str, Any]) -> None:
    """Mark a file, in place of a mark that it may have; one of another format, or not of its own, stays as it is.

    Args:
        path: of a file that nobody else uses yet.
        held: what the mark is to hold; a few short values.

    Raises:
        OSError: it cannot be written.
    """
    form = _format_of(path)
    if form is not None:
        form.mark(path, json.dumps(held, separators=(",", ":"), sort_keys=True).encode())


def _format_of(path: Path) -> Format | None:
    return _FORMATS.get(path.suffix.lower())


class Format(Protocol):
    """Where the files of a format keep a mark."""

    def text_of(self, path: Path) -> bytes | None:
        """The mark's text; None where there is none."""
        ...

    def mark(self, path: Path, text: bytes) -> None:
        """Write it in place of one that is there; a file that is not of the format stays as it is."""
        ...


class _ReadWhole(ABC):
    """A format whose files are small."""

    def text_of(self, path: Path) -> bytes | None:
        return self._text_in(path.read_bytes())

    def mark(self, path: Path, text: bytes) -> None:
        before = path.read_bytes()
        after = self._marked(before, text)
        if after != before:
            path.write_bytes(after)

    @abstractmethod
    def _text_in(self, data: bytes) -> bytes | None:
        """The mark's text (pure); None where there is none."""

    @abstractmethod
    def _marked(self, data: bytes, text: bytes) -> bytes:
        """The file with this mark (pure); as it is where it is not of the format."""


class _Segment(NamedTuple):
    """A marker segment at the head of a JPEG."""

    code: int
    begin: int
    end: int


class _Jpeg(_ReadWhole):
    def _text_in(self, data: bytes) -> bytes | None:
        found = (data[one.begin + 4 : one.end] for one in _segments(data) if one.code == _COM)
        return next((text.removeprefix(_SIGN) for text in found if text.startswith(_SIGN)), None)

    def _marked(self, data: bytes, text: bytes) -> bytes:
        if not data.startswith(_SOI):
            return data
        for one in _segments(data):
            if one.code == _COM and data[one.begin + 4 :].startswith(_SIGN):
                data = data[: one.begin] + data[one.end :]
                break
        place = max((one.end for one in _segments(data) if one.code in _APPLICATION), default=len(_SOI))
        comment = _SIGN + text
        return data[:place] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[place:]


def _segments(data: bytes) -> Iterator[_Segment]:
    """The application's and comment segments that a JPEG begins with."""
    at = len(_SOI) if data.startswith(_SOI) else len(data)
    while at + 4 <= len(data) and data[at] == 0xFF and (data[at + 1] in _APPLICATION or data[at + 1] == _COM):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            return
        yield _Segment(data[at + 1], at, end)
        at = end


class _Gif(_ReadWhole):
    def _text_in(self, data: bytes) -> bytes | None:
        place = _comment_at(data)
        if place is None:
            return None
        return b"".join(_blocks(data, place + len(_GIF_COMMENT))).removeprefix(_SIGN)

    def _marked(self, data: bytes, text: bytes) -> bytes:
        if not (data.startswith(b"GIF8") and data.endswith(_GIF_TRAILER)):
            return data
        comment = _SIGN + text
        blocks = (comment[start : start + _BLOCK] for start in range(0, len(comment), _BLOCK))
        written = b"".join(bytes([len(block)]) + block for block in blocks)
        place = _comment_at(data)
        return data[: -1 if place is None else place] + _GIF_COMMENT + written + b"\0" + _GIF_TRAILER


def _comment_at(data: bytes) -> int | None:
    """Where our comment begins: it is the last thing before the trailer."""
    sign = data.rfind(_SIGN)
    place = sign - len(_GIF_COMMENT) - 1
    if sign < 0 or place < 0 or data[place : place + len(_GIF_COMMENT)] != _GIF_COMMENT:
        return None
    length = sum(1 + len(block) for block in _blocks(data, place + len(_GIF_COMMENT)))
    rest = data[place + len(_GIF_COMMENT) + length :]
    return place if rest == b"\0" + _GIF_TRAILER else None


def _blocks(data: bytes, at: int) -> Iterator[bytes]:
    """The data sub-blocks of a GIF that begin at ``at``."""
    while at < len(data) and data[at]:
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


class _WebVtt(_ReadWhole):
    def _text_in(self, data: bytes) -> bytes | None:
        found = _NOTE.search(data)
        return None if found is None else found[1]

    def _marked(self, data: bytes, text: bytes) -> bytes:
        if not data.removeprefix(b"\xef\xbb\xbf").startswith(b"WEBVTT"):
            return data
        return _NOTE.sub(b"", data).rstrip(b"\n") + b"\n\nNOTE reelmill " + text + b"\n"


_FORMATS: Final[dict[str, Format]] = {".mp4": Mp4(), ".jpg": _Jpeg(), ".gif": _Gif(), ".vtt": _WebVtt()}
