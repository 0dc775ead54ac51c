"""A walk through folders and the folders in them, one listing at a time, in the order of paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator


def entries(
    folders: Iterable[str],
    enter: Callable[[os.DirEntry[str]], bool],
    unreadable: Callable[[str, OSError], None],
) -> Iterator[os.DirEntry[str]]:
    """All that is in ``folders``, and in the folders that are entered. Each listing is read whole before it is used.

    Paths ascend by their bytes, as PostgreSQL's collation ``C`` has them, so that a walk and the records of a
    library, read in that order, are compared side by side, and neither has to be held.

    Args:
        folders: where to begin, one after the other; one that is not there holds nothing.
        enter: whether an entry is a folder to walk through, too.
        unreadable: called with each folder that cannot be listed, and why.

    Yields:
        Each entry that is not entered.
    """
    for folder in folders:
        levels = [_listing(folder, unreadable)]
        while levels:
            for entry in levels[-1]:
                if enter(entry):
                    levels.append(_listing(entry.path, unreadable))
                    break
                yield entry
            else:
                levels.pop()


def _listing(folder: str, unreadable: Callable[[str, OSError], None]) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            found = sorted(listing, key=_place)
    except FileNotFoundError:  # removed meanwhile
        found = []
    except OSError as error:
        unreadable(folder, error)
        found = []
    found.reverse()
    while found:  # taken out one by one, so that what was walked through is freed
        yield found.pop()


def _place(entry: os.DirEntry[str]) -> str:
    """What an entry is sorted by: a folder stands where the paths in it do."""
    try:
        return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
    except OSError:  # a disk that does not answer: whoever looks at the entry finds the same
        return entry.name
