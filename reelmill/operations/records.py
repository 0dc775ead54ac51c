"""From a file on disk to its catalogue record (pure but for the probe)."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any, Final

from reelmill.catalogue.models import Video
from reelmill.errors import InputError
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.layout import MediaRoot

_FACTS: Final = {
    "title", "filename", "size", "container", "video_codec", "audio_codec", "width", "height", "rotation",
    "orientation", "frame_rate", "duration", "bit_rate", "audio_tracks", "subtitle_tracks", "is_valid",
}  # fmt: skip


def describe(video: Video, info: MediaInfo) -> None:
    """Write the facts of ``info`` into ``video``."""
    video.container = info.container
    video.video_codec = info.video.codec
    video.audio_codec = info.audio_codecs[0] if info.audio_codecs else None
    video.width, video.height = info.video.width, info.video.height
    video.rotation = info.video.rotation
    video.orientation = info.video.orientation
    video.frame_rate = info.video.frame_rate
    video.duration = None if info.duration is None else float(info.duration)
    video.bit_rate = info.bit_rate
    video.audio_tracks = info.audio_tracks
    video.subtitle_tracks = len(info.subtitle_codecs)


def facts(path: Path) -> dict[str, Any]:
    """What the catalogue would hold of any file, in JSON's types; nothing that needs a library.

    Raises:
        InputError: it cannot be used.
    """
    info = probe(path)
    video = new_record(path.name, "", path.stat())
    describe(video, info)
    video.title = info.title or video.title
    return {"path": str(path), **video.model_dump(mode="json", include=_FACTS)}


def new_record(path: str, directory_type: str, stat: os.stat_result) -> Video:
    """A record that knows where the file is and nothing of what is in it."""
    name = PurePosixPath(path)
    return Video(
        title=name.stem,
        path=path,
        directory_type=directory_type,
        filename=name.name,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
    )


def read_record(root: MediaRoot, path: str, directory_type: str) -> Video:
    """The full record of a file; one that cannot be read is a record with the reason.

    Raises:
        FileNotFoundError: it is gone.
    """
    # Size and time are taken before it is opened: a file that changes meanwhile differs at the next scan.
    video = new_record(path, directory_type, (root.path / path).stat())
    try:
        info = probe(root.path / path)
    except InputError as error:
        video.is_valid, video.validation_error = False, str(error)
        return video
    describe(video, info)
    video.title = info.title or video.title
    return video
