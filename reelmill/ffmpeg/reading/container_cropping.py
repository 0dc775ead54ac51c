"""What a container has cropped of a track, whichever it is."""

from __future__ import annotations

from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.cropping import UNCROPPED, Cropping
from reelmill.ffmpeg.reading.matroska_tracks import croppings
from reelmill.ffmpeg.reading.sample_entries import SampleEntry


def container_cropping(
    path: Path, container: InputContainer, stream: VideoStream, entry: SampleEntry | None
) -> Cropping:
    """What the container has cropped of a stream's frames.

    Args:
        path: the file.
        container: the same, open.
        stream: of it.
        entry: of the stream, where the file is an mp4.

    Returns:
        The cropping; none where it has none.
    """
    if "matroska" in container.format.name:
        return dict(enumerate(croppings(path))).get(stream.index, UNCROPPED)
    return UNCROPPED if entry is None else entry.cropping
