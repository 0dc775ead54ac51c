"""Video that begins later than libav looks for it: no header of a broadcast has the size of its frames."""

from __future__ import annotations

from typing import Final

import av
from av.container import InputContainer

from reelmill.ffmpeg.demuxers import opening_options

#: How far libav is to look for frames that it has not found within its usual 5 s: microseconds and bytes.
FARTHER: Final = {"analyzeduration": "600000000", "probesize": "268435456"}


def opened(url: str) -> InputContainer:
    """Open a file of the library; one whose video begins late a second time, and look farther.

    Args:
        url: libav's of the file.

    Returns:
        The container, which whoever opens it closes.

    Raises:
        FFmpegError, OSError: it does not open.
    """
    container = _opened(url, {})
    if not _is_unseen(container):
        return container
    container.close()
    return _opened(url, FARTHER)


def begins_late(url: str) -> bool:
    """Whether ffmpeg needs the options of ``FARTHER`` for a file.

    Args:
        url: libav's of it.

    Returns:
        True where its video begins so late.

    Raises:
        FFmpegError, OSError: it does not open.
    """
    with _opened(url, {}) as container:
        return _is_unseen(container)


def _opened(url: str, options: dict[str, str]) -> InputContainer:
    return av.open(url, metadata_errors="ignore", options=opening_options() | options)


def _is_unseen(container: InputContainer) -> bool:
    """Whether libav knows codecs of video and has seen no frame of any; a track beside others may have none at all."""
    known = [one for stream in container.streams.video if (one := stream.codec_context) is not None]
    return bool(known) and not any(context.width for context in known)
