"""The folders under the media root, and the one way from a written path to a real one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from reelmill.errors import NotMounted, OutsideMediaRoot, UserError

INBOX: Final = "inbox"
PUBLIC: Final = "public"
PLAYBACK: Final = "playback"
COMPILATIONS: Final = "compilations"
DIGESTS: Final = "digests"
CLIPS: Final = "clips"
HIGHLIGHTS: Final = "highlights"
THUMBNAILS: Final = "thumbnails"
GIFS: Final = "gifs"
LIBRARY: Final = "library"
WORK: Final = ".reelmill/work"
CHUNKS: Final = ".reelmill/chunks"

#: Directory types that are folders of their own rather than folders of ``library/``.
OUTPUT_TYPES: Final = (PLAYBACK, COMPILATIONS, DIGESTS, CLIPS, HIGHLIGHTS)
OWN_FOLDERS: Final = (INBOX, PUBLIC, *OUTPUT_TYPES)


@dataclass(frozen=True)
class MediaRoot:
    """The media root of one node: what is mounted elsewhere differs only here, relative paths travel."""

    path: Path

    def create(self) -> None:
        """Make the folders that are not there yet."""
        for folder in (*OWN_FOLDERS, LIBRARY, THUMBNAILS, GIFS, WORK):
            (self.path / folder).mkdir(parents=True, exist_ok=True)

    @property
    def mounted(self) -> bool:
        """Whether anything is there: a library that is not mounted leaves an empty folder, or none."""
        try:
            return any(self.path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def require(self) -> None:
        """Check that the library is mounted.

        Raises:
            NotMounted: nothing is there.
        """
        if not self.mounted:
            raise NotMounted(f"The media root {self.path} is empty or not there; mount it and run the job again.")

    @property
    def work(self) -> Path:
        """Where half-finished work lives: same file system as the library, so that a rename publishes it."""
        return self.path / WORK

    @property
    def chunks(self) -> Path:
        """Where finished chunks of unfinished work wait for whoever goes on with it:
        see ``operations/chunk_store/store.py``.
        """
        return self.path / CHUNKS

    def folder(self, directory_type: str) -> Path:
        """The folder of a directory type (``inbox``, ``public``, ``playback``, … or a type of ``library/``)."""
        if directory_type in OWN_FOLDERS:
            return self.path / directory_type
        self.check_type(directory_type)
        return self.path / LIBRARY / directory_type

    @staticmethod
    def check_type(name: str) -> None:
        """Check that the name of a directory type is a plain folder name.

        Raises:
            UserError: it is not.
        """
        if not name or name in (".", "..") or "/" in name or "\0" in name:
            raise UserError(f"{name!r} is not a directory type: it must be a plain folder name.")

    def resolve(self, written: str | Path) -> Path:
        """The real path of ``written``.

        Args:
            written: relative to the root, or absolute inside it.

        Returns:
            An absolute path without symbolic links.

        Raises:
            OutsideMediaRoot: it leads out of the root, by ``..``, by being absolute, or through a symbolic link.
        """
        if "\0" in str(written):
            raise OutsideMediaRoot(f"The path {str(written)!r} holds a NUL character, which no file name may.")
        root = self.path.resolve()
        real = Path(os.path.realpath(root / written))  # Path.resolve raises RuntimeError for links in a circle
        if os.path.islink(real):  # noqa: PTH114 - Path.is_symlink raises where a name is too long
            raise OutsideMediaRoot(f"The path {str(written)!r} is a link in a circle; it leads to no file.")
        if not real.is_relative_to(root):
            raise OutsideMediaRoot(
                f"The path {str(written)!r} leads out of the media root {root}; use a path inside it."
            )
        return real

    def directory_type(self, relative: str) -> str:
        """The directory type that a path belongs to.

        Args:
            relative: to the root.

        Returns:
            ``inbox``, ``playback``, … or the name of a folder of ``library/``.

        Raises:
            UserError: it lies in none.
        """
        names = PurePosixPath(relative).parts
        if len(names) > 1 and names[0] in OWN_FOLDERS:
            return names[0]
        if len(names) > 2 and names[0] == LIBRARY:
            return names[1]
        raise UserError(
            f"{relative!r} is in no folder of the library; try {COMPILATIONS}/{PurePosixPath(relative).name}."
        )

    def relative(self, path: Path) -> str:
        """``path`` as the catalogue keeps it: relative to the root, with forward slashes."""
        return path.relative_to(self.path if path.is_relative_to(self.path) else self.path.resolve()).as_posix()
