"""Other processes of the same machine, for what only a second process can show."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

#: Takes a worker's name, says so, and keeps it until its input ends: ``argv`` is the folder and the name.
TAKE_AND_HOLD = """
    import sys
    from pathlib import Path
    from workpools.processes.worker_lock import WorkerLock
    lock = WorkerLock.acquire(Path(sys.argv[1]), sys.argv[2])
    print("taken", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has come as far as its first line of output; it is gone when the block ends."""
    argv = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline()
            yield child
        finally:
            child.kill()
