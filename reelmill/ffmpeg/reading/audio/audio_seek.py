"""To a moment of an audio track, in files whose frames begin long after it, too."""

from __future__ import annotations

from contextlib import suppress

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError


def seek_audio(container: InputContainer, stream: AudioStream, time: float) -> None:
    """Go to a packet at or before a moment; from a file just opened, at least to its beginning.

    By default a container is sought by its video: before its first keyframe that fails (Matroska), or goes to that
    keyframe (mp4). By an audio track it may be slow.

    Args:
        container: just opened.
        stream: whose packets are wanted.
        time: in seconds, on the container's own clock.
    """
    begins = (
        video.start_time * (video.time_base or 1) for video in container.streams.video if video.start_time is not None
    )
    if all(begin <= time for begin in begins):
        with suppress(FFmpegError):
            container.seek(int(time * av.time_base), backward=True)
            return
    with suppress(FFmpegError):  # then it stays at its beginning, from where the moment is reached, too
        container.seek(int(time / (stream.time_base or 1)), stream=stream, backward=True)
