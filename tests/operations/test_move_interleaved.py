"""Every lock can be lost: a recovery that runs at any moment of a move, or of another recovery, loses nothing."""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine.default import DefaultDialect
from sqlmodel import select

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.errors import ReelmillError
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.move_to_library import move_to_library
from reelmill.operations.publishing import move_journal
from reelmill.operations.publishing.move_journal import Move, identity
from reelmill.operations.publishing.workspace import journal_folders, reconcile
from reelmill.storage import atomic_files
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, clip, tiny_disk
from tests.operations.library import add, files

TYPES = ("inbox", "videos")
SOURCE, TARGET = "inbox/a.mp4", "library/videos/a.mp4"
STAGED = "library/videos/.reelmill-x.moving"

Act = Callable[[], object]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("original") / "original.mp4", seconds=0.2, size="64x48")


@pytest.fixture(params=["one disk", "two disks"])
def bench(request: pytest.FixtureRequest, catalogue: str, open_folder: Path) -> Iterator[Workbench]:
    """A library where a move is a rename, and one where it is a copy."""
    root = MediaRoot(open_folder / f"interleaved-{uuid.uuid4().hex[:8]}")
    root.create()
    root.folder("videos").mkdir()
    if request.param == "one disk":
        yield Workbench(root=root, report=Notes())
        return
    with tiny_disk(root.folder("videos")):
        yield Workbench(root=root, report=Notes())


class Moments:
    """Counts the moments before and after each change of the disk or the database, and lets another in at one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.count, self._at = 0, 0
        self._other: Act = lambda: None
        self._mine: int | None = None
        for owner, names in (
            (os, ("unlink", "link", "fsync", "rename")),
            (atomic_files, ("_rename_noreplace",)),
            (DefaultDialect, ("do_commit",)),
        ):
            for name in names:
                monkeypatch.setattr(owner, name, self._around(getattr(owner, name)))

    def run(self, act: Act, other: Act, at: int) -> None:
        """Act, and at that moment let the other run till it ends or waits for us; then to its end."""
        self.count, self._at, self._mine = 0, at, threading.get_ident()
        thread = threading.Thread(target=_calmly(other))
        self._other = lambda: _let_in(thread)
        try:
            _calmly(act)()
        finally:
            self._mine = None
            if thread.ident is not None:
                thread.join()

    def _pass(self) -> None:
        if threading.get_ident() == self._mine:
            self.count += 1
            if self.count == self._at:
                self._other()

    def _around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def around(*arguments: Any, **options: Any) -> Any:
            self._pass()
            result = real(*arguments, **options)
            self._pass()
            return result

        return around


def _calmly(act: Act) -> Callable[[], None]:
    """One that loses the race may say so; only what is lost then counts."""

    def calm() -> None:
        with suppress(ReelmillError, OSError):
            act()

    return calm


def _let_in(thread: threading.Thread) -> None:
    thread.start()
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    beside = create_engine(get_engine().url, poolclass=NullPool)  # the two hold all connections of this process's pool
    while thread.is_alive():
        thread.join(0.01)
        with beside.connect() as connection:
            if connection.execute(waiting).scalar_one():  # for a row we hold
                return


def _fresh(bench: Workbench, original: Path) -> Video:
    with get_engine().begin() as connection:
        connection.execute(text("DELETE FROM catalogue.video"))
    for path in files(bench.root):
        path.unlink()
    for folder in bench.root.work.iterdir():
        shutil.rmtree(folder)
    shutil.copyfile(original, bench.root.path / SOURCE)
    return add(bench, bench.root.path / SOURCE)


def _recovery(bench: Workbench, *, thorough: bool) -> None:
    """As ``reconcile`` does it, by one that found every lock free."""
    for work in list(bench.root.work.iterdir()):
        for folder in journal_folders(work):
            if (folder / move_journal.NAME).exists():
                move_journal.settle(bench.root, folder, Notes())
        if thorough:
            shutil.rmtree(work)


def _nothing_lost(bench: Workbench, video: Video, original: Path) -> None:
    """The record names a file that is there and whole, at once; recovered and run again, all is as it should be."""
    with session() as opened:
        (record,) = opened.exec(select(Video).where(Video.id == video.id)).all()
    assert (bench.root.path / record.path).read_bytes() == original.read_bytes()
    reconcile(bench.root, Notes())
    result = move_to_library(bench, str(video.id), "videos", directory_types=TYPES)
    assert {path.read_bytes() for path in files(bench.root)} == {original.read_bytes()}
    # A job whose folder was taken away under it may leave its hidden copy, which the doctor names.
    assert [bench.root.relative(path) for path in files(bench.root) if path.name[0] != "."] == [result.path]
    assert list(bench.root.work.iterdir()) == []


def test_a_recovery_at_any_moment_of_the_move(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other one takes the work folder away under the job, too."""
    moments, at = Moments(monkeypatch), 0
    while True:
        at += 1
        video = _fresh(bench, original)
        moments.run(
            lambda video=video: move_to_library(bench, str(video.id), "videos", directory_types=TYPES),  # type: ignore[misc]
            lambda at=at: _recovery(bench, thorough=bool(at % 2)),  # type: ignore[misc]
            at,
        )
        reached = moments.count >= at
        _nothing_lost(bench, video, original)
        if not reached:
            break
    assert at > 10


def _left(bench: Workbench, original: Path, stage: str) -> Video:
    """As a killed move leaves it at a stage."""
    video = _fresh(bench, original)
    root = bench.root
    before = identity(root.path / SOURCE)
    assert before is not None
    apart = root.folder("videos").stat().st_dev != root.folder("inbox").stat().st_dev
    move = Move(video_id=video.id, source=SOURCE, target=TARGET, before=before, apart=apart)
    if apart:
        shutil.copy2(root.path / SOURCE, root.path / STAGED)
        move = move.model_copy(update={"staged": STAGED, "copied": identity(root.path / STAGED)})
    folder = root.work / "dead"
    folder.mkdir()
    move.write(folder)
    if stage != "written down":
        (root.path / (STAGED if apart else SOURCE)).rename(root.path / TARGET)
    if stage == "switched":
        with session() as opened:
            record = opened.get(Video, video.id)
            assert record is not None
            record.path, record.directory_type = TARGET, "videos"
    return video


@pytest.mark.parametrize("stage", ["written down", "in place", "switched"])
def test_a_recovery_at_any_moment_of_another(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    moments, at = Moments(monkeypatch), 0
    while True:
        at += 1
        video = _left(bench, original, stage)
        moments.run(lambda: _recovery(bench, thorough=True), lambda: _recovery(bench, thorough=True), at)
        reached = moments.count >= at
        _nothing_lost(bench, video, original)
        if not reached:
            break
    assert at > 1
