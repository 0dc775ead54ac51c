"""May decoding begin at a keyframe? Answered by decoding it both ways and comparing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from av.error import FFmpegError
from av.video.frame import VideoFrame

from reelmill.ffmpeg.index import Index, Keyframe
from reelmill.ffmpeg.probe import main_video, open_media

#: Pictures compared: more than any that a later one refers to past the keyframe (16, ITU-T H.264, A.3.1).
_COMPARED: Final = 17


def enterable(path: Path, index: Index, keyframe: Keyframe) -> bool:
    """Whether decoding from ``keyframe`` on gives, picture by picture, what decoding from the one before it gives.

    Asked only where the stream itself leaves it open: at an H.264 keyframe that is no IDR picture, as intra refresh,
    open groups of pictures and careless muxers make them.
    """
    if keyframe.certain:
        return True
    before = max(other.time for other in index.keyframes if other.time < keyframe.time)
    return _pictures(path, keyframe.time, keyframe.time) == _pictures(path, before, keyframe.time)


def _pictures(path: Path, entry: int, begin: int) -> list[tuple[int, str]]:
    """Times (ticks) and hashed luma of the first pictures shown from ``begin`` on, decoded from packet ``entry`` on."""
    shown = (frame for frame in _decoded(path, entry) if frame.pts is not None and frame.pts >= begin)
    return [(frame.pts or 0, hashlib.sha256(bytes(frame.planes[0])).hexdigest()) for frame in islice(shown, _COMPARED)]


def _decoded(path: Path, entry: int) -> Iterator[VideoFrame]:
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        stream = found[1]
        container.seek(entry, stream=stream, backward=True)
        entered = False
        for packet in container.demux(stream):
            entered = entered or packet.pts == entry
            if not entered and packet.size:
                continue
            try:
                yield from packet.decode()
            except FFmpegError:
                return
