"""The jobs that the faults befall: one row each. To add one, write what it does and put it into ``JOBS``."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import select

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.move_to_library import move_to_library
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scan import scan
from reelmill.operations.once import once
from reelmill.operations.publishing.publish import Product, publish
from reelmill.operations.publishing.records import read_record
from reelmill.operations.recipe import Recipe
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, clip

#: Old enough for every rule about files that are still being written.
_TIME: Final = 1_600_000_000_123_456_789
_TYPES: Final = ("inbox", "videos", "shows")


def _id(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


def samples(folder: Path) -> Path:
    """Two that agree in everything, one that must be encoded to be joined to them, and one long enough to cut."""
    clip(folder / "a.mp4", seconds=0.4, size="64x48")
    clip(folder / "b.mp4", seconds=0.6, size="64x48")
    clip(folder / "d.mp4", seconds=2.4, size="64x48", gop=10)
    clip(folder / "c.mkv", seconds=0.4, size="48x64", codec="mpeg4", rate=10)
    return folder


@dataclass(frozen=True)
class Job:
    """One kind of job."""

    sources: tuple[str, ...]  # of the samples
    act: Callable[[Workbench], Any]  # the job, as a worker does it; must be the same work each time
    where: str = "inbox"
    recorded: bool = True  # whether the sources are in the catalogue when it begins
    reads: bool = True  # whether it reads the sources at all


_RECIPE: Final = Recipe("0123456789abcdef0123456789abcdef")
_PRODUCT: Final = Product(
    "compilations/out.mp4", _RECIPE, Expectation(Fraction(2, 5), frames=10, faststart=False), "Out"
)


def _publish(bench: Workbench) -> Any:
    def make(folder: Path) -> Video:
        staged = folder / "staged.mp4"
        shutil.copyfile(bench.root.folder("inbox") / "a.mp4", staged)
        return publish(bench, staged, _PRODUCT)

    return once(bench, _RECIPE, make, lambda found: found, to=_PRODUCT.destination).path


def _move(bench: Workbench) -> Any:
    return move_to_library(bench, str(_id("a.mp4")), "videos", directory_types=_TYPES).path


def _scan(bench: Workbench) -> Any:
    return scan(bench.root, "inbox", directory_types=_TYPES, report=bench.report).invalid


def _reencode(bench: Workbench) -> Any:
    return reencode(bench, str(_id("a.mp4")), preset="ultrafast").path


def _in_chunks(bench: Workbench) -> Any:
    made = reencode(bench, str(_id("d.mp4")), preset="ultrafast", chunk_seconds=0.8)
    assert made.reused or made.chunks > 1, bench.report.lines  # type: ignore[attr-defined]
    return made.path


def _join(bench: Workbench) -> Any:
    ids = [str(_id(name)) for name in ("a.mp4", "b.mp4", "c.mkv")]
    return compile_mega(bench, ids, layout="sequence").path


_ALL: Final = ("a.mp4", "b.mp4", "c.mkv")
JOBS: Final = {
    "publish": Job(("a.mp4",), _publish),
    "move": Job(("a.mp4",), _move, where="library/shows", reads=False),
    "move to another disk": Job(("a.mp4",), _move),
    "scan": Job(_ALL, _scan, recorded=False),
    "re-encode": Job(("a.mp4",), _reencode),
    "re-encode in chunks": Job(("d.mp4",), _in_chunks),
    "join": Job(_ALL, _join),
}


def prepare(root: MediaRoot, job: Job, taken: Path) -> None:
    """A library with the job's sources and nothing else."""
    with get_engine().begin() as connection:
        connection.execute(text("DELETE FROM catalogue.video"))
    for folder in [*root.path.iterdir(), root.work, *root.folder("videos").parent.iterdir()]:
        _empty(folder)
    shutil.rmtree(root.chunks, ignore_errors=True)
    for kind in ("videos", "shows"):
        root.folder(kind).mkdir(exist_ok=True)
    for name in job.sources:
        path = root.path / job.where / name
        shutil.copyfile(taken / name, path)
        os.utime(path, ns=(_TIME, _TIME))
        if job.recorded:
            video = read_record(root, root.relative(path), root.directory_type(root.relative(path)))
            video.id = _id(name)
            with session() as opened:
                opened.add(video)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
        elif folder.name == "work":
            shutil.rmtree(path)


def state(root: MediaRoot) -> dict[str, Any]:
    """What a person would see: the records, and the files of the library; not what differs from life to life."""
    with session() as opened:
        records = sorted(
            [video.path, video.directory_type, video.is_valid, video.missing_since is None, video.recipe]
            for video in opened.exec(select(Video))
        )
    kept = root.work.parent  # of it the work is told apart; finished chunks stay, within bounds of their own
    files = sorted(
        root.relative(path) for path in root.path.rglob("*") if path.is_file() and not path.is_relative_to(kept)
    )
    return {"records": records, "files": files, "work": sorted(path.name for path in root.work.iterdir())}


def bench(root: MediaRoot) -> Workbench:
    """What a job works with."""
    return Workbench(root=root, report=Notes())
