"""A walk through folders and the folders in them, one listing at a time, in the order of paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, Protocol, TypeVar

#: Entries of one folder that are handed on at once: of a folder that holds a million, few are held with what was read.
_TOGETHER: Final = 1000


class AtPath(Protocol):
    """What has a path: a file that a walk came across, or a record."""

    @property
    def path(self) -> str:
        """Of the file, relative to the media root."""
        ...


Found = TypeVar("Found", bound=AtPath)
Known = TypeVar("Known", bound=AtPath)


def entries(
    folders: Iterable[str],
    enter: Callable[[os.DirEntry[str]], bool],
    unreadable: Callable[[str, OSError], None],
) -> Iterator[os.DirEntry[str]]:
    """All that is in ``folders``, and in the folders that are entered; arguments as of ``runs``.

    Returns:
        Each entry that is not entered.
    """
    return chain.from_iterable(runs(folders, enter, unreadable))


def runs(
    folders: Iterable[str],
    enter: Callable[[os.DirEntry[str]], bool],
    unreadable: Callable[[str, OSError], None],
) -> Iterator[list[os.DirEntry[str]]]:
    """The same, for whoever has many to look at. Each listing is read whole before it is used.

    Paths ascend by their bytes, as PostgreSQL's collation ``C`` has them, so that a walk and the records of a
    library, read in that order, are compared side by side, and neither has to be held.

    Args:
        folders: where to begin, one after the other; one that is not there holds nothing.
        enter: whether a folder, no link to one, is walked through, too.
        unreadable: called with each folder that cannot be listed, and each entry that may be one, and why.

    Yields:
        Entries of one folder that are not entered and stand beside each other; at least one.
    """
    for folder in folders:
        levels = [_listing(folder, unreadable)]
        while levels:
            run: list[os.DirEntry[str]] = []
            for met in levels[-1]:
                if isinstance(met, list):
                    run += met
                elif enter(met):
                    levels.append(_listing(met.path, unreadable))
                    break
                else:
                    run.append(met)
                if len(run) >= _TOGETHER:
                    yield run
                    run = []
            else:
                levels.pop()
            if run:
                yield run


def side_by_side(files: Iterable[Found], records: Iterable[Known]) -> Iterator[tuple[Found | None, Known | None]]:
    """Files and records of the same path beside each other (pure).

    Args:
        files: by the bytes of their paths.
        records: in the same order.

    Yields:
        Each file with its record; None stands for what is not there.
    """
    rest = iter(records)
    record = next(rest, None)
    for file in files:
        path = file.path
        if record is not None and record.path != path:  # by far most are beside each other
            while record is not None and record.path < path:
                yield None, record
                record = next(rest, None)
        if record is not None and record.path == path:
            yield file, record
            record = next(rest, None)
        else:
            yield file, None
    while record is not None:
        yield None, record
        record = next(rest, None)


def _listing(
    folder: str, unreadable: Callable[[str, OSError], None]
) -> Iterator[os.DirEntry[str] | list[os.DirEntry[str]]]:
    """Each folder in a folder, and what stands between two of them; lists of ``_TOGETHER`` entries at most."""
    found = _places(folder, unreadable)
    places = sorted(found)  # texts alone: with a function that makes them, sorting takes longer
    begin = 0
    for end in (*(number for number, place in enumerate(places) if place[-1] == "/"), len(places)):
        # Taken out bit by bit, so that what was walked through is freed.
        for start in range(begin, end, _TOGETHER):
            yield [found.pop(place) for place in places[start : min(end, start + _TOGETHER)]]
        if end < len(places):
            yield found.pop(places[end])
        begin = end + 1


def _places(folder: str, unreadable: Callable[[str, OSError], None]) -> dict[str, os.DirEntry[str]]:
    """Entries by what they are sorted by."""
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
    except FileNotFoundError:  # removed meanwhile
        return {}
    except OSError as error:
        unreadable(folder, error)
        return {}
    try:  # at once, which takes half the time
        return {f"{one.name}/" if one.is_dir(follow_symlinks=False) else one.name: one for one in entries}
    except OSError:
        return {_place(one, unreadable): one for one in entries}


def _place(entry: os.DirEntry[str], unreadable: Callable[[str, OSError], None]) -> str:
    """What an entry is sorted by: a folder stands where the paths in it do."""
    try:
        return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
    except OSError as error:  # a disk that does not answer, so that it may be a folder with all that is below
        unreadable(entry.path, error)
        return entry.name
