"""Files of JSON lines, compressed, that are whole or not there: for what is put away and read seldom."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from reelmill.storage import atomic_files

#: What their names end with.
SUFFIX: Final = ".jsonl.gz"

#: What is added to that while one is written; such a file is of no use to anybody.
PARTIAL: Final = ".partial"


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a file that only its owner may read, and which is on the disk once this returns.

    Args:
        path: of the file, which is not there yet; its folder is made.
        lines: an object each; what JSON does not know is written as text.

    Raises:
        FileExistsError: the name is taken.
        OSError: the disk refuses; nothing is left of it.
    """
    atomic_files.make_folder(path.parent)
    partial = path.with_name(path.name + PARTIAL)
    partial.unlink(missing_ok=True)
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            for line in lines:
                packed.write(json.dumps(line, ensure_ascii=False, default=str).encode(errors="replace") + b"\n")
        atomic_files.fsync(partial)
        if not atomic_files.rename(partial, path):
            raise FileExistsError(f"{path} is there already.")
    finally:
        partial.unlink(missing_ok=True)


def next_path(folder: Path, day: str) -> Path:
    """The path of the next file of a day, by those that are in the folder: ``2026-11-03.0001.jsonl.gz``."""
    names = [path.name.removeprefix(f"{day}.").removesuffix(SUFFIX) for path in folder.glob(f"{day}.*{SUFFIX}")]
    number = 1 + max((int(name) for name in names if name.isdecimal()), default=0)
    return folder / f"{day}.{number:04}{SUFFIX}"
