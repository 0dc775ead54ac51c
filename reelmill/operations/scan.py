"""Scan: bring the catalogue up to date with a folder, opening only files that are new or have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.queries import Known
from reelmill.errors import FileMissing, Unreadable, UserError
from reelmill.layout import MediaRoot
from reelmill.operations.records import read_record
from reelmill.report import LogReport, Report

#: What counts as a video by its name; the ``MediaLibrary`` block may name others.
EXTENSIONS: Final = (
    "3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpe",
    "mpeg", "mpg", "mts", "mxf", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv",
)  # fmt: skip

_BATCH: Final = 200


class ScanResult(BaseModel):
    """How many files a scan found in each state."""

    model_config = ConfigDict(frozen=True)

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    invalid: int = 0  # of the new and changed ones
    waiting: int = 0  # still being written; the next scan takes them
    refused: int = 0  # not UTF-8, a link out of the media root, a folder with a video's name, or unreadable just now


class Found(NamedTuple):
    """One file a walk came across."""

    path: str  # relative to the media root
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Plan:
    """What a scan will do, decided from names, sizes and times alone."""

    probe: tuple[Found, ...]
    new: int
    changed: int
    unchanged: int
    waiting: tuple[str, ...]
    returned: tuple[str, ...]
    missing: tuple[str, ...]


def plan(
    found: Sequence[Found],
    known: dict[str, Known],
    *,
    now: float,
    settle_seconds: float,
    skip_existing: bool,
    unseen: Sequence[str] = (),
) -> Plan:
    """Decide what to open (pure).

    Args:
        found: every file of the folder with a wanted extension.
        known: what the catalogue holds of the folder, by path.
        now: seconds since 1970.
        settle_seconds: a file changed more recently than this is still being written.
        skip_existing: leave files alone whose size and modification time are as the catalogue has them.
        unseen: folders that could not be read; what the catalogue holds of them is not missing.
    """
    probe: list[Found] = []
    waiting: list[str] = []
    returned: list[str] = []
    new = changed = unchanged = 0
    rest = dict(known)
    for file in found:
        path, size, mtime_ns = file
        before = rest.pop(path, None)
        same = before is not None and before.size == size and before.mtime_ns == mtime_ns
        if same and skip_existing:
            unchanged += 1
            if before is not None and before.missing:
                returned.append(path)
        # A time in the future (a camera's clock) says nothing about being written now.
        elif 0 <= now - mtime_ns / 1e9 < settle_seconds:
            waiting.append(path)
        else:
            probe.append(file)
            new += before is None
            changed += before is not None and not same
            unchanged += same
    hidden = tuple(f"{folder}/" for folder in unseen)
    missing = tuple(path for path, video in rest.items() if not video.missing and not path.startswith(hidden))
    return Plan(tuple(probe), new, changed, unchanged, tuple(waiting), tuple(returned), missing)


def scan(
    root: MediaRoot,
    directory_type: str,
    *,
    directory_types: Sequence[str],
    extensions: Sequence[str] = EXTENSIONS,
    settle_seconds: float = 30.0,
    skip_existing: bool = True,
    report: Report | None = None,
) -> ScanResult:
    """Bring the catalogue up to date with one directory type. Nothing is ever deleted, on disk or in the catalogue.

    Args:
        root: the media root.
        directory_type: which folder.
        directory_types: those that may be scanned.
        extensions: without dots, any case.
        settle_seconds: a file changed more recently waits for the next scan.
        skip_existing: do not open files whose size and time are known.
        report: where progress goes.

    Raises:
        UserError: the site has no such directory type.
        FileMissing: its folder is not there.
        NotMounted: nothing is.
    """
    report = report or LogReport()
    if directory_type not in directory_types:
        raise UserError(
            f"{directory_type!r} is not a directory type of this site; it has {', '.join(sorted(directory_types))}."
        )
    root.require()
    folder = root.folder(directory_type)
    if not folder.is_dir():
        raise FileMissing(f"The folder {folder} is not there; is the media root mounted?")
    # Before the walk: a file that comes with its record meanwhile is found, and opened once in vain. The other way
    # round it would be known, not found, and so called missing.
    with session() as opened:
        known = queries.known_files(opened, directory_type)
    refused: list[str] = []
    unseen: list[str] = []
    found = list(_walk(root, folder, frozenset(e.lower().lstrip(".") for e in extensions), refused, unseen))
    decided = plan(
        found, known, now=time.time(), settle_seconds=settle_seconds, skip_existing=skip_existing, unseen=unseen
    )
    for reason in refused:
        report.line(f"refused: {reason}")
    for path in decided.waiting:
        report.line(f"waiting: {path} is still being written")
    report.line(f"{len(found)} files, {len(decided.probe)} to open")
    invalid, unread = _read(root, directory_type, decided.probe, report)
    with session() as opened:
        queries.mark_found(opened, decided.returned)
        queries.mark_missing(opened, decided.missing, utc_now())
    report.progress(1.0, "done")
    return ScanResult(
        new=decided.new,
        changed=decided.changed,
        unchanged=decided.unchanged,
        missing=len(decided.missing),
        invalid=invalid,
        waiting=len(decided.waiting),
        refused=len(refused) + unread,
    )


def _read(root: MediaRoot, directory_type: str, files: Sequence[Found], report: Report) -> tuple[int, int]:
    """Open and record these files, a batch at a time; answers how many are invalid, and how many the disk kept back."""
    invalid = 0
    unread: list[str] = []

    def read(file: Found) -> Video | None:
        try:
            return read_record(root, file.path, directory_type)
        except FileNotFoundError:  # removed while we worked; the next scan marks it missing
            return None
        except Unreadable as error:  # nothing is recorded that the next scan would believe
            unread.append(str(error))
            return None

    # Threads, because PyAV releases the GIL while it reads.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(files), _BATCH):
            batch: list[Video] = []
            for count, record in enumerate(pool.map(read, files[start : start + _BATCH]), start + 1):
                if record is not None:
                    batch.append(record)
                    if not record.is_valid:
                        invalid += 1
                        report.line(f"invalid: {record.validation_error}")
                report.progress(count / len(files), f"{count} of {len(files)} files")
            with session() as opened:
                queries.upsert_videos(opened, batch)
    for reason in unread:
        report.line(f"left for the next scan: {reason}")
    return invalid, len(unread)


def _walk(
    root: MediaRoot, folder: Path, extensions: frozenset[str], refused: list[str], unseen: list[str]
) -> Iterator[Found]:
    """Files below ``folder`` with a wanted extension, hidden ones left out.

    Args:
        root: the media root.
        folder: where to begin.
        extensions: in small letters, without dots.
        refused: gets a sentence on each file or folder that was refused.
        unseen: gets each folder that could not be read, relative to the root.
    """
    prefix = len(os.fspath(root.path)) + 1
    waiting = [os.fspath(folder)]
    while waiting:
        current = waiting.pop()
        entries = _entries(current)
        if isinstance(entries, OSError):
            refused.append(f"{current[prefix:]} cannot be read ({entries.strerror}); what is known of it stays.")
            unseen.append(current[prefix:])
            continue
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            folder_itself = entry.is_dir(follow_symlinks=False)
            _, dot, extension = name.rpartition(".")
            wanted = bool(dot) and extension.lower() in extensions
            if not (wanted or folder_itself):
                continue
            reason = _refusal(root, entry)
            if folder_itself and reason is None:
                waiting.append(entry.path)
                reason = f"{name} is a folder; what is in it was scanned." if wanted else None
            if reason is not None:
                refused.append(reason)
            elif wanted and (stat := _stat(entry)) is not None:
                yield Found(entry.path[prefix:], stat.st_size, stat.st_mtime_ns)


def _entries(folder: str) -> list[os.DirEntry[str]] | OSError:
    try:
        with os.scandir(folder) as listing:
            return list(listing)
    except FileNotFoundError:  # removed while we walked
        return []
    except OSError as error:
        return error


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except FileNotFoundError:  # removed while we walked
        return None


def _refusal(root: MediaRoot, entry: os.DirEntry[str]) -> str | None:
    try:
        if not entry.name.isascii():
            entry.name.encode()
    except UnicodeEncodeError:
        return f"{os.fsencode(entry.name)!r} is not a UTF-8 name; rename it."
    if entry.is_symlink():
        target = Path(os.path.realpath(entry.path))
        if not target.is_relative_to(os.path.realpath(root.path)):
            return f"{entry.name} is a link out of the media root; copy the file in instead."
        if not target.exists():
            return f"{entry.name} is a link to nothing."
    return None
