"""The one lock rule of the chunk store: for the chunks of an encode, of a film, and for mended copies.

Whoever runs an encoder that fills the store holds the lock named after what that encoder makes, over all nodes, and
looks under it for what is there. So nothing is made twice, and nothing is made by two at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.operations.chunk_store.store import Store, StoredChunk
from reelmill.operations.publishing.workspace import held
from reelmill.parallel import ignore
from reelmill.report import Report


@dataclass(frozen=True)
class ChunkMaker:
    """Makes the chunks that are not in the store."""

    store: Store
    report: Report  # gets a line while another run makes the same

    def find_or_make(self, key: str, make: Callable[[Path], dict[str, Any]]) -> StoredChunk:
        """A chunk that has an encoder of its own.

        Args:
            key: of the chunk; also the name of the lock.
            make: writes a file, and returns the facts to record of it.

        Returns:
            The chunk, complete.

        Raises:
            LockLost, PlatformError: see ``held``.
        """
        with held(key, self.report):
            found = self.store.find(key)
            if found is not None:
                return found
            with self.store.unfinished(key) as path:
                return self.store.add(key, path, make(path))

    def find_or_make_row(
        self,
        name: str,
        keys: Sequence[str],
        make: Callable[[slice], list[StoredChunk]],
        on_found: Callable[[list[StoredChunk]], None] = ignore,
    ) -> list[StoredChunk]:
        """Chunks that follow one another; one encoder makes all that are missing between two that are there.

        Args:
            name: of the lock.
            keys: of the chunks.
            make: makes those of a gap and adds them to the store.
            on_found: is called with the chunks that are there, before any is made.

        Returns:
            All chunks, complete, in the order of the keys.

        Raises:
            LockLost, PlatformError: see ``held``.
        """
        with held(name, self.report):
            found = [self.store.find(key) for key in keys]
            on_found([chunk for chunk in found if chunk is not None])
            for gap in gaps(found):
                found[gap] = make(gap)
        return [chunk for chunk in found if chunk is not None]


def gaps(found: Sequence[StoredChunk | None]) -> list[slice]:
    """Where chunks are missing (pure): as few slices as there are gaps between those that are there."""
    slices: list[slice] = []
    for number, chunk in enumerate(found):
        if chunk is None and slices and slices[-1].stop == number:
            slices[-1] = slice(slices[-1].start, number + 1)
        elif chunk is None:
            slices.append(slice(number, number + 1))
    return slices
