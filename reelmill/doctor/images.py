"""Images of videos whose records lack them, or bear another id: known by their names and by the marks in them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime

from reelmill.catalogue import merging, searching
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Asset, Video
from reelmill.doctor.inventory import IMAGE_FOLDERS, owner_of
from reelmill.operations.derived import asset_rows
from reelmill.storage import file_mark
from reelmill.storage.media_root import MediaRoot


def recorded_anew(root: MediaRoot, images: Iterable[str]) -> dict[str, uuid.UUID]:
    """Images of ids that no record has, whose videos a scan has recorded anew since they were made.

    Args:
        root: the media root.
        images: paths of such images, relative to it.

    Returns:
        One image of each such id, with the id that its video has now; of exact copies, each video once.
    """
    first: dict[uuid.UUID, str] = {}
    for path in images:
        owner = owner_of(path)
        if owner is not None:
            first.setdefault(owner, path)
    found: dict[str, uuid.UUID] = {}
    taken: set[uuid.UUID] = set()
    for path in first.values():
        video_id = _recorded_anew(root, path, taken)
        if video_id is not None:
            found[path] = video_id
            taken.add(video_id)
    return found


def _recorded_anew(root: MediaRoot, path: str, taken: Collection[uuid.UUID] = ()) -> uuid.UUID | None:
    """The record that was made of the image's video after the image was, and that has no images of its own id."""
    # An older record is that of a copy of the video; one that has images has the id that it is known by.
    mark = _mark(root, path)
    if mark is None:
        return None
    content, made = mark
    with session() as opened:
        ids = [video_id for video_id in searching.ids_of_content(opened, content) if video_id not in taken]
        anew = [video_id for video_id in ids if opened.get_one(Video, video_id).created_at > made]
    return next((video_id for video_id in anew if not of_owner(root, video_id)), None)


def give_back_id(root: MediaRoot, path: str) -> uuid.UUID | None:
    """Give the record of an image's video the id that the image is named by, and with it all that bears that id.

    Args:
        root: the media root.
        path: of the image, see ``recorded_anew``; looked at anew.

    Returns:
        The id; None where nothing was done.
    """
    owner, video_id = owner_of(path), _recorded_anew(root, path)
    if owner is None or video_id is None:
        return None
    with session() as opened:
        video = opened.get(Video, video_id)
        if video is None or opened.get(Video, owner) is not None:
            return None
        merging.give_id(opened, video, owner)
    return owner


def of_owner(root: MediaRoot, owner: uuid.UUID) -> list[str]:
    """The images whose names begin with the id of a video, relative to the media root."""
    folders = [root.path / folder / inner for folder in IMAGE_FOLDERS for inner in ("", owner.hex[:2])]
    return [root.relative(path) for folder in folders for path in folder.glob(f"{owner}-*")]


def assets_of(root: MediaRoot, paths: Iterable[str]) -> list[Asset]:
    """The rows of images by their names and marks.

    Args:
        root: the media root.
        paths: of images, relative to it.

    Returns:
        A row for each whose name is one that a job gives, those made last first.
    """
    found = [(path, asset) for path in paths if (asset := asset_rows.named(path)) is not None]
    made = list[tuple[int, Asset]]()
    for path, asset in found:
        with suppress(OSError):  # gone meanwhile, or a disk that does not answer
            stat, held = (root.path / path).stat(), file_mark.read(root.path / path) or {}
            content, recipe = held.get("content"), held.get("recipe")
            asset.content_id = content if isinstance(content, str) else None
            asset.recipe = recipe if isinstance(recipe, str) else None
            asset.size = stat.st_size
            made.append((stat.st_mtime_ns, asset))
    return [asset for _, asset in sorted(made, key=lambda one: one[0], reverse=True)]


def _mark(root: MediaRoot, path: str) -> tuple[str, datetime] | None:
    """The content id of what an image was made from, by its mark, and when the image was made."""
    try:
        held, made = file_mark.read(root.path / path) or {}, (root.path / path).stat().st_mtime
    except OSError:  # gone, or a disk that does not answer: nothing is known of it
        return None
    content = held.get("content")
    return (content, datetime.fromtimestamp(made, UTC)) if isinstance(content, str) else None
