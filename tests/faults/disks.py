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
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelmill.layout import MediaRoot

_CLONE_NEWNS: Final = 0x20000
_MS_PRIVATE_ALL: Final = (1 << 18) | (1 << 14)
_GET_STATUS, _SET_STATUS = 0x4C05, 0x4C04
_STATUS_BYTES: Final = 232  # struct loop_info64
_SIZELIMIT: Final = slice(32, 40)
_LOOP: Final = 7  # major number
_SIZE: Final = "24m"
_CUT: Final = 2 << 20  # bytes; the file system's own tables end before
_FILLER: Final = 4 << 20  # bytes; the originals lie behind
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Disks:
    """The disks of one library; where they could not be had, the library is in plain folders."""

    root: MediaRoot
    real: bool

    @classmethod
    def mount(cls, folder: Path) -> Disks:
        """In a mount namespace of this process's own, so that nothing is left when it ends."""
        root = MediaRoot(folder / "media")
        root.path.mkdir(parents=True)
        real = _alone() and _mounted(root, folder / "inbox.img")
        root.create()
        return cls(root, real)

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

    def sicken(self) -> None:
        """Let every read of an original fail."""
        os.sync()
        self._limit(_CUT)
        for path in self._originals():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)

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

    def readable(self) -> bool:
        """Whether the originals can be read."""
        try:
            for path in self._originals():
                path.read_bytes()
        except OSError as error:
            return error.errno != errno.EIO
        return True


def _alone() -> bool:
    if os.geteuid() != 0 or shutil.which("mkfs.ext2") is None or _libc.unshare(_CLONE_NEWNS) != 0:
        return False
    return bool(_libc.mount(b"none", b"/", None, _MS_PRIVATE_ALL, None) == 0)


def _mounted(root: MediaRoot, image: Path) -> bool:
    if not _runs("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "tmpfs", str(root.path)):
        return False
    root.create()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    inbox = str(root.folder("inbox"))
    made = _runs("mkfs.ext2", "-q", "-I", "256", "-N", "64", str(image)) and _runs(
        "mount", "-o", "loop,noatime", str(image), inbox
    )
    if not made or os.major(root.folder("inbox").stat().st_dev) != _LOOP:
        _runs("umount", str(root.path))
        return False
    (root.folder("inbox") / "lost+found").rmdir()
    (root.folder("inbox") / ".filler").write_bytes(bytes(_FILLER))
    return True


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
