"""Publishes a file and dies at a given boundary, again and again: run as a program by ``test_publish.py``.

A boundary is the moment before, and the moment after, each call that changes the disk or commits to the database.
Everything is imported once; each life is a fork, and a life ends by SIGKILL, so that nothing is tidied up.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine.default import DefaultDialect
from sqlmodel import select

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.context import Workbench
from reelmill.operations.once import once
from reelmill.operations.publishing.preflight import Destination
from reelmill.operations.publishing.publish import Product, publish
from reelmill.operations.publishing.workspace import reconcile
from reelmill.operations.recipe import Recipe
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes

RECIPE = Recipe("0123456789abcdef0123456789abcdef")
WANTED = "compilations/out.mp4"
PRODUCT = Product(
    path=WANTED, recipe=RECIPE, expected=Expectation(duration=Fraction(1, 5), frames=5, audio_tracks=1), title="Out"
)


def make(root: MediaRoot, original: Path) -> str:
    """A job as the operations do it: found, or made and published."""
    bench = Workbench(root=root, report=Notes())

    def publish_copy(folder: Path) -> str:
        staged = folder / "staged.mp4"
        shutil.copyfile(original, staged)
        publish(bench, staged, PRODUCT)
        return "made"

    return once(bench, RECIPE, publish_copy, lambda _: "found", to=Destination(WANTED))


class Boundaries:
    """Counts boundaries and dies at one."""

    def __init__(self, last: int, *more: tuple[Any, tuple[str, ...]]):
        self.last = last
        self.count = 0
        for owner, names in (
            (os, ("fsync", "link", "rename", "unlink", "rmdir", "mkdir")),
            (DefaultDialect, ("do_commit",)),
            *more,
        ):
            for name in names:
                setattr(owner, name, self._around(getattr(owner, name)))

    def _pass(self) -> None:
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def _around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def around(*arguments: Any, **options: Any) -> Any:
            self._pass()
            result = real(*arguments, **options)
            self._pass()
            return result

        return around


def get_ready_for_lives(undisturbed: Callable[[], object]) -> None:
    """Do once, in this process, what each life does: what that loads, maps and compiles is inherited.

    It takes half of a life's CPU time, and there are hundreds of lives. No thread is left, and no connection.
    """
    undisturbed()
    get_engine().dispose()  # its schema is up to date now; each life opens connections of its own
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    gc.collect()
    gc.freeze()  # no life copies pages to look for garbage of ours


def in_a_life_of_its_own(act: Callable[[], Any]) -> tuple[int, Any]:
    """Fork, act, and hand back how the life ended and what it said."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        answer = json.dumps(act())
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), json.loads(said) if said else None


def _dying(root: MediaRoot, original: Path, taken: Path, last: int) -> int:
    _empty(root, taken)
    boundaries = Boundaries(last)
    make(root, original)
    return boundaries.count


def recover(root: MediaRoot) -> list[str]:
    """Settle what is left; the database takes a moment to notice that a lock's holder is dead."""
    notes, deadline = Notes(), time.monotonic() + 30
    while any(root.work.iterdir()) and time.monotonic() < deadline:
        reconcile(root, notes)
        time.sleep(0.02)
    return notes.lines


def state(root: MediaRoot) -> dict[str, Any]:
    """What a person would see: files of the library, records, work left over."""
    with session() as opened:
        records = [
            {
                "path": video.path,
                "recipe": video.recipe,
                "title": video.title,
                "frame_rate": str(video.frame_rate),
                "stat": [video.size, video.mtime_ns],
            }
            for video in opened.exec(select(Video))
        ]
    folder = root.path / "compilations"
    files = {
        path.relative_to(root.path).as_posix(): [path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted(folder.rglob("*"))
    }
    return {"records": records, "files": files, "work": [path.name for path in root.work.iterdir()]}


def _empty(root: MediaRoot, taken: Path) -> None:
    with get_engine().begin() as connection:
        connection.execute(text("DELETE FROM catalogue.video"))
    shutil.rmtree(root.path)
    root.create()
    shutil.copyfile(taken, root.path / WANTED)


def _afterwards(root: MediaRoot, original: Path) -> dict[str, Any]:
    """Recovery, then the same job once more, and what each left."""
    said = recover(root)
    recovered = state(root)
    again = make(root, original)
    return {"said": said, "recovered": recovered, "again": again, "after": state(root)}


def _undisturbed(root: MediaRoot, original: Path, taken: Path) -> None:
    _empty(root, taken)
    make(root, original)
    _afterwards(root, original)


def main(folder: str, original: str, taken: str) -> None:
    """One line of JSON for each boundary; a copy of ``taken`` has the wanted name already."""
    root, source = MediaRoot(Path(folder)), Path(original)
    get_ready_for_lives(lambda: _undisturbed(root, source, Path(taken)))
    last = 0
    while True:
        last += 1
        ended, count = in_a_life_of_its_own(
            lambda last=last: _dying(root, source, Path(taken), last)  # type: ignore[misc]
        )
        _, afterwards = in_a_life_of_its_own(lambda: _afterwards(root, source))
        print(json.dumps({"ended": ended, "count": count, **afterwards}), flush=True)
        if ended == 0:
            return


if __name__ == "__main__":
    if len(sys.argv) == 3:  # one life, undisturbed
        print(make(MediaRoot(Path(sys.argv[1])), Path(sys.argv[2])), flush=True)
    else:
        main(*sys.argv[1:])
