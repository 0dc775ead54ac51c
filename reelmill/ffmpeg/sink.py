"""Where a load goes: into a file, nowhere, or to a server on this very machine (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from reelmill.errors import UserError
from reelmill.ffmpeg.scenarios import Codec

Kind = Literal["file", "null", "rtmp", "srt"]

#: Plain enough that every program reads the same host out of it: no user, no escapes, no second ``@`` or ``#``.
_URL: Final = re.compile(
    r"(?P<kind>rtmp|srt)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[\w./-]*)?(?:\?[\w=&./-]*)?",
    re.ASCII,
)
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")

#: What each kind of sink can carry. FLV in its classic form knows H.264 alone and in its enhanced form H.265 too;
#: MPEG-TS knows neither VP8 nor VP9. Source: veovera.org, Enhanced RTMP v1; ISO/IEC 13818-1, table 2-34.
CARRIES: Final[dict[Kind, frozenset[Codec]]] = {
    "file": frozenset({"h264", "h265", "vp8", "vp9"}),
    "null": frozenset({"h264", "h265", "vp8", "vp9"}),
    "rtmp": frozenset({"h264", "h265"}),
    "srt": frozenset({"h264", "h265"}),
}


@dataclass(frozen=True)
class Sink:
    """Where a load goes."""

    kind: Kind
    url: str | None = None  # of a server

    @property
    def streams(self) -> bool:
        """Whether somebody listens at the other end, who expects sound too."""
        return self.url is not None


def sink(written: str, codec: Codec) -> Sink:
    """The sink a person wrote: ``file``, ``null``, or an ``rtmp://`` or ``srt://`` address on loopback.

    Raises:
        UserError: it is none of these, leads to another machine, or cannot carry the codec.
    """
    text = written.strip()
    found = Sink("file") if text == "file" else Sink("null") if text == "null" else _server(text)
    if codec not in CARRIES[found.kind]:
        can = " or ".join(sorted(CARRIES[found.kind]))
        raise UserError(f"{found.kind.upper()} cannot carry {codec}; use {can}, or the output file or null.")
    return found


def _server(written: str) -> Sink:
    parsed = _URL.fullmatch(written)
    if parsed is None:
        raise UserError(f"{written!r} is no output; use file, null, or a plain rtmp:// or srt:// address on localhost.")
    if _LOOPBACK.fullmatch(parsed["host"]) is None:
        raise UserError(f"The output {written} is on {parsed['host']}; a load goes to this machine only (localhost).")
    if "mode=" in written and "mode=caller" not in written:
        raise UserError(f"The output {written} waits for a caller; a load calls, so leave the mode out.")
    return Sink("rtmp" if parsed["kind"] == "rtmp" else "srt", written)
