"""Work that is done once: what an earlier run made by the same recipe is found, all else is made and published.

Every job type goes these steps, each in one place:

    1. ownership     the media root is this site's                                  ``workspace``
    2. lock          no other run is at the same recipe; what dead runs left is settled  ``workspace``
    3. find          the record of an earlier run, if what it made is still good         ``attempt``
    4. pre-flight    the disk has room, and what is made can be placed                   ``once``, ``require_place``
    5. make          in the attempt's own folder                                         the job
    6. publish       look at the sources again, verify, fence, place, record             ``publish``, ``place``
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from reelmill.catalogue.models import Video
from reelmill.operations.context import Workbench
from reelmill.operations.publishing.file_placing import place_file
from reelmill.operations.publishing.output_folders import mark_folder
from reelmill.operations.publishing.preflight import Destination, require_place
from reelmill.operations.publishing.records import adopt, clear_stale_recipe, find_by_recipe
from reelmill.operations.publishing.workspace import workspace
from reelmill.operations.recipe import Recipe
from reelmill.storage.atomic_files import drop_reservation

Output = TypeVar("Output")


@dataclass(frozen=True)
class Attempt:
    """A run's turn at one work; no other run has it until the turn ends."""

    folder: Path  # empty, and this run's own
    found: Video | None  # what an earlier run made, still as it was made, and not found invalid since


@contextmanager
def attempt(bench: Workbench, recipe: Recipe) -> Iterator[Attempt]:
    """A turn at the work of ``recipe``, for jobs that do more than make a video: see ``once``.

    Yields:
        The folder to work in, and what an earlier run made. Where that was removed or replaced, or found invalid, its
        record no longer counts as made by the recipe; a file that is still there stays, and what is made gets a name
        beside it.

    Raises:
        NotMounted: the folder that it was made into before is away.
        SiteError, DiskFull, Unreadable, LockLost, PlatformError: see ``workspace``.
    """
    with workspace(bench.root, recipe, bench.report) as folder:
        found = find_by_recipe(bench.root, recipe)
        if found is None:
            for video in clear_stale_recipe(bench.root, recipe):
                bench.report.line(f"{video.path} was made before, is invalid and stays where it is: it is made again")
        else:
            adopt(bench.root, recipe, found)
            mark_folder(bench.root, found.path)
            bench.report.line(f"output: {found.path} was made before and is still good")
        yield Attempt(folder, found)


def once(
    bench: Workbench,
    recipe: Recipe,
    make: Callable[[Path], Output],
    found: Callable[[Video], Output],
    *,
    to: Destination,
    room: int | None = None,
) -> Output:
    """Make a video of the library, or find it made.

    Args:
        bench: what to work with.
        recipe: a hash of what it is made from and how: see ``recipe``.
        make: makes it in an empty folder, and publishes it.
        found: the output that stands for the record of an earlier run.
        to: where it is to go; whether that can be is found out before it is made.
        room: bytes it takes on the disk, about; None where ``make`` asks for room itself, once it has planned.

    Returns:
        What ``make`` or ``found`` returns.

    Raises:
        DiskFull: the disk has no room; nothing was made.
        NameTaken, WrongParameter, CapabilityError: it could not be placed; see ``preflight.require_place``.
        SiteError, Unreadable, LockLost, PlatformError: see ``workspace``.
    """
    with attempt(bench, recipe) as turn:
        if turn.found is not None:
            return found(turn.found)
        if room is not None:
            bench.disk.require(room)
        require_place(bench.root, turn.folder, to)
        return make(turn.folder)


def files_once(
    bench: Workbench, recipe: str, writers: Mapping[str, Callable[[Path], None]], *, room: int | None = None
) -> bool:
    """Make the files of a work that has no record of its own, such as images, or find them made.

    Each is placed as soon as it is written, in the order of ``writers``, and never over another.

    Args:
        bench: what to work with.
        recipe: a hash of what they are made from and how; part of their names.
        writers: by path relative to the media root, what writes the file into the attempt's folder.
        room: bytes they take on the disk, about; None where they are small.

    Returns:
        Whether all were there.

    Raises:
        DiskFull: the disk has no room.
        CapabilityError: they could not be placed; see ``preflight.require_place``.
        ChangedMeanwhile: a source does not hold any more what they are made from; see ``sources.require_unchanged``.
        SiteError, Unreadable, LockLost, PlatformError: see ``workspace``.
    """
    with workspace(bench.root, recipe, bench.report) as folder:
        missing = [path for path in writers if not _made(bench.root.path / path)]
        if missing and room is not None:
            bench.disk.require(room)
        if missing:  # all are to be in one folder
            require_place(bench.root, folder, Destination(missing[0]))
        for path in missing:
            staged = folder / PurePosixPath(path).name
            writers[path](staged)
            place_file(bench.root, recipe, staged, path)
    return not missing


def _made(path: Path) -> bool:
    """Whether a file is there, rather than the name that a run which was killed has reserved for it."""
    return path.exists() and not drop_reservation(path)
