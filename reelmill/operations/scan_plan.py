"""What a scan will do, decided from names, sizes and times alone (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reelmill.catalogue.videos.scanning import KnownFile
from reelmill.operations.walk import WalkedFile
from reelmill.parallel import ignore
from reelmill.storage.folder_walk import side_by_side
from reelmill.storage.system_folders import SYSTEM_FOLDERS, in_system_folder

#: A scan for files that were still being written may take a fifth of the time, however large the library.
_PAUSE: Final = 4


@dataclass(frozen=True)
class ScanPlan:
    """What a scan will do, decided from names, sizes and times alone; what is opened may prove to be as it was."""

    probe: tuple[WalkedFile, ...]
    new: int
    changed: int
    unchanged: int
    waiting: tuple[str, ...]
    returned: tuple[str, ...]
    missing: tuple[str, ...]
    settled_in: float = 0.0  # seconds until the last of the waiting ones is taken for complete, if nothing changes it
    withdrawn: tuple[str, ...] = ()  # no longer offered to jobs: they lie where no scan looks
    found: int = 0  # files

    @property
    def changes(self) -> int:
        """How many records are going to change at most."""
        return self.new + self.changed + len(self.returned) + len(self.missing)


def again_in(settled_in: float, passed: float, looked: float) -> float:
    """When files that were still being written are to be looked at (pure).

    Args:
        settled_in: seconds from the look at the folder until the last of them is taken for complete.
        passed: seconds since that look.
        looked: seconds that the look took; it is repeated while a file goes on growing.

    Returns:
        Seconds from now.
    """
    return max(1.0, settled_in + 1.0 - passed, _PAUSE * looked)


def scan_plan(
    found: Iterable[WalkedFile],
    known: Iterable[KnownFile],
    *,
    now: Callable[[], float],
    settle_seconds: float,
    skip_existing: bool,
    unseen: Sequence[str] = (),
    system_folders: Sequence[str] = SYSTEM_FOLDERS,
    on_undated: Callable[[WalkedFile], None] = ignore,
) -> ScanPlan:
    """Decide what to open (pure). Neither files nor records are held: there may be millions that nobody has changed.

    Args:
        found: every file of the folder with a wanted extension, by the bytes of their paths.
        known: what the catalogue holds of the folder, in the same order.
        now: the time by the clock of the files, in seconds since 1970; asked as files are met, for a walk takes hours.
        settle_seconds: a file changed more recently than this is still being written.
        skip_existing: leave files alone whose size and times are as the catalogue has them.
        unseen: folders and files that could not be read or recorded; what the catalogue holds of them is not missing.
            It is read last: a walk adds to it.
        system_folders: patterns of names of folders that were left out; what the catalogue holds of them is withdrawn.
        on_undated: is called with each unchanged file whose ``ctime_ns`` is not recorded yet: after an upgrade, all.

    Returns:
        What to open, and how many files are in each state.
    """
    probe: list[WalkedFile] = []
    waiting: list[str] = []
    returned: list[str] = []
    count = new = changed = unchanged = 0
    settled_in = 0.0
    there: list[str] = []  # by their records
    for file, before in side_by_side(found, known):
        if file is None:
            if before is not None and not before.missing:
                there.append(before.path)
            continue
        count += 1
        if skip_existing and before == (*file, False):  # as nearly all are, of which there may be millions
            unchanged += 1
            continue
        path, size, mtime_ns, ctime_ns = file
        same = before is not None and before.size == size and before.mtime_ns == mtime_ns
        # An edit that puts the old time back changes this one; so does much that is none, and the content id decides.
        looks_edited = before is not None and None not in (before.ctime_ns, ctime_ns) and before.ctime_ns != ctime_ns
        if same and not looks_edited and skip_existing:
            unchanged += 1
            if before is not None and before.missing:
                returned.append(path)
            elif before is not None and before.ctime_ns is None and ctime_ns is not None:
                on_undated(file)
        # A little less than 0 is now: clocks of disks tick in up to two seconds, and those of two disks differ.
        elif not (same and looks_edited) and abs(age := _age(file, now())) < settle_seconds:
            waiting.append(path)
            settled_in = max(settled_in, settle_seconds - age)
        else:
            probe.append(file)
            new += before is None
            changed += before is not None and not same
            unchanged += same
    withdrawn = tuple(path for path in there if in_system_folder(path, system_folders))
    missing = _missing(there, {*withdrawn, *unseen}, unseen)
    return ScanPlan(
        tuple(probe), new, changed, unchanged, tuple(waiting), tuple(returned), missing, settled_in, withdrawn,
        count,
    )  # fmt: skip


def _age(file: WalkedFile, now: float) -> float:
    """Seconds since a file was last written, as far as its times show; less than 0 where both are in the future."""
    # A time in the future is a camera's, or that of a source with a wrong clock which a copy in progress bears already.
    # No program sets the other time: it is that of the last write, or of a rename since.
    written = file.mtime_ns
    if written / 1e9 > now and file.ctime_ns is not None:
        written = file.ctime_ns
    return now - written / 1e9


def _missing(there: Sequence[str], kept: set[str], unseen: Sequence[str]) -> tuple[str, ...]:
    """Records without a file, but for those that are kept and those below what could not be read."""
    hidden = tuple(f"{folder}/" for folder in unseen)
    return tuple(path for path in there if path not in kept and not path.startswith(hidden))
