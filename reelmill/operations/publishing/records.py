"""From a file on disk to its catalogue record, and from a recipe to the record of what was made by it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any, Final

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.verdicts import OPENED
from reelmill.catalogue.limits import clean
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import searching
from reelmill.errors import InputError
from reelmill.ffmpeg.process.cost import Cost
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.operations.publishing.output_folders import require_folder
from reelmill.operations.recipe import Recipe
from reelmill.storage import file_hash
from reelmill.storage.absence import ABSENT
from reelmill.storage.content_id import content_id
from reelmill.storage.media_root import OUTPUT_TYPES, MediaRoot

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


def note_cost(video: Video, cost: Cost) -> None:
    """Write into the record of a web copy what it was made of and what that cost, for SQL to sum and sort."""
    video.source_size, video.vmaf = cost.bytes_in, cost.vmaf
    video.encode_cpu_seconds, video.encode_joules = cost.cpu_seconds, cost.joules


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
    """A record that knows where the file is and nothing of what is in it.

    A file of no record in a folder of products counts as a product: the catalogue was lost, or is another one.

    Returns:
        The record, not in the catalogue yet.
    """
    name = PurePosixPath(path)
    return Video(
        title=name.stem,
        path=path,
        directory_type=directory_type,
        filename=name.name,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        is_product=directory_type in OUTPUT_TYPES,
    )


def read_record(root: MediaRoot, path: str, directory_type: str) -> Video:
    """The full record of a file; one that cannot be read is a record with the reason.

    Returns:
        The record, not in the catalogue yet.

    Raises:
        FileNotFoundError: it is gone.
    """
    # Size and time are taken before it is opened: a file that changes meanwhile differs at the next scan.
    stat = (root.path / path).stat()
    video = new_record(path, directory_type, stat)
    if S_ISREG(stat.st_mode) and stat.st_size:  # to open a pipe would wait for its writer; all empty files are alike
        video.content_id = content_id(root.path / path)
    video.checked_depth, video.checked_at = OPENED, utc_now()
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
    """Whether the file of a record is there and holds what it held when it was recorded, whatever its time is now.

    Args:
        root: the media root.
        video: the record.

    Returns:
        By its size and times where they are as they were; else by its content id, or by the hash it was made with.

    Raises:
        OSError: the disk does not answer.
    """
    path = root.path / video.path
    try:
        stat = path.stat()
        if stat.st_size != video.size:
            return False
        if stat.st_mtime_ns == video.mtime_ns and video.ctime_ns in (None, stat.st_ctime_ns):
            return True
        if video.content_id is not None:
            return content_id(path) == video.content_id
        return video.blake2 is not None and file_hash.blake2(path) == video.blake2
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise


def is_good(root: MediaRoot, video: Video) -> bool:
    """Whether what a job made may be given to whoever wants the same.

    Args:
        root: the media root.
        video: its record.

    Returns:
        Whether no check has found it invalid (a disk that rots changes neither size nor time), and it is intact.

    Raises:
        OSError: the disk does not answer.
    """
    return video.is_valid and is_intact(root, video)


def find_by_recipe(root: MediaRoot, recipe: Recipe) -> Video | None:
    """The record of what was made by ``recipe``; None where there is none, or it is not good any more."""
    with session() as opened:
        videos = searching.by_recipes(opened, [*recipe.names, *recipe.former])
    return next((video for video in videos if is_good(root, video)), None)


def adopt(root: MediaRoot, recipe: Recipe, video: Video) -> None:
    """Have what was found made be recorded as it is now, where an earlier version recorded it by another name."""
    with session() as opened:
        found = searching.get_video(opened, video.id)
        name = recipe.former.get(found.recipe or "", found.recipe)
        stale = None if name is None or name == found.recipe else searching.by_recipe(opened, name)
        if stale is not None:  # its file is not as it was made, or it would have been the one that was found
            stale.recipe = None
            opened.add(stale)
            opened.flush()  # no two records have one name, not even for a moment
        found.recipe = name
        if found.content_id is None:
            found.content_id = content_id(root.path / found.path)
        opened.add(found)


def clear_stale_recipe(root: MediaRoot, recipe: Recipe) -> list[Video]:
    """Take ``recipe`` from records that are not good any more; the records themselves stay, and so do their files.

    Returns:
        Those of them that a check has found invalid.

    Raises:
        NotMounted: the folder of such a file is away, and the file perhaps as it was.
    """
    invalid = []
    with session() as opened:
        for video in searching.by_recipes(opened, [*recipe.names, *recipe.former]):
            if not is_good(root, video):
                if not (root.path / video.path).exists():
                    require_folder(root, video.path)
                video.recipe = None
                opened.add(video)
                invalid += [] if video.is_valid else [video]
    return invalid
