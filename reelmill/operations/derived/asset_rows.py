"""From images and GIFs on the disk to their rows in the catalogue."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets as facts
from reelmill.catalogue.models import Asset, AssetKind, Video
from reelmill.errors import ChangedMeanwhile
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import SourceContent

#: Names of assets after the id of their video and the beginning of their recipe, see ``image_names``.
_NAMES: Final = {
    AssetKind.THUMBNAIL: re.compile(r"\.jpg"),
    AssetKind.SHEET: re.compile(r"-(\d{1,8})\.jpg"),
    AssetKind.STORYBOARD: re.compile(r"\.vtt"),
    AssetKind.SCENE_IMAGE: re.compile(r"-scene-(\d{4,8})\.jpg"),
    AssetKind.CONTACT_SHEET: re.compile(r"-scenes\.jpg"),
    AssetKind.GIF: re.compile(r"\.gif"),
}
_OWNER: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9a-f]{8}")


class Role(NamedTuple):
    """What an asset is among those of its video."""

    kind: AssetKind
    number: int | None = None  # of the sheet or the scene, from 1


def rows(
    bench: Workbench, video: Video, content: SourceContent, recipe: str, assets: Mapping[str, Role]
) -> list[Asset]:
    """The rows of assets that are in their places.

    Args:
        bench: what to work with.
        video: the record of what they were made of.
        content: what its file holds.
        recipe: of the work that made them.
        assets: by path relative to the media root.

    Returns:
        A row for each, not in the catalogue yet.

    Raises:
        OSError: one has gone meanwhile.
    """
    return [
        Asset(
            video_id=video.id, path=path, kind=role.kind, number=role.number, content_id=content.file_id,
            recipe=str(recipe), size=(bench.root.path / path).stat().st_size, made_by=bench.run_id,
        )
        for path, role in assets.items()
    ]  # fmt: skip


def record(video: Video, assets: Sequence[Asset]) -> list[Asset]:
    """Put the rows of a video's assets into the catalogue.

    Args:
        video: the record of what they were made of.
        assets: as ``rows`` returns them.

    Returns:
        They, by the id that the video has now, see ``owners_now``.

    Raises:
        ChangedMeanwhile: the video has left the catalogue.
    """
    with session() as opened:
        recorded = facts.record(opened, assets)
    if assets and not recorded:
        raise ChangedMeanwhile(f"{video.path} left the catalogue while it was looked at; scan it.", video.path)
    return recorded


def named(path: str) -> Asset | None:
    """The row of an asset by its name alone, for one that was made before assets had rows (pure).

    Args:
        path: relative to the media root.

    Returns:
        The row; None where the name is none that a job gives.
    """
    name = PurePosixPath(path).name
    owner = _OWNER.match(name)
    if owner is None:
        return None
    for kind, ending in _NAMES.items():
        found = ending.fullmatch(name, owner.end())
        if found is not None:
            number = int(found[1]) if ending.groups else None
            return Asset(video_id=uuid.UUID(owner[1]), path=path, kind=kind, number=number)
    return None
