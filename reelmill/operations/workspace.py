"""A folder of its own for each piece of work, held by one process at a time, and tidied whoever died in it.

A workspace is named by its recipe. While a process is in it, it holds a PostgreSQL advisory lock, which the database
frees when the process dies: two runs of the same job never work side by side, and the second finds what the first made.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from reelmill.catalogue.engine import database_errors, get_engine
from reelmill.errors import DISK_TROUBLE, DiskFull, PlatformError, ReelmillError, Unreadable
from reelmill.layout import MediaRoot
from reelmill.operations import intent, move_journal
from reelmill.report import Report

_ASK_AGAIN: Final = 1.0  # seconds

#: What a run may have written down in its workspace before it died, and who finishes or undoes it.
_JOURNALS: Final = {intent.NAME: intent.settle, move_journal.NAME: move_journal.settle}


@contextmanager
def workspace(root: MediaRoot, recipe: str, report: Report) -> Iterator[Path]:
    """An empty folder for the work of ``recipe``, ours alone until the block ends, then gone.

    What a killed run left there is settled first: see ``intent.settle`` and ``move_journal.settle``. So is what our
    own leaves, where it ends in an error; what cannot be settled then (the database is away) stays for the next run.

    Raises:
        DiskFull: there is no room for it.
        Unreadable: a disk does not answer.
        PlatformError: the database does not answer.
    """
    with held(recipe, report), _disk_errors(root):
        folder = root.work / recipe
        _settle(root, folder, report)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            with suppress(ReelmillError, OSError):
                _settle(root, folder, report)


def _settle(root: MediaRoot, folder: Path, report: Report) -> None:
    """Finish or undo what a run left in a workspace, then remove the workspace."""
    for name, settle in _JOURNALS.items():
        if (folder / name).exists():
            settle(root, folder, report)
    if folder.exists():
        shutil.rmtree(folder)


def _key(recipe: str) -> int:
    return int.from_bytes(hashlib.sha256(recipe.encode()).digest()[:8], "big", signed=True)


@contextmanager
def held(recipe: str, report: Report) -> Iterator[None]:
    """Whoever makes something by this recipe makes it alone, on all machines; the others wait."""
    key = {"key": _key(recipe)}
    with database_errors(), get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        told = False
        while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one():
            if not told:
                report.line("waiting: another run is making the same file")
                told = True
            time.sleep(_ASK_AGAIN)
        try:
            yield
        finally:
            with suppress(OperationalError):  # a database that went away has freed it
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


@contextmanager
def trying(recipe: str) -> Iterator[bool]:
    """Whether nobody is at work by this recipe; if so, nobody begins until the block ends.

    Raises:
        PlatformError: the database does not answer.
    """
    key = {"key": _key(recipe)}
    with database_errors(), get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        alone = bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one())
        try:
            yield alone
        finally:
            if alone:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


@contextmanager
def _disk_errors(root: MediaRoot) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_TROUBLE:
            raise Unreadable(
                f"A disk of the media root {root.path} does not answer ({error.strerror}): look after it, or its share."
            ) from error
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"The disk of the media root {root.path} is full; free some space and run the job again."
        ) from error


def abandoned(root: MediaRoot) -> list[Path]:
    """Every workspace nobody is in, by name; nothing is touched, nobody is kept waiting."""
    # As PostgreSQL shows a lock of one 64-bit key: two halves, and objsubid 1.
    held = text(
        "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
        "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    folders = _workspaces(root)  # before the locks: one that is begun meanwhile is not among them
    with get_engine().connect() as connection:
        keys = set(connection.execute(held).scalars())
    return [folder for folder in folders if _key(folder.name) not in keys and folder.exists()]


def journalled(folder: Path) -> bool:
    """Whether what a run left in a workspace concerns files of the library, too."""
    return any((folder / name).exists() for name in _JOURNALS)


def _workspaces(root: MediaRoot) -> list[Path]:
    return sorted(folder for folder in root.work.iterdir() if folder.is_dir()) if root.work.is_dir() else []


def reconcile(root: MediaRoot, report: Report) -> int:
    """Settle every workspace nobody is in; answers how many there were. Run when a site starts.

    The report gets a line on each. One that cannot be settled now, a disk not being mounted, stays, and it says why.
    """
    settled = 0
    folders = _workspaces(root)
    with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for folder in folders:
            key = {"key": _key(folder.name)}
            if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one():
                continue
            try:
                left = _left(folder)
                _settle(root, folder, report)
                report.line(f"removed: the unfinished work of a run that was ended, {folder.name} ({left})")
                settled += 1
            except PlatformError:
                raise
            except (ReelmillError, OSError) as error:
                report.line(f"left for later: {folder.name}: {error}")
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
    return settled


def _left(folder: Path) -> str:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return f"{len(sizes)} files, {sum(sizes)} bytes"
