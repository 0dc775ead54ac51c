"""What a container has cropped of a track, and which Dolby Vision it has, whichever container it is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from av.container import InputContainer
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.containers.matroska_tracks import MatroskaTrack, matroska_tracks
from reelmill.ffmpeg.reading.containers.sample_entries import SampleEntry
from reelmill.ffmpeg.reading.containers.transport_streams import dolby_vision_profiles

#: The codec that Dolby Vision without another layer is in.
_DOLBY_VISION: Final = "hevc"


def track_facts(
    path: Path, container: InputContainer, stream: VideoStream, entry: SampleEntry | None
) -> SampleEntry | MatroskaTrack:
    """What the container has of a stream and libav does not.

    Args:
        path: the file.
        container: the same, open.
        stream: of it.
        entry: of the stream, where the file is an mp4.

    Returns:
        Its cropping and its profile of Dolby Vision; nothing is cropped where it does not say so.
    """
    if "matroska" in container.format.name:
        return dict(enumerate(matroska_tracks(path))).get(stream.index, MatroskaTrack())
    if container.format.name == "mpegts" and stream.codec_context.codec.canonical_name == _DOLBY_VISION:
        return MatroskaTrack(dolby_vision=dolby_vision_profiles(path).get(stream.id))
    return MatroskaTrack() if entry is None else entry
