"""The packets of a file, also where tracks come that its beginning does not name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from av.container import InputContainer
from av.packet import Packet


def demuxed(container: InputContainer, *tracks: Any) -> Iterator[Packet[Any]]:
    """PyAV's ``demux``, without what that raises at the end of such a file.

    There it asks every track for what is left, those too that came after it was opened and that it knows nothing of: a
    Flash video with a second header, or one with captions from its middle on. All packets have been read by then.

    Args:
        container: the file.
        tracks: whose packets; none: all of them.

    Yields:
        They, and an empty one of each track at the end.

    Raises:
        FFmpegError: it cannot be read further.
    """
    with suppress(IndexError):
        yield from container.demux(*tracks)
