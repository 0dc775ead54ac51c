"""Where a load goes: into a file, nowhere, or to a server on this very node (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from reelmill.errors import WrongParameter
from reelmill.ffmpeg.codecs import codec_called
from reelmill.ffmpeg.loadtest.scenarios import LOAD_CODECS

Kind = Literal["file", "null", "rtmp", "srt"]

#: Plain enough that every program reads the same host out of it: no user, no escapes, no second ``@`` or ``#``.
_URL: Final = re.compile(
    r"(?P<kind>rtmp|srt)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[\w./-]*)?(?:\?[\w=&./-]*)?",
    re.ASCII,
)
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")

#: What each kind of server takes, as ffmpeg names containers.
STREAMS: Final[dict[Kind, str]] = {"rtmp": "flv", "srt": "mpegts"}


@dataclass(frozen=True)
class Sink:
    """Where a load goes."""

    kind: Kind
    url: str | None = None  # of a server

    @property
    def streams(self) -> bool:
        """Whether somebody listens at the other end, who expects audio too."""
        return self.url is not None


def sink(written: str, codec: str) -> Sink:
    """The sink a person wrote: ``file``, ``null``, or an ``rtmp://`` or ``srt://`` address on loopback.

    Returns:
        Where the load goes.

    Raises:
        WrongParameter: it is none of these, leads to another node, or cannot carry the codec.
    """
    text = written.strip()
    found = Sink("file") if text == "file" else Sink("null") if text == "null" else _server(text)
    container = STREAMS.get(found.kind)
    if container is not None and container not in codec_called(codec).streamed_in:
        able = " or ".join(name for name in sorted(LOAD_CODECS) if container in codec_called(name).streamed_in)
        reason = f"{found.kind.upper()} cannot carry {codec}; use {able}, or the output file or null."
        raise WrongParameter(reason, "output", written)
    return found


def _server(written: str) -> Sink:
    parsed = _URL.fullmatch(written)
    if parsed is None:
        reason = f"{written!r} is no output; use file, null, or a plain rtmp:// or srt:// address on localhost."
        raise WrongParameter(reason, "output", written)
    if _LOOPBACK.fullmatch(parsed["host"]) is None:
        reason = f"The output {written} is on {parsed['host']}; a load goes to this machine only (localhost)."
        raise WrongParameter(reason, "output", written)
    if "mode=" in written and "mode=caller" not in written:
        reason = f"The output {written} waits for a caller; a load calls, so leave the mode out."
        raise WrongParameter(reason, "output", written)
    return Sink("rtmp" if parsed["kind"] == "rtmp" else "srt", written)
