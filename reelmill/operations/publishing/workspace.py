"""A folder of its own for each attempt at a work, and tidied whoever died in it.

Work is named by its recipe. While a process is at it, it holds a PostgreSQL advisory lock, which the database frees
when the process dies: two runs of the same job never work side by side, and the second finds what the first made.

A lock can be lost to another run while its holder lives on. Each attempt therefore has a folder of its own, in that of
its recipe, and whoever begins takes those of earlier attempts away before anything else: what a holder that has lost
its lock still writes there can reach neither the library nor the new attempt.
"""

from __future__ import annotations

import errno
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reelmill import guard
from reelmill.catalogue import advisory_lock
from reelmill.catalogue.advisory_lock import AdvisoryLock
from reelmill.catalogue.engine import database_errors
from reelmill.classification import DISK_TROUBLE
from reelmill.errors import DiskFull, InputError, PlatformError, ReelmillError, Unreadable
from reelmill.operations.ownership import require_ours
from reelmill.operations.publishing import move_journal, preflight, publish_journal
from reelmill.report import Report
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import in_bytes, plural

_ASK_AGAIN: Final = 1.0  # seconds

#: What a run may have written down in its workspace before it died, and who finishes or undoes it.
_JOURNALS: Final = {
    publish_journal.NAME: publish_journal.settle,
    move_journal.NAME: move_journal.settle,
    preflight.NAME: preflight.settle,
}

#: Ends the name of an attempt's folder once whoever came next has taken it away.
_TAKEN: Final = "~"


@contextmanager
def workspace(root: MediaRoot, recipe: str, report: Report) -> Iterator[Path]:
    """An empty folder for an attempt at the work of ``recipe``, ours alone until the block ends, then gone.

    What earlier attempts left is settled first (``publish_journal.settle``, ``move_journal.settle``). So is what our
    own leaves, where it ends in an error; what cannot be settled then (the database is away) stays for the next run.

    Yields:
        The folder.

    Raises:
        ReelmillError: whatever the block raises, unless the lock is lost.
        SiteError: the media root belongs to another site.
        DiskFull: there is no room for it.
        Unreadable: a disk does not answer.
        LockLost: another run has taken over the work.
        PlatformError: the database does not answer.
    """
    require_ours(root)
    with held(recipe, report) as lock, _disk_errors(root):
        require_ours(root)  # once more: a share may have dropped while we waited, and its mount point is nobody's
        for error in _settle(root, root.work / recipe, report):
            report.line(str(error))
        folder = root.work / recipe / uuid.uuid4().hex
        folder.mkdir(parents=True)
        lock.witness = folder
        try:
            yield folder
        except (ReelmillError, OSError) as error:
            lock.lost = lock.lost or lock.overtaken
            try:
                lock.check()
            except ReelmillError as lost:
                raise lost from error
            raise
        finally:
            with suppress(ReelmillError, OSError):
                _leave(root, folder, report)


def _leave(root: MediaRoot, folder: Path, report: Report) -> None:
    """Settle our own attempt, unless whoever has our lock now has done so."""
    if not folder.exists():
        return
    if journalled(folder):
        guard.confirm()
    _settle_attempt(root, folder, report)
    guard.check()
    folder.parent.rmdir()


def _settle(root: MediaRoot, work: Path, report: Report) -> list[InputError]:
    """Finish or undo what all attempts at a work left, then remove its folder.

    Returns:
        Why an attempt stays as it is: nobody can read its journal. The others are settled all the same.
    """
    if not work.exists():
        return []
    unreadable: list[InputError] = []
    for attempt in _attempts(work):
        guard.confirm()  # else it may be that of whoever has our lock now
        taken = attempt.with_name(attempt.name.removesuffix(_TAKEN) + _TAKEN)
        attempt.rename(taken)  # before a look at its journal: from here on nothing of it can be placed
        try:
            _settle_attempt(root, taken, report)
        except InputError as error:
            unreadable.append(error)
    try:
        if not unreadable:
            _settle_attempt(root, work, report)  # older versions had no folder for an attempt
    except InputError as error:
        unreadable.append(error)
    return unreadable


def _settle_attempt(root: MediaRoot, folder: Path, report: Report) -> None:
    for name, settle in _JOURNALS.items():
        if (folder / name).exists():
            settle(root, folder, report)
    shutil.rmtree(folder)


def _attempts(work: Path) -> list[Path]:
    try:
        return sorted(folder for folder in work.iterdir() if folder.is_dir() and folder.name not in _JOURNALS)
    except FileNotFoundError:  # it ended just now
        return []


def journal_folders(work: Path) -> list[Path]:
    """Where a work may have its journals: its attempts' folders, and its own, in which older versions kept them."""
    return [work, *_attempts(work)]


@contextmanager
def held(recipe: str, report: Report) -> Iterator[AdvisoryLock]:
    """Whoever makes something by this recipe makes it alone, on all nodes; the others wait.

    Yields:
        The lock.

    Raises:
        LockLost: another run has taken over, and what was asked for needs the lock: see ``guard``.
        PlatformError: the database does not answer.
    """
    guard.confirm()  # in the midst of work a database that is away is waited for
    reported = False
    while (lock := advisory_lock.try_acquire(recipe)) is None:
        if not reported:
            report.line("waiting: another run is making the same file")
            reported = True
        guard.check()
        time.sleep(_ASK_AGAIN)
    try:
        with guard.guarded_by(lock), database_errors():
            yield lock
    finally:
        lock.release()


@contextmanager
def trying(recipe: str) -> Iterator[bool]:
    """Whether nobody is at work by this recipe; if so, nobody begins until the block ends.

    Yields:
        False where somebody is.

    Raises:
        PlatformError: the database does not answer.
    """
    lock = advisory_lock.try_acquire(recipe)
    if lock is None:
        yield False
        return
    try:
        with guard.guarded_by(lock):
            yield True
    finally:
        lock.release()


@contextmanager
def _disk_errors(root: MediaRoot) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_TROUBLE:
            raise Unreadable(
                f"A disk of the media root {root.path} does not answer ({error.strerror}): "
                "look after it, or its share.",
                root.path,
            ) from error
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"The disk of the media root {root.path} is full; free some space and run the job again.", root.path
        ) from error


def abandoned(root: MediaRoot) -> list[Path]:
    """The folder of every work that nobody is at, by name; nothing is touched, nobody is kept waiting."""
    folders = _workspaces(root)  # before the locks: one that is begun meanwhile is not among them
    taken = advisory_lock.taken_keys()
    return [folder for folder in folders if advisory_lock.key_of(folder.name) not in taken and folder.exists()]


def journalled(folder: Path) -> bool:
    """Whether what attempts at a work, or one of them, left concerns files of the library, too."""
    return any((place / name).exists() for place in journal_folders(folder) for name in _JOURNALS)


def _workspaces(root: MediaRoot) -> list[Path]:
    return sorted(folder for folder in root.work.iterdir() if folder.is_dir()) if root.work.is_dir() else []


def reconcile(root: MediaRoot, report: Report) -> int:
    """Settle every work that nobody is at; answers how many there were. Run when a site starts.

    The report gets a line on each. One that cannot be settled now, a disk not being mounted, stays, with the reason.

    Returns:
        How many were settled.

    Raises:
        SiteError: the media root belongs to another site.
        PlatformError: the database does not answer.
    """
    settled = 0
    folders = _workspaces(root)
    if folders:
        require_ours(root)  # in another site's library, the work of live jobs looks like that of dead ones
        _let_holders_return(report)
    for folder in folders:
        with trying(folder.name) as alone:
            if not alone or not folder.exists():
                continue
            try:
                left = _left(folder)
                unreadable = _settle(root, folder, report)
            except PlatformError:
                raise
            except (ReelmillError, OSError) as error:
                report.line(f"left for later: {folder.name}: {error}")
                continue
            for why in unreadable:
                report.line(f"left for later: {folder.name}: {why}")
            if not unreadable:
                report.line(f"removed: the unfinished work of a run that was ended, {folder.name} ({left})")
                settled += 1
    return settled


def _let_holders_return(report: Report) -> None:
    """Jobs of other nodes outlive a restart of the database: what they are at is theirs, once they have their locks."""
    seconds = advisory_lock.seconds_to_return()
    if seconds > 0:
        report.line(f"waiting {seconds:.0f} s for jobs of other nodes that go on after the database's start")
        time.sleep(seconds)


def _left(folder: Path) -> str:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return f"{plural(len(sizes), 'file')}, {in_bytes(sum(sizes))}"
