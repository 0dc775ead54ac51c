"""The only door into the library: a finished file is verified, placed without ever overwriting, then recorded.

Steps, and what a crash after each leaves behind:

    1. verify            the workspace only; thrown away
    2. fsync the file    the same
    3. write the intent  the same: nothing is in the library yet
    4. link into place   the file is in the library, the intent names it: ``intent.settle`` records it
    5. fsync the folder  the same
    6. catalogue record  complete
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import UserError
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.verify import Decode, Expectation, verify
from reelmill.layout import MediaRoot
from reelmill.operations import intent
from reelmill.operations.durable import fsync, place
from reelmill.operations.records import describe, new_record
from reelmill.operations.workbench import Workbench

_NAME_MAX: Final = 255  # bytes of one file name


@dataclass(frozen=True)
class Product:
    """What is to enter the library."""

    path: str  # wanted, relative to the media root; taken names get a suffix
    recipe: str
    expected: Expectation
    title: str
    source_video_id: uuid.UUID | None = None
    details: dict[str, Any] | None = None  # kept with the record, for a later run that finds it made
    exact: bool = False  # the path was asked for by a person: no suffix, a clash is an error


def existing(bench: Workbench, recipe: str) -> Video | None:
    """What an earlier run made by this recipe, if it is still there as it was."""
    with session() as opened:
        video = queries.by_recipe(opened, recipe)
        if video is None:
            return None
        if still_there(bench, video):
            bench.report.line(f"output: {video.path} was made before and is still good")
            return video
        # Somebody removed or replaced it: its record stays, what it says of how it was made no longer holds.
        video.recipe = None
        opened.add(video)
    return None


def still_there(bench: Workbench, video: Video) -> bool:
    """Whether the file of a record is there as it was when it was recorded."""
    path = bench.root.path / video.path
    return path.is_file() and (path.stat().st_size, path.stat().st_mtime_ns) == (video.size, video.mtime_ns)


def publish(bench: Workbench, staged: Path, product: Product, decode: Decode = check_whole) -> Video:
    """Take ``staged``, a finished video in a workspace, into the library.

    Args:
        bench: what to work with.
        staged: the file.
        product: as what it enters.
        decode: decodes all of it, for the proof.

    Raises:
        OutputRejected: it is not what it should be; nothing entered the library.
        UserError: ``exact`` and the path is taken.
    """
    info = verify(staged, product.expected, product.path, decode)
    fsync(staged)
    for relative in _candidates(product):
        folder, _, name = relative.rpartition("/")
        final = bench.root.resolve(folder) / name  # not the name itself: a link there is a name that is taken
        if final.exists():
            continue
        final.parent.mkdir(parents=True, exist_ok=True)
        video = new_record(relative, bench.root.directory_type(relative), staged.stat())
        describe(video, info)
        video.title, video.recipe = product.title, product.recipe
        video.source_video_id, video.made_by = product.source_video_id, bench.run_id
        video.details = product.details
        intent.write(staged, video)
        if place(staged, final):
            return intent.record(bench.root, video)
    raise UserError(f"{product.path} is already there and is never overwritten; choose another output path.")


def _candidates(product: Product) -> Iterator[str]:
    """The wanted path, then with the recipe as a suffix, then counted; each short enough for a file system."""
    wanted = PurePosixPath(product.path)
    yield str(wanted.with_name(fitting(wanted.stem, wanted.suffix)))
    if product.exact:
        return
    for count in range(1, 100):
        mark = f"-{product.recipe[:8]}" + (f"-{count}" if count > 1 else "")
        yield str(wanted.with_name(fitting(wanted.stem, mark + wanted.suffix)))


def fitting(stem: str, ending: str) -> str:
    """``stem + ending`` with the stem cut, at a character, to what one file name may hold (255 bytes)."""
    room = _NAME_MAX - len(ending.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + ending


def output_path(root: MediaRoot, written: str) -> str:
    """A path a person asked an output to be written to, checked and relative to the root.

    Raises:
        OutsideMediaRoot, UserError: out of the root, in no library folder, or not an mp4.
    """
    relative: Any = root.resolve(written).relative_to(root.path.resolve()).as_posix()
    if not relative.lower().endswith(".mp4"):
        raise UserError(f"The output path {written!r} must end in .mp4: that is what Reelmill writes.")
    root.directory_type(relative)
    return str(relative)
