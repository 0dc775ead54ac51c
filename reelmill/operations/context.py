"""What an operation works with: the media root, ffmpeg, a voice, and the run it works for."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from reelmill.catalogue.limits import unfit
from reelmill.catalogue.models import Video
from reelmill.errors import FileMissing, Unstorable
from reelmill.ffmpeg.planning.chunk_plan import CHUNK_SECONDS
from reelmill.ffmpeg.reading.probe import track_number
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.ownership import require_ours
from reelmill.report import LogReport, Report
from reelmill.settings import get_settings
from reelmill.storage.disk import Disk, disk_of
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import Flaw


def local_media_root() -> MediaRoot:
    """The media root where this node has it mounted."""
    return MediaRoot(get_settings().media_root)


@dataclass(frozen=True)
class Workbench:
    """Handed to every operation; the defaults serve a notebook."""

    root: MediaRoot = field(default_factory=local_media_root)
    transcoder: Transcoder = field(default_factory=Transcoder)
    report: Report = field(default_factory=LogReport)
    run_id: uuid.UUID | None = None  # the flow run, for ``made_by``
    chunk_seconds: Fraction = CHUNK_SECONDS  # about what a film that is put together loses when it is killed

    def __post_init__(self) -> None:
        object.__setattr__(self, "transcoder", replace(self.transcoder, disk=self.disk))

    @property
    def disk(self) -> Disk:
        """What work is written to."""
        return disk_of(self.root.path)

    def pick_seed(self, seed: int | None) -> int | str:
        """The seed of a random pick: the given one, or one of this run's own, so that a retry picks the same."""
        return seed if seed is not None else str(self.run_id or uuid.uuid4())

    def source(self, video: Video) -> Path:
        """The file of a record.

        Returns:
            Where it is, with links followed.

        Raises:
            SiteError: the media root belongs to another site.
            FileMissing: it is not there any more.
            NotMounted: nothing is.
            OutsideMediaRoot: a link leads out of the root.
            Unstorable: it has got a time that the catalogue cannot hold.
        """
        require_ours(self.root, claim=False)
        path = self.root.resolve(video.path)
        if not path.exists():
            self.root.require()
            reason = f"{video.path} is not there any more; put it back, or scan again."
            raise FileMissing(reason, video.path, Flaw.ABSENT)
        unfit_for = unfit(video.path, path.stat().st_mtime_ns)
        if unfit_for is not None:  # what is found in it could not be kept
            raise Unstorable(unfit_for, video.path)
        return path

    def content_id(self, video: Video) -> dict[str, Any]:
        """The content id of a record's file where its facts are not read; errors as of ``source`` and ``probe``."""
        path = self.source(video)
        return content_id(video, path, track_number(path))


def content_id(video: Video, path: Path, track: int) -> dict[str, Any]:
    """What identifies the content of a source: the record, its file's size and time now, and which track is read.

    Args:
        video: the record.
        path: the file to read; that of a mended copy is not the record's.
        track: ``VideoTrack.number`` of the one that is read. Only one that is not the first is named, so that what
            was made of most files is found by the name it has always had.

    Returns:
        Plain values, for ``recipe``.
    """
    stat = path.stat()
    known = {"id": str(video.id), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    return known | ({"track": track} if track else {})


def recipe(kind: str, sources: list[dict[str, Any]], **settings: Any) -> str:
    """A hash of what something is made from and how: the same work has the same recipe (SHA-256, 32 hex digits)."""
    text = json.dumps({"kind": kind, "sources": sources, "settings": settings}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
