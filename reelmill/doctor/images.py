"""Images of videos whose records lack them, or bear another id: known by their names and by the marks in them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets
from reelmill.catalogue.limits import unfit
from reelmill.catalogue.models import Asset, Video
from reelmill.catalogue.site_identity import site
from reelmill.catalogue.videos import merging, searching
from reelmill.doctor.inventory import IMAGE_FOLDERS, Inventory, Portions, owner_of
from reelmill.operations.derived import asset_rows
from reelmill.storage import file_mark
from reelmill.storage.media_root import MediaRoot

_AT_ONCE: Final = 2000  # images
#: In which an upgraded site records its images, each hour until it has them all.
_SECONDS: Final = 300.0


class EarlierIds(NamedTuple):
    """Ids that no record has, and that images bear, each by one of its images."""

    video_ids: Mapping[str, uuid.UUID] = MappingProxyType({})  # the id that their video has now
    unsure: tuple[str, ...] = ()  # of exact copies: which of them had which id is not known


def recorded_anew(root: MediaRoot, images: Iterable[str]) -> EarlierIds:
    """Images of ids that no record has, whose videos a scan has recorded anew since they were made.

    Args:
        root: the media root.
        images: paths of such images, relative to it.

    Returns:
        One image of each such id: with its video where there is one alone that it can be of, and where it is the only
        id that this video can have had.
    """
    first: dict[uuid.UUID, str] = {}
    for path in sorted(images):
        owner = owner_of(path)
        if owner is not None:
            first.setdefault(owner, path)
    by_content: dict[str, dict[str, list[uuid.UUID]]] = {}
    for path in first.values():
        mark = _mark(root, path)
        if mark is not None and (anew := _recorded_after(root, mark)):
            by_content.setdefault(mark.content, {})[path] = anew
    sure = {path: ids[0] for found in by_content.values() if len(found) == 1 for path, ids in found.items()
            if len(ids) == 1}  # fmt: skip
    unsure = sorted(path for found in by_content.values() for path in found if path not in sure)
    return EarlierIds(sure, tuple(unsure))


class _Mark(NamedTuple):
    content: str  # id of what the image was made from
    made: datetime


def _recorded_after(root: MediaRoot, mark: _Mark) -> list[uuid.UUID]:
    """The records that were made of what an image shows after the image was, and that have no images of their own."""
    # An older record is that of a copy of the video; one that has images has the id that it is known by.
    with session() as opened:
        ids = searching.ids_of_content(opened, mark.content)
        anew = [video_id for video_id in ids if opened.get_one(Video, video_id).created_at > mark.made]
    return [video_id for video_id in anew if not of_owner(root, video_id)]


def give_back_id(root: MediaRoot, path: str) -> uuid.UUID | None:
    """Give the record of an image's video the id that the image is named by, and with it all that bears that id.

    Args:
        root: the media root.
        path: of the image, see ``recorded_anew``; looked at anew.

    Returns:
        The id; None where nothing was done.
    """
    owner, mark = owner_of(path), _mark(root, path)
    anew = [] if mark is None else _recorded_after(root, mark)
    if owner is None or len(anew) != 1:
        return None
    with session() as opened:
        video = opened.get(Video, anew[0])
        if video is None or opened.get(Video, owner) is not None:
            return None
        merging.give_id(opened, video, owner)
    return owner


def of_owner(root: MediaRoot, owner: uuid.UUID) -> list[str]:
    """The images whose names begin with the id of a video, relative to the media root."""
    folders = [root.path / folder / inner for folder in IMAGE_FOLDERS for inner in ("", owner.hex[:2])]
    return [root.relative(path) for folder in folders for path in folder.glob(f"{owner}-*")]


def adopt(root: MediaRoot, paths: Sequence[str]) -> int:
    """Record images of videos that are known.

    Args:
        root: the media root.
        paths: of images that no row names, relative to it.

    Returns:
        How many of them are recorded now.
    """
    count = 0
    for start in range(0, len(paths), _AT_ONCE):
        found = _assets_of(root, paths[start : start + _AT_ONCE])
        with session() as opened:
            count += assets.adopt(opened, found)
    return count


def are_to_be_adopted() -> bool:
    """Whether the catalogue was upgraded from a version without rows for images, and nobody looked for them since."""
    with session() as opened:
        return site(opened).has_unrecorded_images


def adopt_all(root: MediaRoot, seconds: float = _SECONDS) -> int:
    """Record every image on the disk that no row names, of videos that are known; an upgraded site does so once.

    Args:
        root: the media root.
        seconds: after which the rest is left for the next time: whoever looks after the site has more to do.

    Returns:
        How many are recorded now.
    """
    count, until = 0, time.monotonic() + seconds

    def adopt_new(paths: list[str]) -> None:
        nonlocal count
        with session() as opened:
            recorded = assets.recorded(opened, paths)
        count += adopt(root, [path for path in paths if path not in recorded])

    found, portions = Inventory(root), Portions(adopt_new)
    for path, file in found.files(IMAGE_FOLDERS):
        if time.monotonic() > until:
            return count
        if unfit(path, file.mtime_ns) is None:
            portions.add(path)
    portions.finish()
    if not found.unreadable:  # else those in there are looked for again
        with session() as opened:
            site(opened).has_unrecorded_images = False
    return count


def _assets_of(root: MediaRoot, paths: Iterable[str]) -> list[Asset]:
    """The rows of images by their names and marks: one for each whose name a job gives, those made last first."""
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


def _mark(root: MediaRoot, path: str) -> _Mark | None:
    """What an image was made from, by its mark, and when the image was made."""
    try:
        held, made = file_mark.read(root.path / path) or {}, (root.path / path).stat().st_mtime
    except OSError:  # gone, or a disk that does not answer: nothing is known of it
        return None
    content = held.get("content")
    return _Mark(content, datetime.fromtimestamp(made, UTC)) if isinstance(content, str) else None
