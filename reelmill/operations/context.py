"""What an operation works with: the media root, ffmpeg, a voice, and the run it works for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from reelmill.catalogue.engine import session
from reelmill.catalogue.limits import unfit
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.scanning import SeenFile
from reelmill.errors import FileMissing, Unreadable, Unstorable
from reelmill.ffmpeg.planning.chunk_plan import CHUNK_SECONDS
from reelmill.ffmpeg.reading.probe import track_number
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.ownership import require_ours
from reelmill.operations.recipe import SourceContent
from reelmill.report import LogReport, Report
from reelmill.settings import get_settings
from reelmill.storage.content_id import content_id
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

    def content(self, video: Video, path: Path | None = None, track: int | None = None) -> SourceContent:
        """What is read of a record's file, by its content id; a record that has none yet gets it.

        Args:
            video: the record.
            path: the file that is read where that is a mended copy of the record's.
            track: ``VideoTrack.number`` of the one that is read; None: what ``probe`` takes.

        Returns:
            What recipes are made of.

        Raises:
            Unreadable: its file cannot be read just now. Further errors as of ``source`` and ``probe``.
        """
        source = self.source(video)
        path = path or source
        try:
            of_source, of_path = source.stat(), path.stat()
            found = content_id(source)
        except OSError as error:
            raise Unreadable(
                f"{video.path} cannot be read ({error.strerror}); run the job again.", video.path
            ) from error
        if video.content_id is None:
            seen = SeenFile(video.path, of_source.st_size, of_source.st_mtime_ns, of_source.st_ctime_ns, found)
            with session() as opened:
                scanning.record_content_id(opened, seen)
        return SourceContent(
            content_id=found,
            video_id=str(video.id),
            size=of_path.st_size,
            mtime_ns=of_path.st_mtime_ns,
            track=track_number(path) if track is None else track,
            mended=path != source,
        )
