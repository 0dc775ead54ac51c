"""The disks of their own below the media root: which are mounted, and which of those seen before are away."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from reelmill.catalogue import mount_points
from reelmill.catalogue.engine import session
from reelmill.catalogue.limits import unfit
from reelmill.report import printable
from reelmill.storage.media_root import LIBRARY, MediaRoot
from reelmill.storage.mounts import mounts_below
from reelmill.wording import plural


class AwayDisk(NamedTuple):
    """A disk that was mounted once and is not, with what is not there in consequence."""

    place: str  # relative to the media root, as all paths here
    paths: tuple[str, ...]  # of videos

    def __str__(self) -> str:
        videos = plural(len(self.paths), "video")
        return (
            f"{printable(self.place)} was a disk of its own and is not mounted; what is known of its {videos} stays: "
            "mount it and scan, or run `reelmill doctor --repair` if it was emptied for good."
        )


def mounted(root: MediaRoot) -> frozenset[str]:
    """Where disks of their own are mounted below the media root, but for that itself.

    Args:
        root: the media root.

    Returns:
        Paths relative to it.
    """
    found = set[str]()
    for folder in (Path(), *_linked_folders(root)):
        place = Path(os.path.realpath(root.path / folder))
        found |= {str(folder / point.relative_to(place)) for point in mounts_below(place)}
    return frozenset(path for path in found - {"."} if unfit(path, 0) is None)


def _linked_folders(root: MediaRoot) -> Iterator[Path]:
    """Folders of originals that are links: a walk begins there, and the disk is below what they point to."""
    for folder in (root.path, root.path / LIBRARY):
        with suppress(OSError):  # it is not there, or its disk does not answer
            yield from (each.relative_to(root.path) for each in folder.iterdir() if each.is_symlink())


def record_mounted(root: MediaRoot, before: frozenset[str] | None = None) -> frozenset[str]:
    """Record where disks are mounted, so that one that is away is missed.

    Args:
        root: the media root.
        before: only those among these.

    Returns:
        Where they are.
    """
    now = mounted(root) if before is None else mounted(root) & before
    with session() as opened:
        mount_points.record(opened, now)
    return now


def away(root: MediaRoot, gone: Collection[str], folder: str = "") -> list[AwayDisk]:
    """Disks that explain why files are gone: seen before, not mounted here, and not one known video is there.

    What other programs put into the folder that the disk has left is no sign that the disk is there: it was recorded
    after the disk was seen. Another node may mount what this one sees as a part of a share; there the known videos are.

    Args:
        root: the media root.
        gone: videos that are not there and have not been recorded as missing.
        folder: to which the look at the library was restricted; empty: it was not.

    Returns:
        The disks, by their places.
    """
    if not gone:
        return []
    now, disks = mounted(root), list[AwayDisk]()
    explained = set[str]()
    with session() as opened:
        for place, seen_at in sorted(mount_points.recorded(opened).items(), reverse=True):  # those on others first
            below = None if place in now else _within(place, folder)
            if below is None:
                continue
            paths = _below(gone, below)
            if not explained.issuperset(paths) and not mount_points.holds_others(opened, below, paths, seen_at):
                disks.append(AwayDisk(place, tuple(path for path in paths if path not in explained)))
                explained.update(paths)
    return disks[::-1]


def _within(place: str, folder: str) -> str | None:
    """What of a folder lies on the disk mounted at a place (pure): all of it, the place, or nothing."""
    if f"{folder}/".startswith(f"{place}/"):
        return folder
    return place if not folder or place.startswith(f"{folder}/") else None


def _below(paths: Collection[str], folder: str) -> tuple[str, ...]:
    return tuple(path for path in paths if path.startswith(f"{folder}/"))
