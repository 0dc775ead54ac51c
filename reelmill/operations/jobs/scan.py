"""Scan: bring the catalogue up to date with a folder, opening only files that are new or have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from av.error import FFmpegError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import IntegrityError

from reelmill.catalogue.engine import session
from reelmill.catalogue.limits import unfit_record
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.scanning import RecordedFile, SeenFile
from reelmill.collector import uncollected
from reelmill.errors import ReelmillError, Unreadable, Unstorable
from reelmill.operations import disks
from reelmill.operations.disks import AwayDisk
from reelmill.operations.ownership import require_ours
from reelmill.operations.publishing.records import read_record
from reelmill.operations.rearranged_files import rearrange
from reelmill.operations.recognition import Recognition, recognise
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.operations.scan_changes import (
    LISTED,
    ChangeList,
    FileChange,
    Listener,
    marked_changes,
    moved_changes,
    recorded_changes,
    table_rows,
)
from reelmill.operations.scan_plan import ScanPlan, again_in, scan_plan
from reelmill.operations.undated_files import UndatedFiles
from reelmill.operations.unscanned import folders_never_scanned, unscanned
from reelmill.operations.walk import Walk, WalkedFile, folder_to_walk
from reelmill.report import LogReport, Report, printable
from reelmill.storage.disk_clock import disk_clock
from reelmill.storage.media_root import MediaRoot
from reelmill.storage.system_folders import SYSTEM_FOLDERS
from reelmill.wording import plural

#: What counts as a video by its name; the ``MediaLibrary`` block may name others.
EXTENSIONS: Final = (
    "3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpe",
    "mpeg", "mpg", "mts", "mxf", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv",
)  # fmt: skip

_BATCH: Final = 200
_REASONS: Final = 100
_MARKED_AT_ONCE: Final = 2000

#: What a file may make our code, or a library's, stumble over that reads it: that file is named, and the rest goes on.
_ODD: Final = (ReelmillError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError, FFmpegError)
#: How the catalogue refuses a record, rather than being away.
_REFUSED: Final = (Unstorable, IntegrityError, ValueError)


class ScanResult(BaseModel):
    """How many files a scan found in each state."""

    model_config = ConfigDict(frozen=True)

    new: int = 0
    changed: int = 0
    moved: int = 0  # renamed by another program: the same videos under other names
    unchanged: int = 0  # those among them that were merely touched
    missing: int = 0
    invalid: int = 0  # of the new and changed ones
    waiting: int = 0  # still being written; a later scan takes them
    refused: int = 0  # not UTF-8, a link out of the media root, unreadable just now, nothing the catalogue can hold, …
    reasons: tuple[str, ...] = ()  # a sentence on each that was refused; not on more than a hundred
    files: tuple[FileChange, ...] = ()  # of the new, changed, returned, missing, invalid: the first hundred of each
    waiting_files: tuple[str, ...] = ()  # paths of the first hundred
    again_in: float | None = None  # seconds until those still being written are to be looked at; None: there are none
    never_scanned: tuple[str, ...] = ()  # of a scan that met no video: folders with videos that no scan has seen

    def result_card(self) -> ResultCard:
        """The result for people: a row for each file that needs a look, the first hundred of them."""
        counts = {name: count for name, count in self if isinstance(count, int) and count}
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        if not counts and self.never_scanned:
            found = f"no videos are there; {unscanned(self.never_scanned)}"
        rows, total = tuple(table_rows(self.files)), self.new + self.changed + self.moved + self.missing
        return ResultCard(
            title=f"Scanned: {found or 'no videos are there'}",
            notes=(*self._waiting_note(), *self.reasons),
            table=ItemTable(("file is", "path", "video id"), rows, total=max(total, len(rows))),
        )

    def _waiting_note(self) -> tuple[str, ...]:
        if self.again_in is None:
            return ()
        files = "1 file is" if self.waiting == 1 else f"{self.waiting} files are"
        return (f"{files} still being written, to be looked at in {self.again_in:.0f} s.",)


def scan(
    root: MediaRoot,
    directory_type: str,
    *,
    directory_types: Sequence[str],
    extensions: Sequence[str] = EXTENSIONS,
    system_folders: Sequence[str] = SYSTEM_FOLDERS,
    settle_seconds: float = 30.0,
    skip_existing: bool = True,
    report: Report | None = None,
    listener: Listener = lambda _changes, _expected: None,
) -> ScanResult:
    """Bring the catalogue up to date with one directory type. Nothing is ever deleted, on disk or in the catalogue.

    Args:
        root: the media root.
        directory_type: which folder.
        directory_types: those that may be scanned.
        extensions: without dots, any case.
        system_folders: patterns of names of folders that are left out, any case.
        settle_seconds: a file changed more recently waits for the next scan.
        skip_existing: do not open files whose size and times are known.
        report: where progress goes.
        listener: called with each few changes once they are committed. Of a scan that is killed, the changes of at most
            one such call are committed and not handed on.

    Returns:
        How many files were in each state, and the first of them.

    Raises:
        SiteError: the media root belongs to another site.
        UserError: the site has no such directory type.
        FileMissing: its folder is not there.
        NotMounted: nothing is.
    """
    report = report or LogReport()
    folder = folder_to_walk(root, directory_type, directory_types)
    started = time.monotonic()
    walk = Walk(root, frozenset(extension.lower().lstrip(".") for extension in extensions), system_folders)
    with uncollected(), UndatedFiles() as undated:
        decided = scan_plan(
            walk.files(folder), scanning.every_known_file(directory_type), now=disk_clock(root.work),
            settle_seconds=settle_seconds, skip_existing=skip_existing, unseen=walk.unseen,
            system_folders=system_folders, on_undated=undated.add,
        )  # fmt: skip
    looked_at = time.monotonic()
    mounted = disks.record_mounted(root)  # now, for the walk is what an automounter waits for
    away = disks.away(root, decided.missing, root.relative_folder(directory_type))
    for line in _first_lines(walk, decided):
        report.line(line)
    report.line(f"{decided.found} files, {len(decided.probe)} to open")
    work = _Scan(root, directory_type, report, listener, decided.changes)
    work.read(decided.probe, open_known=not skip_existing)
    work.mark(walk, decided, away)
    disks.record_mounted(root, mounted)  # and what was recorded meanwhile is known to lie there
    report.progress(1.0, "done")
    empty = not decided.found and not work.missing
    left, passed = (*walk.refused, *work.left), time.monotonic() - looked_at
    return ScanResult(
        new=decided.new - work.moved_to_new + work.new_at_known,
        changed=decided.changed - work.unchanged - work.moved_to_known - work.new_at_known,
        moved=work.moved,
        unchanged=decided.unchanged + work.unchanged,
        missing=work.missing,
        invalid=work.invalid,
        waiting=len(decided.waiting),
        refused=len(left),
        reasons=left[:_REASONS],
        files=work.changes.listed(),
        waiting_files=decided.waiting[:LISTED],
        again_in=again_in(decided.settled_in, passed, looked_at - started) if decided.waiting else None,
        never_scanned=folders_never_scanned(root, walk.extensions, system_folders) if empty else (),
    )


def _batches(files: Sequence[WalkedFile]) -> Iterator[Sequence[WalkedFile]]:
    return (files[start : start + _BATCH] for start in range(0, len(files), _BATCH))


def _first_lines(walk: Walk, decided: ScanPlan) -> Iterator[str]:
    """What is not opened, and why."""
    if walk.left_out:
        folders = plural(walk.left_out.total(), "system folder")
        yield f"left out: {folders} ({', '.join(sorted(walk.left_out))}), as the MediaLibrary block has it"
    yield from (f"refused: {reason}" for reason in walk.refused)
    yield from (f"waiting: {path} is still being written" for path in decided.waiting)


class _Scan:
    """The acting half of a scan: opens files, records them, and hands on what was committed."""

    def __init__(self, root: MediaRoot, directory_type: str, report: Report, listener: Listener, expected: int):
        self._root, self._directory_type, self._report = root, directory_type, report
        self._listener, self._expected = listener, expected
        self.changes = ChangeList()
        self.invalid = self.moved = self.missing = 0
        self.unchanged = 0  # of those that the plan took for changed; less than 0 where edits kept the time
        self.moved_to_new = self.moved_to_known = 0  # to names of this folder that no record had, or another had
        self.new_at_known = 0  # files by the names of videos that have moved
        self.left_places: set[str] = set()  # where files were that have moved
        self.left: list[str] = []  # why files were left for the next scan
        self._total = self._done = 0  # files of those to be read

    def read(self, files: Sequence[WalkedFile], *, open_known: bool) -> None:
        """Recognise, open and record these files, a batch at a time; see ``recognise``.

        Files that hold something else than their records come last: where what they held turns up under another name,
        new or known, their records have gone there.
        """
        replaced: list[WalkedFile] = []
        known: list[SeenFile] = []
        self._total, self._done = len(files), 0
        # Threads, because PyAV releases the GIL while it reads.
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for batch in _batches(files):
                found = self._recognised(pool, batch, open_known=open_known, leave_replaced=True)
                self.unchanged += found.more_unchanged
                self.moved_to_new += len(found.moved)
                replaced += found.replacements.files
                known += found.replacements.known
                self._open(pool, found.rest)
            moved = rearrange(self._root, known)
            self._note_moved(moved)
            done = {file.path for _, file in moved}
            rest = [file for file in replaced if file.path not in done]
            self.moved_to_known += len(replaced) - len(rest)
            self._done += len(replaced) - len(rest)
            for batch in _batches(rest):
                with session() as opened:
                    paths = scanning.recorded_files(opened, [file.path for file in batch])
                found = self._recognised(pool, batch, open_known=open_known)
                self.moved_to_known += len(found.moved)
                self.new_at_known += len(batch) - len(paths) - len(found.moved)
                self._open(pool, found.rest)
        for reason in self.left:
            self._report.line(f"left for the next scan: {reason}")

    def _recognised(
        self, pool: ThreadPoolExecutor, files: Sequence[WalkedFile], *, open_known: bool, leave_replaced: bool = False
    ) -> Recognition:
        """Recognise these files, and hand on what they are."""
        found = recognise(
            self._root, self._directory_type, files, pool.map, open_known=open_known, leave_replaced=leave_replaced
        )
        self._done += len(files) - len(found.rest) - len(found.replacements.files)
        self._note_moved(found.moved)
        self._hand_on(marked_changes("returned", (record for record, _ in found.touched if record.missing)))
        return found

    def _open(self, pool: ThreadPoolExecutor, files: Sequence[WalkedFile]) -> None:
        """Open these files and record what they are."""
        batch: list[Video] = []
        for record in pool.map(self._opened, files):
            if record is not None:
                batch.append(record)
            if record is not None and not record.is_valid:
                self.invalid += 1
                self._report.line(f"invalid: {record.validation_error}")
            self._done += 1
            self._report.progress(self._done / self._total, f"{self._done} of {self._total} files")
        self._record(batch)

    def _note_moved(self, moved: Sequence[tuple[RecordedFile, SeenFile]]) -> None:
        """Count and hand on records that name other places now."""
        self.moved += len(moved)
        self.left_places.update(record.path for record, _ in moved)
        for record, file in moved:
            self._report.line(f"moved: {printable(record.path)} is {printable(file.path)} now")
        self._hand_on(moved_changes(moved))

    def mark(self, walk: Walk, decided: ScanPlan, away: Sequence[AwayDisk]) -> None:
        """Mark what is back, and what is missing by the walk and still is; but for what lies on a disk that is away."""
        for start in range(0, len(decided.returned), _MARKED_AT_ONCE):
            with session() as opened:
                found = scanning.mark_found(opened, decided.returned[start : start + _MARKED_AT_ONCE])
            self._hand_on(marked_changes("returned", found))
        self.left += [str(disk) for disk in away if not self.left_places.issuperset(disk.paths)]
        kept = self.left_places.union(*(disk.paths for disk in away))
        missing = [path for path in decided.missing if path not in kept]
        for start in range(0, len(missing), _MARKED_AT_ONCE):
            absent = self._absent(walk, missing[start : start + _MARKED_AT_ONCE])
            with session() as opened:
                gone = scanning.mark_missing(opened, absent, utc_now())
                # Another scan, or a job, may have had a record follow its file meanwhile: nothing of that is missing.
                self.missing += len(scanning.recorded_files(opened, absent))
            self._hand_on(marked_changes("missing", gone))
        self._withdraw(decided.withdrawn)

    def _absent(self, walk: Walk, paths: Sequence[str]) -> list[str]:
        """Those that are still not there, looked at now: opening what the walk found may have taken hours."""
        absent, folder = [], self._root.folder(self._directory_type)
        for path in paths:
            try:
                if not walk.meets(folder, path):
                    absent.append(path)
            except OSError as error:
                self.left.append(
                    f"{printable(path)} cannot be looked at ({error.strerror}); what is known of it stays."
                )
        if absent:
            self._root.require()  # a share that dropped meanwhile is no loss of all its videos
            require_ours(self._root, claim=False)
        for place in walk.unmounted(folder):
            there = [path for path in absent if not path.startswith(f"{place}/")]
            if len(there) < len(absent):
                self.left.append(f"{printable(place)} was unmounted meanwhile; what is known of its videos stays.")
            absent = there
        return absent

    def _withdraw(self, paths: Sequence[str]) -> None:
        """Keep these from jobs; no event has it that a video is lost, since none is."""
        for start in range(0, len(paths), _MARKED_AT_ONCE):
            with session() as opened:
                scanning.mark_missing(opened, paths[start : start + _MARKED_AT_ONCE], utc_now())
        if paths:
            what = (
                f"{plural(len(paths), 'video')} in system folders that jobs take no more, {printable(paths[0])} first"
            )
            self._report.line(f"withdrawn: {what}; move out what is a video of yours, and scan")

    def _opened(self, file: WalkedFile) -> Video | None:
        try:
            return read_record(self._root, file.path, self._directory_type)
        except (FileNotFoundError, NotADirectoryError):  # removed while we worked; the next scan marks it missing
            return None
        except Unreadable as error:  # nothing is recorded that the next scan would believe
            self.left.append(str(error))
        except OSError as error:
            self.left.append(f"{file.path} cannot be read ({error.strerror or error}).")
        except _ODD as error:
            self.left.append(f"{file.path} holds what nobody foresaw ({type(error).__name__}: {error}).")
        return None

    def _record(self, batch: Sequence[Video]) -> None:
        """Record these; what cannot be recorded is left, and keeps none of the others out."""
        fit = []
        for video in batch:
            reason = unfit_record(video)
            if reason is None:
                fit.append(video)
            else:
                self.left.append(reason)
        try:
            changes = _recorded(fit)
        except _REFUSED:  # by the database, for a reason we did not foresee: one by one, to know of which
            changes = []
            for video in fit:
                try:
                    changes += _recorded([video])
                except _REFUSED as error:
                    self.left.append(f"{video.path} cannot be put into the catalogue ({str(error).splitlines()[0]}).")
        self._hand_on(changes)

    def _hand_on(self, changes: Sequence[FileChange]) -> None:
        self.changes.add(changes)
        news = [change for change in changes if change.kind != "unchanged"]
        if news:
            self._listener(news, self._expected)


def _recorded(videos: Sequence[Video]) -> list[FileChange]:
    """Put records into the catalogue, and return what that has changed there."""
    paths = [video.path for video in videos]
    with session() as opened:
        before = scanning.recorded_files(opened, paths)
        scanning.upsert_videos(opened, videos)
        after = scanning.recorded_files(opened, paths)
    return recorded_changes(videos, before, after)
