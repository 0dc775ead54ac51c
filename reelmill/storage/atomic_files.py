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

#: How file systems say that they have no hard links, or no rename that replaces nothing; FUSE (rclone) has neither.
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_NO_SUCH_RENAME: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
#: How file systems say that a folder is nothing to be forced to the disk (``fsync(2)``).
_NO_FOLDER_SYNC: Final = (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.EOPNOTSUPP)
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
    _fsync_folder(folder.parent)


def write(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    fsync(new)
    new.rename(path)
    _fsync_folder(path.parent)


def place(staged: Path, final: Path) -> bool:
    """Give ``staged`` its final name in one step, or, where the file system has no such step, in two.

    The second of these takes the place of an empty file that is the first: see ``drop_reservation``.

    Returns:
        Whether it has the name; False, and nothing done, where that name is taken.

    Raises:
        LockLost, PlatformError: see ``guard.confirm``.
        OSError: the file system refuses.
    """
    guard.confirm()
    try:
        _link(staged, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not _renamed_without_links(staged, final):
            return False
    _fsync_folder(final.parent)
    return True


def drop_reservation(path: Path) -> bool:
    """Remove an empty file, which a crash left between the two steps of ``place`` or ``rename``.

    Args:
        path: a name that work of ours was to give to a file that is not empty.

    Returns:
        Whether there was one.
    """
    try:
        if path.is_symlink() or path.stat().st_size > 0:
            return False
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def rename(old: Path, new: Path) -> bool:
    """Give a file another name on its file system.

    On a file system that cannot rename without replacing (NFS), a crash may leave both names to the one file; on one
    without hard links either (FUSE), the file at its old name and an empty one at the new: see ``drop_reservation``.

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
        if error.errno not in _NO_SUCH_RENAME:
            raise
        if not _renamed_by_link(old, new):
            return False
    _fsync_folder(new.parent)
    _fsync_folder(old.parent)
    return True


def _link(old: Path, new: Path) -> None:
    """Give a file another name, and know it where that is said to be taken by what has just happened.

    A server that has given the name, and whose reply is lost, is asked again, and reports the name as taken
    (``link(2)``, on NFS): the file has one name more then, and it is this one.

    Raises:
        FileExistsError: the name is taken by another file, or by this one since long ago.
        OSError: the file system refuses.
    """
    before = old.stat()
    try:
        os.link(old, new)
    except FileExistsError:
        try:
            after = new.lstat()
        except OSError:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(new)) from None
        ours = (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
        if not ours or after.st_nlink != before.st_nlink + 1:
            raise


def _fsync_folder(folder: Path) -> None:
    """Force a folder to the disk, where its file system can: some shares cannot, and keep names by themselves."""
    try:
        fsync(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def _renamed_by_link(old: Path, new: Path) -> bool:
    try:
        _link(old, new)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _renamed_over_reservation(old, new)
    _fsync_folder(new.parent)
    old.unlink()
    return True


def _renamed_without_links(staged: Path, final: Path) -> bool:
    try:
        return _rename_noreplace(staged, final)
    except OSError as error:
        if error.errno not in _NO_SUCH_RENAME:
            raise
        return _renamed_over_reservation(staged, final)


def _renamed_over_reservation(old: Path, new: Path) -> bool:
    """Reserve a name with an empty file, which is made only where the name is free, and rename over that."""
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    try:
        old.rename(new)
    except OSError:
        drop_reservation(new)
        raise
    return True


def _rename_noreplace(staged: Path, final: Path) -> bool:
    result = _libc.renameat2(_AT_FDCWD, os.fsencode(staged), _AT_FDCWD, os.fsencode(final), _RENAME_NOREPLACE)
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    raise OSError(code, os.strerror(code), os.fspath(final))
