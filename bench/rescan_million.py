"""``rescan_million``: a library of 1,000,000 unchanged files, against a bare walk that asks each for its size and time.

The files are empty and their records written by SQL: what is measured opens no file. Each turn of ours is a process of
its own, whose peak memory is taken; another does nothing but start, and its time is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import text

from bench.harness import Row, compare, wall
from bench.library import library
from bench.rescan import walk
from reelmill.catalogue.engine import get_engine

FILES: Final = 1_000_000
IN_A_FOLDER: Final = 1000
CEILING_MB: Final = 500
LIMIT: Final = "the walk, with a check of each name, then comparing it with its record"

_OLD: Final = 1_000_000_000  # seconds since 1970

_SCAN: Final = """
import resource, sys, time
from pathlib import Path
from bench.library import Silence
from reelmill.catalogue.engine import get_engine
from reelmill.operations.jobs.scan import scan
from reelmill.storage.media_root import MediaRoot
get_engine()
started = time.perf_counter()
result = scan(MediaRoot(Path(sys.argv[1])), "videos", directory_types=["videos"], report=Silence())
seconds = time.perf_counter() - started
assert (result.unchanged, result.new, result.missing) == (int(sys.argv[2]), 0, 0), result
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""

_RECORDS: Final = """
INSERT INTO catalogue.video (
    id, title, path, directory_type, filename, size, mtime_ns, duration, is_valid, created_at, updated_at
)
SELECT gen_random_uuid(), name, 'library/videos/' || folder || '/' || name, 'videos', name, 0,
    :mtime_ns, 5, true, now(), now()
FROM (
    SELECT 'folder ' || n / :in_a_folder AS folder, 'video ' || n || '.mp4' AS name
    FROM generate_series(0, :files - 1) AS n
) AS names
"""


def run(runs: int, files: int = FILES) -> Row:
    """Measure.

    Args:
        runs: how many turns.
        files: how many the library has.

    Returns:
        Seconds of a scan and of a walk; files a second and the peak of memory in words.
    """
    with library() as bench:
        folder = bench.root.folder("videos")
        _make_files(folder, files)
        with get_engine().begin() as connection:
            values = {"files": files, "in_a_folder": IN_A_FOLDER, "mtime_ns": _OLD * 10**9}
            connection.execute(text(_RECORDS), values)
        with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE) catalogue.video"))
        peaks: list[int] = []

        def ours() -> float:
            command = [sys.executable, "-c", _SCAN, os.fspath(bench.root.path), str(files)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            peaks.append(int(printed[1]))
            return float(printed[0])

        row = compare(
            "rescan_million", f"os.scandir and stat ({files} empty files)", "seconds", 0.5, "",
            ours=ours, theirs=lambda: wall(lambda: walk(folder, files)), runs=runs,
        )  # fmt: skip
        assert max(peaks) < CEILING_MB, peaks
        return replace(row, limit=f"{LIMIT}. {files / row.ours:,.0f} files a second, peak memory {max(peaks)} MB")


def _make_files(folder: Path, files: int) -> None:
    for number in range(files):
        place = folder / f"folder {number // IN_A_FOLDER}"
        if number % IN_A_FOLDER == 0:
            place.mkdir(parents=True)
        path = os.fspath(place / f"video {number}.mp4")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        os.utime(path, (_OLD, _OLD))
