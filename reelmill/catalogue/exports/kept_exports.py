"""Exports of the catalogue that are kept with the library: one a day, of the last days."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from reelmill.catalogue.engine import session
from reelmill.catalogue.exports import transfer
from reelmill.catalogue.exports.fact_rows import ImportReport
from reelmill.errors import UserError
from reelmill.storage import line_file
from reelmill.storage.line_file import SUFFIX
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import plural

#: Where they are, relative to the media root.
FOLDER: Final = ".reelmill/catalogue"

#: How many are kept.
KEPT: Final = 14


def folder(root: MediaRoot) -> Path:
    """Where the exports of a library are."""
    return root.path / FOLDER


def write(path: Path, of_site: Iterable[Mapping[str, Any]] = ()) -> int:
    """Export the catalogue into a new file, whole or not at all.

    Args:
        path: of the file.
        of_site: lines that are to follow the catalogue's, see ``transfer.OF_SITE``.

    Returns:
        How many rows it holds.

    Raises:
        FileExistsError: the name is taken.
        OSError: the disk refuses.
        PlatformError: the database does not answer.
    """
    count = -1  # the header

    def counted() -> Iterator[Mapping[str, Any]]:
        nonlocal count
        for line in chain(transfer.rows(opened), of_site):
            count += 1
            yield line

    with session() as opened:
        line_file.write(path, counted())
    return count


def write_daily(root: MediaRoot, day: str, of_site: Callable[[], Iterable[Mapping[str, Any]]] = tuple) -> Path | None:
    """Export the catalogue once a day, and drop the oldest exports beyond those that are kept.

    Nothing is written while the catalogue lacks videos of the newest export, as after the loss of its database: the
    export that has them stays the newest, and none is dropped.

    Args:
        root: the media root.
        day: as ``2026-11-29``.
        of_site: returns what ``write`` takes, where a file is written.

    Returns:
        The new file; None where the day has one.

    Raises:
        UserError: videos are lacking.
        OSError: the disk refuses.
        PlatformError: the database does not answer.
    """
    path = folder(root) / f"{day}{SUFFIX}"
    if path.exists():
        return None
    found = lacking(root)
    if found is not None and found[1]:
        lost = f"{plural(found[1], 'video')} of {found[0].name} not in the catalogue, or recorded anew"
        raise UserError(f"{lost}; no export is written until `reelmill doctor --repair` has merged them.")
    write(path, of_site())
    for old in every(root)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def every(root: MediaRoot) -> list[Path]:
    """The exports of a library, the newest last."""
    return sorted(folder(root).glob(f"*{SUFFIX}"))


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of an export.

    Yields:
        Each.

    Raises:
        UserError: it cannot be read, or is damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"The export {path} cannot be read ({error}); use another one.") from error


def load(path: Path) -> ImportReport:
    """Merge an export into the catalogue, all of it or nothing; see ``transfer.load``.

    Returns:
        What was done.

    Raises:
        UserError: it cannot be read, is no export, or one of a newer version.
        PlatformError: the database does not answer.
    """
    with session() as opened:
        return transfer.load(opened, read(path))


def lines_of_site(path: Path) -> Iterator[dict[str, Any]]:
    """Read the lines of an export that are of the site's rules and settings.

    Returns:
        Each.

    Raises:
        UserError: it cannot be read, or is damaged.
    """
    return (line for line in read(path) if line.get("table") in transfer.OF_SITE)


def lacking(root: MediaRoot) -> tuple[Path, int] | None:
    """The newest export that can be read, and how many of its videos the catalogue lacks; None where there is none."""
    for path in reversed(every(root)):
        try:
            with session() as opened:
                return path, transfer.lacking(opened, read(path))
        except (UserError, LookupError, TypeError, ValueError):  # damaged, or of a newer version: an older one serves
            continue
    return None
