"""A library on disks that can be filled up, and made unreadable, for real: seen by this process and its children only.

The media root is a small disk in memory. The inbox, where the originals are, is a file system on a loop device, which
is cut short under the mounted file system when it is to fail: folders, names, sizes and times lie before the cut, and
what is in the files behind it reads as an I/O error. Source: loop(4), ``LOOP_SET_STATUS64``.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelmill.storage.media_root import MediaRoot

_CLONE_NEWNS: Final = 0x20000
_MS_PRIVATE_ALL: Final = (1 << 18) | (1 << 14)
_GET_STATUS, _SET_STATUS = 0x4C05, 0x4C04
_STATUS_BYTES: Final = 232  # struct loop_info64
_SIZELIMIT: Final = slice(32, 40)
_LOOP: Final = 7  # major number
_SIZE: Final = "24m"
_BLOCK: Final = 1024  # bytes; with it so small a disk is one group, whose tables are all at its beginning
_FREE: Final = re.compile(r"^ *Free blocks: (\d+)-", re.MULTILINE)
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Disks:
    """The disks of one library; where they could not be had, the library is in plain folders."""

    root: MediaRoot
    cut: int | None  # where the originals begin on their disk, in bytes; None: there are no disks

    @classmethod
    def mount(cls, folder: Path) -> Disks:
        """In a mount namespace of this process's own, so that nothing is left when it ends."""
        root = MediaRoot(folder / "media")
        root.path.mkdir(parents=True)
        cut = _mounted(root, folder / "inbox.img") if _alone() else None
        root.create()
        return cls(root, cut)

    @property
    def real(self) -> bool:
        """Whether there are disks that can be filled and made to fail."""
        return self.cut is not None

    @property
    def _ballast(self) -> Path:
        return self.root.path / ".ballast"

    def fill(self) -> None:
        """Leave no byte free where work is written."""
        if not self.real:
            return
        with self._ballast.open("wb") as ballast:
            disk = os.statvfs(self.root.path)
            os.posix_fallocate(ballast.fileno(), 0, disk.f_bavail * disk.f_frsize)

    def sicken(self, keep: int = 0) -> None:
        """Let every read of an original fail, but for its first ``keep`` bytes."""
        os.sync()
        assert self.cut is not None
        for path in self._originals():
            with path.open("rb") as file:
                file.read(keep)
        self._limit(self.cut)
        for path in self._originals():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, keep, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)
        assert not any(map(_readable, self._originals())), "this disk does not fail"

    def heal(self, unlink: object = os.unlink) -> None:
        """All is as before."""
        assert callable(unlink)
        if self._ballast.exists():
            unlink(self._ballast)
        if self.real:
            self._limit(0)

    def _limit(self, size: int) -> None:
        number = os.minor(self.root.folder("inbox").stat().st_dev)
        handle = os.open(f"/dev/loop{number}", os.O_RDWR)
        try:
            status = bytearray(_STATUS_BYTES)
            fcntl.ioctl(handle, _GET_STATUS, status)
            status[_SIZELIMIT] = size.to_bytes(8, "little")
            fcntl.ioctl(handle, _SET_STATUS, status)
        finally:
            os.close(handle)

    def _originals(self) -> list[Path]:
        return [path for path in self.root.folder("inbox").glob("[!.]*") if path.is_file()]


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError as error:
        return error.errno != errno.EIO
    return True


def _alone() -> bool:
    if os.geteuid() != 0 or shutil.which("mkfs.ext2") is None or _libc.unshare(_CLONE_NEWNS) != 0:
        return False
    return bool(_libc.mount(b"none", b"/", None, _MS_PRIVATE_ALL, None) == 0)


def _mounted(root: MediaRoot, image: Path) -> int | None:
    """Mount both; answers where the file system's own tables end."""
    if _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "tmpfs", str(root.path)) is None:
        return None
    root.create()
    with image.open("wb") as file:
        file.truncate(8 << 20)
    inbox = root.folder("inbox")
    made = _run("mkfs.ext2", "-q", "-b", str(_BLOCK), "-I", "256", "-N", "64", str(image)) is not None
    tables = _FREE.search(_run("dumpe2fs", str(image)) or "") if made else None
    mounted = tables is not None and _run("mount", "-o", "loop,noatime", str(image), str(inbox)) is not None
    if tables is None or not mounted or os.major(inbox.stat().st_dev) != _LOOP:
        _run("umount", str(root.path))
        return None
    return int(tables[1]) * _BLOCK


def _run(*command: str) -> str | None:
    """What a command says; None where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
