"""A copy on another file system that is known to be the same, byte for byte, as read back from both disks."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from reelmill import guard
from reelmill.report import Report
from reelmill.storage.atomic_files import fsync
from reelmill.storage.disk import Disk
from reelmill.wording import in_bytes

_BLOCK: Final = 4 << 20  # bytes read at a time


def copy(source: Path, staged: Path, report: Report, disk: Disk) -> None:
    """Copy content, times and rights to the new file ``staged``, and force it to the disk.

    Args:
        source: what to copy.
        staged: what to write.
        report: where progress goes.
        disk: that is written to, and checked meanwhile.

    Raises:
        DiskFull: somebody else filled it.
        OSError: as reading and writing raise it; what was written so far is left.
    """
    with source.open("rb") as read, staged.open("xb", buffering=0) as written:
        for block in _blocks(read, report):
            view = memoryview(block)
            while view:  # a write may take less than it was given
                view = view[written.write(view) :]
            disk.require_reserve()
    with suppress(PermissionError):  # only root may give files away
        stat = source.stat()
        os.chown(staged, stat.st_uid, stat.st_gid)
    shutil.copystat(source, staged)
    fsync(staged)


def digest(path: Path, report: Report) -> str:
    """A hash of a file as the disk has it, not as the page cache does (BLAKE2b, hexadecimal)."""
    found = hashlib.blake2b()
    with path.open("rb") as read:
        os.posix_fadvise(read.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for block in _blocks(read, report):
            found.update(block)
    return found.hexdigest()


def _blocks(read: BinaryIO, report: Report) -> Iterator[bytes]:
    """The content, to where it ended when it was opened: a file that grows without end is not followed."""
    size, done = os.fstat(read.fileno()).st_size, 0
    while done < size and (block := read.read(min(_BLOCK, size - done))):
        guard.check()
        done += len(block)
        report.progress(done / size, f"{in_bytes(done)} of {in_bytes(size)}")
        yield block
