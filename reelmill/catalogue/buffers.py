"""How much of the library's tables the embedded server holds in memory of its own (pure).

PostgreSQL's own default is 128 MB, whatever the node has; of a million videos the table and its indexes take several
times that. With 512 MB, counting those of a frequent word took 55 ms rather than 80, and sorting them by size 65 rather
than 95. Only what was read is really taken. The kernel caches the same files once more, so that more would help little.
"""

from __future__ import annotations

from typing import Final

_LEAST: Final = 128  # PostgreSQL's default
_MOST: Final = 512

#: Jobs and their ffmpeg are what a node's memory is for.
_SHARE: Final = 16


def shared_buffers(memory: int) -> int:
    """The ``shared_buffers`` of an embedded server.

    Args:
        memory: that the node has, or its container may have, in MB.

    Returns:
        MB, 128 to 512.
    """
    return max(_LEAST, min(_MOST, memory // _SHARE))
