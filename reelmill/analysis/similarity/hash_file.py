"""The perceptual hashes of a large library, in a temporary file: they take no memory while others are compared."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import Final, Self

import numpy as np

from reelmill.analysis.similarity.perceptual_hash import Hashes

#: Videos that are read at once by whoever reads all of them.
_AT_ONCE: Final = 2000
_DTYPE: Final = np.dtype("<u8")


class HashFile:
    """Hashes of videos, in the order in which they are added; a context manager, whose file is gone afterwards."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed on the way out
        self._ends = array("q", [0])  # in hashes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, hashes: Hashes) -> None:
        """Add those of one video."""
        self._file.write(hashes.astype(_DTYPE).tobytes())
        self._ends.append(self._ends[-1] + len(hashes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int, /) -> Hashes:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self._read(number, number + 1)

    def __iter__(self) -> Iterator[Hashes]:
        for first in range(0, len(self), _AT_ONCE):
            end = min(len(self), first + _AT_ONCE)
            together, start = self._read(first, end), self._ends[first]
            for number in range(first, end):
                yield together[self._ends[number] - start : self._ends[number + 1] - start]

    def _read(self, first: int, end: int) -> Hashes:
        self._file.flush()
        start, stop = self._ends[first] * _DTYPE.itemsize, self._ends[end] * _DTYPE.itemsize
        return np.frombuffer(os.pread(self._file.fileno(), stop - start, start), _DTYPE).astype(np.uint64)
