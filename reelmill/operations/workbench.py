"""What an operation works with: the media root, ffmpeg, a voice, and the run it works for."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import FileMissing
from reelmill.ffmpeg.chunks import CHUNK_SECONDS
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.layout import MediaRoot
from reelmill.report import LogReport, Report
from reelmill.settings import get_settings
from reelmill.space import Disk, disk_of


def _media_root() -> MediaRoot:
    return MediaRoot(get_settings().media_root)


@dataclass(frozen=True)
class Workbench:
    """Handed to every operation; the defaults serve a notebook."""

    root: MediaRoot = field(default_factory=_media_root)
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

    def source(self, video: Video) -> Path:
        """The file of a record.

        Raises:
            FileMissing: it is not there any more.
            NotMounted: nothing is.
            OutsideMediaRoot: a link leads out of the root.
        """
        path = self.root.resolve(video.path)
        if not path.exists():
            self.root.require()
            raise FileMissing(f"{video.path} is not there any more; put it back, or scan again.")
        return path


@dataclass(frozen=True)
class Opened:
    """A video of the catalogue that a job is going to read."""

    video: Video
    path: Path
    info: MediaInfo


def open_video(bench: Workbench, video_id: str) -> Opened:
    """The video of this id, its file and that file's facts.

    Raises:
        UnknownVideo, InputError: it cannot be used.
    """
    with session() as opened:
        video = queries.usable_video(opened, video_id)
    path = bench.source(video)
    bench.report.line(f"input: {video.path}")
    return Opened(video, path, probe(path))


def fingerprint(video: Video, path: Path) -> dict[str, Any]:
    """What identifies the content of a source: the record, and its file's size and modification time now."""
    stat = path.stat()
    return {"id": str(video.id), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def recipe(kind: str, sources: list[dict[str, Any]], **settings: Any) -> str:
    """A hash of what something is made from and how: the same work has the same recipe (SHA-256, 32 hex digits)."""
    text = json.dumps({"kind": kind, "sources": sources, "settings": settings}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
