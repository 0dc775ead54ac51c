"""What a run is about to put into the library, written down first, so that whoever comes after its death can finish."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from reelmill import guard
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import product_sources
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import searching
from reelmill.errors import PlatformError, WorkError
from reelmill.operations.publishing import journal, older_journal
from reelmill.report import Report
from reelmill.storage import atomic_files, file_hash
from reelmill.storage.media_root import MediaRoot

#: The journal's name in a workspace.
NAME: Final = "intent.json"

_TRIES: Final = 3  # each after another run was seen to have recorded something meanwhile


class Intent(journal.Journal):
    """A file in a workspace, and the record it is to become."""

    inode: int
    video: dict[str, Any]
    sources: tuple[SourceSegment, ...] = ()  # those of older versions have none


class Placing(NamedTuple):
    """What is about to enter the library, or has just."""

    inode: int  # of its file in the workspace
    video: Video  # the record it is to become
    sources: tuple[SourceSegment, ...]  # what it is made of


def write(staged: Path, video: Video, sources: Sequence[SourceSegment] = ()) -> None:
    """Keep beside ``staged`` that it is to become ``video``, and what it is made of."""
    intent = Intent(inode=staged.stat().st_ino, video=video.model_dump(mode="json"), sources=tuple(sources))
    atomic_files.write(staged.with_name(NAME), intent.model_dump_json())


def read(folder: Path) -> Placing:
    """What a run wrote down in its workspace.

    Returns:
        All of it.

    Raises:
        InputError: the journal cannot be read.
    """
    path = folder / NAME
    intent = journal.read(path, Intent)
    video = journal.parsed(path, lambda: Video.model_validate(intent.video))
    journal.parsed(path, lambda: journal.inside(video.path))
    return Placing(intent.inode, video, intent.sources)


def record(root: MediaRoot, video: Video, sources: Sequence[SourceSegment] = ()) -> Video:
    """Put ``video``, whose file is in place, into the catalogue, with what it is made of.

    Where another run recorded the same work first, its record stands, and ours is the copy nobody needs: it is
    removed where the other file is there, and no record names ours.

    Returns:
        The record that stands.

    Raises:
        WorkError: the catalogue refuses it.
        LockLost: another run has taken over meanwhile.
        PlatformError: the database does not answer for long.
    """
    refused: IntegrityError | None = None
    for attempt in range(_TRIES):
        try:
            with session() as opened:
                return _merged(opened, video, sources)
        except PlatformError:  # the database went away at this very moment: it is waited for
            if attempt == _TRIES - 1:
                raise
            guard.confirm()
            continue
        except IntegrityError as error:  # our lock was lost, and another run was quicker
            refused = error
        first = _first(root, video)
        if first is not None:
            return first
    reason = str(refused.orig).strip().splitlines()[0] if refused is not None else ""
    raise WorkError(f"{video.path} is in its place, and the catalogue refuses its record: {reason}") from refused


def _merged(opened: Session, video: Video, sources: Sequence[SourceSegment]) -> Video:
    video.is_product = True  # the journals of older versions do not say so
    if video.source_video_id is not None:
        now = product_sources.ids_now(opened, sources)
        video.source_video_id = now.get(video.source_video_id, video.source_video_id)
    stale = searching.by_path(opened, video.path)
    if stale is not None and is_anothers(stale, video):
        stale.path = f"{video.path} ({stale.id})"  # where no file is; tags and all else of it stay with it
        stale.missing_since = stale.missing_since or utc_now()
        opened.add(stale)
        opened.flush()
    elif stale is not None:
        video.id = stale.id
    if video.source_video_id is not None:
        source = opened.get(Video, video.source_video_id)
        if source is None:
            video.source_video_id = None  # the journal is of an earlier catalogue of this library
        elif not sources:  # it is of an older version
            sources = older_journal.sources_and_figures(video, source)
    merged = opened.merge(video)
    opened.flush()
    product_sources.record(opened, merged.id, sources)
    return merged


def is_anothers(record: Video, video: Video) -> bool:
    """Whether a record at a product's path is of another video, whose file has gone from there (pure).

    It is not, where a scan saw the product itself before its record was written, and where the product was there
    before and somebody removed it.

    Args:
        record: what the catalogue has at the path.
        video: the product.

    Returns:
        Whether the product must not take its place, and with it the tags that were given to the other.
    """
    if (record.size, record.mtime_ns) == (video.size, video.mtime_ns) or record.recipe == video.recipe is not None:
        return False
    # A full check gives originals a hash, too; what somebody has put in a product's place has none of it.
    made = record.is_product and record.recipe is None and record.blake2 is not None
    return not (made and record.source_video_id == video.source_video_id)


def _first(root: MediaRoot, video: Video) -> Video | None:
    """The record of the same work that stands instead of ours; None where there is none any more."""
    with session() as opened:
        first = searching.by_recipe(opened, video.recipe or "")
        if first is None:
            return None
        if first.path != video.path and not (first.is_valid and _there(root, first)):
            first.recipe = None  # its file was removed or replaced, or has rotted: what we made is needed
            opened.add(first)
            return None
    if first.path != video.path and _there(root, video):
        _give_up(root, video)
    return first


def _give_up(root: MediaRoot, video: Video) -> None:
    """Remove our file, unless a record names its path: then it is that record's."""
    try:
        with session() as opened:
            # Paths are unique: as long as this row is not committed, nobody else records the path.
            held = Video.model_validate(video.model_dump(exclude={"id", "recipe", "source_video_id"}))
            opened.add(held)
            opened.flush()
            (root.path / video.path).unlink(missing_ok=True)
            opened.delete(held)
    except IntegrityError:
        return


def settle(root: MediaRoot, folder: Path, report: Report) -> None:
    """Finish what a killed run wrote down in its workspace, where its file reached its place.

    Raises:
        InputError: the journal cannot be read.
        WorkError: the catalogue refuses the record.
    """
    inode, video, sources = read(folder)
    final = root.path / video.path
    if not _there(root, video) or not (final.stat().st_ino == inode or _same_bytes(final, video)):
        atomic_files.drop_reservation(final)
        return
    with session() as opened:
        known = searching.by_recipe(opened, video.recipe or "")
    if known is None or known.path != video.path:
        recorded = record(root, video, sources)
        if recorded.path == video.path:
            report.line(f"recovered: {video.path} was complete and is now in the catalogue")


def _same_bytes(path: Path, video: Video) -> bool:
    """Whether a file is the one of a record by what is in it: on exFAT, SMB and FUSE inodes change with a restart."""
    return video.blake2 is not None and file_hash.blake2(path) == video.blake2


def _there(root: MediaRoot, video: Video) -> bool:
    """Whether the file of a record is there as it was when it was recorded."""
    try:
        stat = (root.path / video.path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (stat.st_size, stat.st_mtime_ns) == (video.size, video.mtime_ns)
