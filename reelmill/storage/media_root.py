"""The folders under the media root, and the one way from a written path to a real one."""

from __future__ import annotations

import os
import re
import stat
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from reelmill.errors import FileMissing, NotMounted, OutsideMediaRoot, UserError

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

#: What the name of a subtitle track beside a video ends with: its number from 1, and its language.
_TEXTS: Final = re.compile(r"\.\d+\.[a-z]{2,3}\.vtt$")
_LONGEST: Final = 255  # bytes of a name


def texts_beside(video: str, number: int, language: str) -> str:
    """The path of a subtitle track beside a video (pure).

    Args:
        video: its path.
        number: of the track, from 1.
        language: of the track, in two or three letters.

    Returns:
        The path; of a name that is too long as it is, the beginning is kept.
    """
    path, ending = PurePosixPath(video), f".{number}.{language}.vtt"
    stem = path.stem.encode()[: _LONGEST - len(ending)].decode(errors="ignore")
    return str(path.with_name(stem + ending))


def video_of_texts(path: str) -> str | None:
    """The video, without its extension, that a subtitle track of this path stands beside (pure); None where none is."""
    found = _TEXTS.search(path)
    return None if found is None else path[: found.start()]


@dataclass(frozen=True)
class MediaRoot:
    """The media root of one node: what is mounted elsewhere differs only here, relative paths travel."""

    path: Path

    def create(self) -> None:
        """Make the folders that are not there yet."""
        for folder in (*OWN_FOLDERS, LIBRARY, THUMBNAILS, GIFS, WORK):
            (self.path / folder).mkdir(parents=True, exist_ok=True)

    def image_path(self, folder: str, video_id: uuid.UUID, ending: str) -> str:
        """Where an image of a video, or something else for people's eyes, is or is to be put.

        Args:
            folder: ``THUMBNAILS`` or ``GIFS``. In it there are 256 folders: a million files in one are slow to list.
            video_id: its name begins with it.
            ending: of its name.

        Returns:
            The path relative to the root: where an older version has put it, in the folder itself, if it is there.
        """
        older = f"{folder}/{video_id}{ending}"
        return older if (self.path / older).exists() else f"{folder}/{video_id.hex[:2]}/{video_id}{ending}"

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
            reason = f"The media root {self.path} is empty or not there; mount it and run the job again."
            raise NotMounted(reason, self.path)

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
        return self.path / self.relative_folder(directory_type)

    @classmethod
    def relative_folder(cls, directory_type: str) -> str:
        """The folder of a directory type, relative to the root: the paths of its videos begin with it and a slash."""
        if directory_type in OWN_FOLDERS:
            return directory_type
        cls.check_type(directory_type)
        return f"{LIBRARY}/{directory_type}"

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
            reason = f"The path {str(written)!r} holds a NUL character, which no file name may."
            raise OutsideMediaRoot(reason, str(written))
        root = self.path.resolve()
        real = Path(os.path.realpath(root / written))  # Path.resolve raises RuntimeError for links in a circle
        if os.path.islink(real):  # noqa: PTH114 - Path.is_symlink raises where a name is too long
            reason = f"The path {str(written)!r} is a link in a circle; it leads to no file."
            raise OutsideMediaRoot(reason, str(written))
        if not real.is_relative_to(root):
            raise OutsideMediaRoot(
                f"The path {str(written)!r} leads out of the media root {root}; use a path inside it.", str(written)
            )
        return real

    def open_file(self, written: str | Path) -> BinaryIO:
        """Open a file of the library for reading; what is open lies in the root, whatever is renamed meanwhile.

        Args:
            written: see ``resolve``.

        Returns:
            The file, unbuffered.

        Raises:
            OutsideMediaRoot: see ``resolve``; also where a link was put on the way since it was resolved.
            NotMounted: nothing is there at all.
            FileMissing: no file is there, or none that may be read.
        """
        path = self.resolve(written)
        try:
            # Not blocking: who opens a named pipe would wait for its writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.require()
            raise FileMissing(f"{written} cannot be read: {error.strerror}; scan its folder.") from error
        with ExitStack() as unless_it_is_fit:
            unless_it_is_fit.callback(os.close, descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileMissing(f"{written} is no file; scan its folder.")
            if not Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(self.path.resolve()):
                raise OutsideMediaRoot(f"The path {str(written)!r} led out of the media root while it was opened.")
            unless_it_is_fit.pop_all()
        return os.fdopen(descriptor, "rb", 0)

    def directory_type(self, relative: str) -> str:
        """The directory type that a path belongs to.

        Args:
            relative: to the root.

        Returns:
            ``inbox``, ``playback``, … or the name of a folder of ``library/``.

        Raises:
            OutsideMediaRoot: it lies in none.
        """
        names = PurePosixPath(relative).parts
        if len(names) > 1 and names[0] in OWN_FOLDERS:
            return names[0]
        if len(names) > 2 and names[0] == LIBRARY:
            return names[1]
        reason = f"{relative!r} is in no folder of the library; try {COMPILATIONS}/{PurePosixPath(relative).name}."
        raise OutsideMediaRoot(reason, relative)

    def relative(self, path: Path) -> str:
        """``path`` as the catalogue keeps it: relative to the root, with forward slashes."""
        return path.relative_to(self.path if path.is_relative_to(self.path) else self.path.resolve()).as_posix()
