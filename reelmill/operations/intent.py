"""What a run is about to put into the library, written down first, so that whoever comes after its death can finish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from sqlalchemy.exc import IntegrityError

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.layout import MediaRoot
from reelmill.operations import durable
from reelmill.report import Report

#: The journal's name in a workspace.
NAME: Final = "intent.json"


def write(staged: Path, video: Video) -> None:
    """Keep beside ``staged`` that it is to become ``video``."""
    stat = staged.stat()
    intent = {"inode": stat.st_ino, "video": video.model_dump(mode="json")}
    durable.write(staged.with_name(NAME), json.dumps(intent))


def record(root: MediaRoot, video: Video) -> Video:
    """Put ``video``, whose file is in place, into the catalogue; answers with the record that stands."""
    try:
        with session() as opened:
            stale = queries.by_path(opened, video.path)
            if stale is not None:  # a record of a file that has since vanished from this path
                video.id = stale.id
            return opened.merge(video)
    except IntegrityError:
        # Our lock was lost and another run recorded the same work first: ours is the copy nobody needs.
        with session() as opened:
            first = queries.by_recipe(opened, video.recipe or "")
        if first is None:
            raise
        (root.path / video.path).unlink()
        return first


def settle(root: MediaRoot, folder: Path, report: Report) -> None:
    """Finish what a killed run wrote down in its workspace, where its file reached its place."""
    intent = json.loads((folder / NAME).read_text())
    video = Video.model_validate(intent["video"])
    if not _in_place(root.path / video.path, intent["inode"], video):
        return
    with session() as opened:
        known = queries.by_recipe(opened, video.recipe or "") is not None
    if not known:
        record(root, video)
        report.line(f"recovered: {video.path} was complete and is now in the catalogue")


def _in_place(final: Path, inode: int, video: Video) -> bool:
    try:
        stat = final.stat()
    except FileNotFoundError:
        return False
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) == (inode, video.size, video.mtime_ns)
