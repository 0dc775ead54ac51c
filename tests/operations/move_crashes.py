"""Moves a video and dies at a given boundary, again and again: run as a program by ``test_move_crashes.py``.

See ``crashes.py`` for what a boundary and a life are.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import select

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.move_to_library import move_to_library
from reelmill.operations.jobs.scan import scan
from reelmill.operations.publishing.records import read_record
from reelmill.storage import atomic_files
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes
from tests.operations.crashes import Boundaries, get_ready_for_lives, in_a_life_of_its_own, recover

SOURCE, THEIRS, MOVED = "inbox/a.mp4", "library/videos/a.mp4", "library/videos/a-2.mp4"
TYPES = ("inbox", "videos")
ID = uuid.UUID(int=7)
#: Besides those of ``crashes.py``: every step of a copy, and the rename of ours that Python has no name for.
MORE = ((os, ("chown", "utime", "posix_fadvise")), (atomic_files, ("_rename_noreplace",)), (Notes, ("progress",)))


def _prepare(root: MediaRoot, original: Path) -> None:
    """One video in the inbox, and a file of somebody's where it is to go."""
    with get_engine().begin() as connection:
        connection.execute(text("DELETE FROM catalogue.video"))
    for folder in (root.path / "inbox", root.path / "library/videos", root.work):  # one may be a disk of its own
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root.path / THEIRS).write_bytes(b"a person's own")
    shutil.copyfile(original, root.path / SOURCE)
    os.utime(root.path / SOURCE, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    video = read_record(root, SOURCE, "inbox")
    video.id = ID
    with session() as opened:
        opened.add(video)


def move(root: MediaRoot) -> list[Any]:
    """The job; answers whether it moved the file, and where it is."""
    result = move_to_library(Workbench(root=root, report=Notes()), str(ID), "videos", directory_types=TYPES)
    return [result.moved, result.path]


def state(root: MediaRoot) -> dict[str, Any]:
    """What a person would see: files of the library, hidden ones too, records, work left over."""
    with session() as opened:
        records = [
            [str(video.id), video.path, video.directory_type, video.filename, video.missing_since is not None]
            for video in opened.exec(select(Video))
        ]
    files = {
        root.relative(path): [path.read_bytes().hex(), path.stat().st_mtime_ns, path.stat().st_nlink]
        for folder in ("inbox", "library")
        for path in (root.path / folder).rglob("*")
        if path.is_file()
    }
    return {"records": records, "files": files, "work": [path.name for path in root.work.iterdir()]}


def _dying(root: MediaRoot, original: Path, last: int) -> int:
    _prepare(root, original)
    boundaries = Boundaries(last, *MORE)
    move(root)
    return boundaries.count


def _afterwards(root: MediaRoot, scanned: bool) -> dict[str, Any]:
    """A scan may come first; then recovery, then the same job once more, and what each left."""
    if scanned:
        for kind in TYPES:
            scan(root, kind, directory_types=TYPES, settle_seconds=0, report=Notes())
    said = recover(root)
    recovered = state(root)
    again = move(root)
    return {"said": said, "recovered": recovered, "again": again, "after": state(root)}


def _half_way(root: MediaRoot, original: Path) -> int:
    """Where the file is in its place and its record not switched: the first boundary after which it is there."""
    ended, before = in_a_life_of_its_own(lambda: _dying(root, original, 0))
    assert (ended, (root.path / MOVED).exists()) == (0, True), "the file never came to its place"
    first = 1
    while first < before:  # it is there from some boundary on
        tried = (first + before) // 2
        ended, _ = in_a_life_of_its_own(lambda tried=tried: _dying(root, original, tried))  # type: ignore[misc]
        assert ended != 0
        if (root.path / MOVED).exists():
            before = tried
        else:
            first = tried + 1
    return first


def _undisturbed(root: MediaRoot, original: Path) -> None:
    _prepare(root, original)
    move(root)
    _afterwards(root, scanned=True)


def _dying_again(root: MediaRoot, last: int) -> int:
    boundaries = Boundaries(last, *MORE)
    recover(root)
    return boundaries.count


def main(folder: str, original: str, mode: str) -> None:
    """One line of JSON for each boundary: of the ``job``, or of the ``recovery`` from one that was killed half-way.

    After one step and before the next the disk is the same: of the two, a scan comes before the recovery of one.
    """
    root, source, last = MediaRoot(Path(folder)), Path(original), 0
    get_ready_for_lives(lambda: _undisturbed(root, source))
    half_way = _half_way(root, source) if mode == "recovery" else None
    while True:
        last += 1
        if half_way is not None:
            in_a_life_of_its_own(lambda: _dying(root, source, half_way))
            ended, count = in_a_life_of_its_own(lambda last=last: _dying_again(root, last))  # type: ignore[misc]
        else:
            ended, count = in_a_life_of_its_own(lambda last=last: _dying(root, source, last))  # type: ignore[misc]
        scanned = mode == "job" and last % 2 == 0
        _, afterwards = in_a_life_of_its_own(lambda scanned=scanned: _afterwards(root, scanned))  # type: ignore[misc]
        print(json.dumps({"scanned": scanned, "ended": ended, "count": count, **afterwards}), flush=True)
        if ended == 0:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
