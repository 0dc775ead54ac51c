"""A walk through folders and the folders in them, one listing at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator


def entries(
    folders: Iterable[str],
    enter: Callable[[os.DirEntry[str]], bool],
    unreadable: Callable[[str, OSError], None],
) -> Iterator[os.DirEntry[str]]:
    """All that is in ``folders``, and in the folders that are entered. Each listing is read whole before it is used.

    Args:
        folders: where to begin; one that is not there holds nothing.
        enter: whether an entry is a folder to walk through, too.
        unreadable: called with each folder that cannot be listed, and why.

    Yields:
        Each entry that is not entered.
    """
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                found = list(listing)
        except FileNotFoundError:  # removed meanwhile
            continue
        except OSError as error:
            unreadable(folder, error)
            continue
        for entry in found:
            if enter(entry):
                waiting.append(entry.path)
            else:
                yield entry
