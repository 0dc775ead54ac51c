"""Files that are on the disk once a function returns, and names given once, while the work is still ours."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

from reelmill import guard

_RENAME_NOREPLACE: Final = 1
_AT_FDCWD: Final = -100
_libc = ctypes.CDLL(None, use_errno=True)


def fsync(path: Path) -> None:
    """Force a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are not there, each on the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    fsync(folder.parent)


def write(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    fsync(new)
    new.rename(path)
    fsync(path.parent)


def place(staged: Path, final: Path) -> bool:
    """Give ``staged`` its final name in one step.

    Returns:
        Whether it has the name; False, and nothing done, where that name is taken.

    Raises:
        LockLost, PlatformError: see ``guard.confirm``.
        OSError: the file system refuses.
    """
    guard.confirm()
    try:
        os.link(staged, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if not _rename_noreplace(staged, final):  # a file system without hard links
            return False
    fsync(final.parent)
    return True


def rename(old: Path, new: Path) -> bool:
    """Give a file another name on its file system.

    On a file system that cannot rename without replacing (NFS), a crash may leave both names to the one file.

    Returns:
        Whether it has the name; False, and nothing done, where that name is taken.

    Raises:
        LockLost, PlatformError: see ``guard.confirm``.
        OSError: with ``EXDEV`` where the new name lies on another file system or mount.
    """
    guard.confirm()
    try:
        if not _rename_noreplace(old, new):
            return False
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        try:
            os.link(old, new)
        except FileExistsError:
            return False
        fsync(new.parent)
        old.unlink()
    fsync(new.parent)
    fsync(old.parent)
    return True


def _rename_noreplace(staged: Path, final: Path) -> bool:
    result = _libc.renameat2(_AT_FDCWD, os.fsencode(staged), _AT_FDCWD, os.fsencode(final), _RENAME_NOREPLACE)
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    raise OSError(code, os.strerror(code), os.fspath(final))
