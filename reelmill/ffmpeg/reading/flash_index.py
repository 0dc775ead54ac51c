"""Flash videos, which need not have an index."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av

from reelmill.ffmpeg.reading.probe import MediaInfo, main_video, open_media

_FLASH: Final = "flv"
#: How much of a file the keyframes that its header names reach over, at least.
_REACHES: Final = 0.5


def sought_from_start(path: Path, info: MediaInfo) -> bool:
    """Whether each seek in a file reads it from its start: a Flash video whose header does not name its keyframes.

    Args:
        path: the file.
        info: its facts.

    Returns:
        Whether it is one; also where it does not say how long it is.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
    """
    if info.container != _FLASH:
        return False
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        stream, length = found[1], (container.duration or 0) / av.time_base
        named = max((entry.timestamp for entry in stream.index_entries if entry.is_keyframe), default=0)
        reaches = named * float(stream.time_base or 0) - (container.start_time or 0) / av.time_base
        return not length or reaches < _REACHES * length
