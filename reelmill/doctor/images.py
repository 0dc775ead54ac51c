"""Images of videos whose records lack them, or bear another id: known by their names and by the marks in them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime

from sqlmodel import Session

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
        One image of each such id, with the id that its video has now.
    """
    found: dict[str, uuid.UUID] = {}
    seen: set[uuid.UUID | None] = set()
    for path in images:
        owner = owner_of(path)
        if owner in seen:
            continue
        seen.add(owner)
        with session() as opened:
            video = None if owner is None else _recorded_anew(opened, root, path, found.values())
        if video is not None:
            found[path] = video.id
    return found


def _recorded_anew(opened: Session, root: MediaRoot, path: str, taken: Collection[uuid.UUID]) -> Video | None:
    """The record that was made of the image's video after the image was; an older one is that of a copy of it."""
    content = _content(root, path)
    if content is None:
        return None
    made = datetime.fromtimestamp((root.path / path).stat().st_mtime, UTC)
    ids = [video_id for video_id in searching.ids_of_content(opened, content) if video_id not in taken]
    videos = (opened.get_one(Video, video_id) for video_id in ids)
    return next((video for video in videos if video.created_at > made), None)


def give_back_id(root: MediaRoot, path: str) -> uuid.UUID | None:
    """Give the record of an image's video the id that the image is named by, and with it all that bears that id.

    Args:
        root: the media root.
        path: of the image, see ``recorded_anew``; looked at anew.

    Returns:
        The id; None where nothing was done.
    """
    owner = owner_of(path)
    with session() as opened:
        if owner is None or opened.get(Video, owner) is not None:
            return None
        video = _recorded_anew(opened, root, path, ())
        if video is None:
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


def _content(root: MediaRoot, path: str) -> str | None:
    """The content id of what an image was made from, by its mark."""
    try:
        held = file_mark.read(root.path / path) or {}
    except OSError:  # gone, or a disk that does not answer: nothing is known of it
        return None
    content = held.get("content")
    return content if isinstance(content, str) else None
