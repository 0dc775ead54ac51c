"""From a file on disk to its catalogue record, and from a recipe to the record of what was made by it."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath
from typing import Any, Final

from reelmill.catalogue import searching
from reelmill.catalogue.engine import session
from reelmill.catalogue.limits import clean
from reelmill.catalogue.models import Video
from reelmill.errors import InputError
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.storage.media_root import MediaRoot

_FACTS: Final = {
    "title", "filename", "size", "container", "video_codec", "audio_codec", "width", "height", "rotation",
    "orientation", "frame_rate", "duration", "bit_rate", "audio_tracks", "subtitle_tracks", "is_valid",
}  # fmt: skip


#: Characters of a title; some files carry their whole description there.
_TITLE_MAX: Final = 500


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

    Returns:
        By the names of the columns.

    Raises:
        InputError: it cannot be used.
    """
    info = probe(path)
    video = new_record(path.name, "", path.stat())
    describe(video, info)
    video.title = _title(info) or video.title
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

    Returns:
        The record, not in the catalogue yet.

    Raises:
        FileNotFoundError: it is gone.
    """
    # Size and time are taken before it is opened: a file that changes meanwhile differs at the next scan.
    video = new_record(path, directory_type, (root.path / path).stat())
    try:
        info = probe(root.path / path)
    except InputError as error:
        video.is_valid, video.validation_error = False, clean(str(error))
        return video
    describe(video, info)
    video.title = _title(info) or video.title
    return video


def _title(info: MediaInfo) -> str | None:
    return None if info.title is None else clean(info.title)[:_TITLE_MAX].strip()


def is_intact(root: MediaRoot, video: Video) -> bool:
    """Whether the file of a record is there as it was when it was recorded, by its size and modification time."""
    try:
        stat = (root.path / video.path).stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return False
        raise
    return (stat.st_size, stat.st_mtime_ns) == (video.size, video.mtime_ns)


def find_by_recipe(root: MediaRoot, recipe: str) -> Video | None:
    """The record of what was made by ``recipe``; None where there is none, or its file is not as it was made."""
    with session() as opened:
        video = searching.by_recipe(opened, recipe)
    return video if video is not None and is_intact(root, video) else None


def clear_stale_recipe(root: MediaRoot, recipe: str) -> None:
    """Take ``recipe`` from the record whose file somebody has removed or replaced; the record itself stays."""
    with session() as opened:
        video = searching.by_recipe(opened, recipe)
        if video is not None and not is_intact(root, video):
            video.recipe = None
            opened.add(video)
