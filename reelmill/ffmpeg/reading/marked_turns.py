"""Whether a video is turned by marks in its H.264 (ITU-T H.264, D.2.27), which few players follow.

A mark may count for the frames after it, too, but libavcodec gives it to its own frame alone (to all of them in H.265):
ffmpeg would turn that one, and squeeze the rest into its shape.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

from av.error import FFmpegError

from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.orientation import mirrored, rotation
from reelmill.ffmpeg.reading.probe import VideoTrack, blame_disk, main_video, open_media

#: How many degrees clockwise a frame is turned, and whether it is mirrored: see ``orientation.upright``.
Turn = tuple[int, bool]

_UPRIGHT: Final[Turn] = (0, False)
_MARKED: Final = "h264"


def may_be_marked(video: VideoTrack) -> bool:
    """Whether a video is turned, in the codec that is so marked, so that it is worth being looked into (pure)."""
    return video.codec == _MARKED and (video.rotation, video.mirrored) != _UPRIGHT


def marked_turn(path: Path) -> Turn | None:
    """How a video is to be turned of which the first frame has a mark, and the next has none.

    Args:
        path: the file.

    Returns:
        As its container has it, or where that has nothing of it, the mark; None where both frames are turned alike.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    turns: list[Turn] = []
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        found[1].thread_count = 1  # several would want more packets before they give the first frame
        try:
            frames = (frame for packet in demuxed(container, found[1]) for frame in packet.decode())
            turns += [(rotation(frame), mirrored(frame)) for frame in islice(frames, 2)]
        except FFmpegError as error:  # whether it plays is for ``decode`` to find
            blame_disk(error, path)
    if len(set(turns)) < 2:
        return None
    marked, stated = turns
    return marked if stated == _UPRIGHT else stated
