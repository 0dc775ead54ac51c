"""Attempts at the same work: one at a time, each in a folder of its own, and one that lost its lock harms nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlmodel import select

from reelmill.catalogue import advisory_lock
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import LockLost
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.chunk_plan import plan
from reelmill.ffmpeg.process.fake_runner import FakeRunner
from reelmill.ffmpeg.process.run import FfmpegRunner, ProcessResult
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.packet_index import read_index
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.chunk_store.encode_chunks import chunk_source, chunk_tasks, make_chunks
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.publishing import publish_journal
from reelmill.operations.publishing.publish import publish
from reelmill.operations.publishing.workspace import abandoned, held, journalled, reconcile, trying, workspace
from reelmill.parallel import in_threads
from reelmill.report import NullReport
from reelmill.storage.atomic_files import place
from reelmill.storage.media_root import MediaRoot
from tests.catalogue.others import Other, database_away, other
from tests.clips import Notes, clip
from tests.operations.crashes import PRODUCT, RECIPE, WANTED
from tests.operations.library import add, marked
from tests.patience import PATIENCE
from tests.refusals import refused

_CORES = 32


@pytest.fixture
def them(bench: Workbench) -> Iterator[Other]:
    with other() as another:
        yield another


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    return marked(folder / "original.mp4")


@pytest.fixture
def looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisory_lock, "BEAT_SECONDS", 0.05)


def _library(root: MediaRoot) -> dict[str, bytes]:
    return {
        root.relative(path): path.read_bytes()
        for path in sorted(root.path.rglob("*"))
        if path.is_file() and not path.is_relative_to(root.work.parent)
    }


def test_32_cores_make_32_chunks_at_once(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds its lock for as long as it encodes, all of them on one connection."""
    original = clip(tmp_path / "a.mp4", seconds=12.8, size="64x48", rate=10, gop=2, sound=0)
    path = bench.root.folder("inbox") / "a.mp4"
    original.replace(path)
    video = add(bench, path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(_CORES)))
    runner, together = FfmpegRunner(Transcoder().ffmpeg), threading.Barrier(_CORES)

    def once_all_have_come(_: Sequence[str], run: Callable[[], ProcessResult]) -> ProcessResult:
        together.wait(PATIENCE)
        return run()

    wide = replace(bench, transcoder=Transcoder(runner=FakeRunner(once_all_have_come, runner)))
    info, index = probe(path), read_index(path)
    chunks = plan(index, info, length=Fraction(2, 5))
    assert len(chunks) == _CORES
    source = chunk_source(bench, video, path, info, index.time_base)
    tasks = chunk_tasks(source, chunks, Encoding(preset="ultrafast"), version(runner.ffmpeg))
    with other() as looking:
        seen: list[int] = []
        made = make_chunks(wide, tasks, _Looking(looking, seen), in_threads)
    assert [(chunk.frames, chunk.reused) for chunk in made.video] == [(4, False)] * _CORES
    assert max(seen) == 1


class _Looking(NullReport):
    """Counts the connections that hold locks, whenever a chunk is done."""

    def __init__(self, looking: Other, seen: list[int]):
        self._looking, self._seen = looking, seen

    def line(self, text: str) -> None:
        self._seen.append(len(self._looking.sessions()))


# A lock that is lost


class _Began(Notes):
    """Notes the first progress of an encode."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        if text:
            self.event.set()


_ENDLESS = ("-re", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=40", "-f", "matroska")


def test_who_lost_its_lock_to_another_is_stopped(bench: Workbench, them: Other, looked_at_often: None) -> None:
    began, folders = _Began(), []

    def encode() -> None:
        with workspace(bench.root, RECIPE, began) as folder:
            folders.append(folder)
            bench.transcoder.run((*_ENDLESS, str(folder / "a.mkv")), began, Fraction(40))

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(encode)
        assert began.event.wait(PATIENCE)
        before = {child.pid for child in psutil.Process().children() if "ffmpeg" in child.name()}
        assert before
        them.takes_over(RECIPE)
        with refused(LockLost, retryable=True):
            running.result(PATIENCE)
    assert not any(psutil.pid_exists(pid) for pid in before)
    assert not folders[0].exists()
    assert _library(bench.root) == {}


def _publish(bench: Workbench, original: Path, meanwhile: Callable[[], Any]) -> None:
    with workspace(bench.root, RECIPE, bench.report) as folder:
        shutil.copyfile(original, folder / "staged.mp4")
        meanwhile()
        publish(bench, folder / "staged.mp4", PRODUCT)


def test_who_lost_its_lock_to_another_places_nothing(bench: Workbench, them: Other, original: Path) -> None:
    with pytest.raises(LockLost):
        _publish(bench, original, lambda: them.takes_over(RECIPE))
    assert _library(bench.root) == {}
    with session() as opened:
        assert opened.exec(select(Video)).all() == []


_SECOND = """
import shutil, sys
from pathlib import Path
from reelmill.storage.media_root import MediaRoot
from reelmill.operations.publishing.workspace import workspace
from tests.clips import Notes
from tests.operations.crashes import RECIPE
with workspace(MediaRoot(Path(sys.argv[1])), RECIPE, Notes()) as folder:
    shutil.copyfile(sys.argv[2], folder / "staged.mp4")
    print("begun", flush=True)
    sys.stdin.readline()
    with (folder / "staged.mp4").open("ab") as writing:
        writing.write(b"more of it")
"""


@contextmanager
def _second(bench: Workbench, original: Path) -> Iterator[Callable[[], None]]:
    """Another process that waits for the work; the call lets it begin, and it goes on writing at the block's end."""
    run = [sys.executable, "-c", _SECOND, str(bench.root.path), str(original)]
    pipe = subprocess.PIPE
    with subprocess.Popen(run, stdin=pipe, stdout=pipe, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        out = process.stdout

        def begin() -> None:
            with other() as killer:
                holders = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_locks WHERE locktype = 'advisory'"
                killer.ask(holders)
            assert out.readline() == "begun\n"

        try:
            yield begin
            process.communicate("go on\n", timeout=PATIENCE)
        finally:
            process.kill()


@pytest.mark.parametrize("moment", ["before the lock is confirmed", "after that"])
def test_what_is_in_the_library_is_not_what_the_next_attempt_writes(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The first attempt loses its lock, the second begins and writes a file of the same name, then the first goes on.

    In one folder for both, it would put the second's unfinished file into the library, where it then changes.
    """
    monkeypatch.setattr(advisory_lock, "BEAT_SECONDS", 3600)
    link = os.link
    with _second(bench, original) as begin:

        def late(staged: Path, final: Path) -> None:
            if final == bench.root.path / WANTED:
                begin()
            link(staged, final)

        if moment == "after that":
            monkeypatch.setattr(os, "link", late)
        with pytest.raises(LockLost):
            _publish(bench, original, (lambda: None) if moment == "after that" else begin)
        before = _library(bench.root)
    assert _library(bench.root) == before == {}
    assert list(bench.root.work.iterdir()) == []


def test_a_database_that_restarts_costs_no_encode(bench: Workbench, tmp_path: Path, looked_at_often: None) -> None:
    path = bench.root.folder("inbox") / "a.mp4"
    clip(tmp_path / "a.mp4", seconds=4, rate=25).replace(path)
    video = add(bench, path)
    began = _Began()

    def encode() -> Any:
        return reencode(replace(bench, report=began), str(video.id), preset="medium", chunk_seconds=1000.0)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(encode)
        assert began.event.wait(PATIENCE)
        with database_away():
            pass
        result = running.result(PATIENCE)
    assert (result.chunks, result.reused) == (1, False)
    assert check_whole(bench.root.path / result.path).frames == 100
    assert sum("command: " in line and "libx264" in line for line in began.lines) == 1


def test_a_database_that_goes_away_as_a_file_is_placed_is_waited_for(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock's connection is the last to die, so that the lock still holds when the record cannot be written."""
    link, back = os.link, threading.Event()
    with ExitStack() as away:

        def come_back() -> None:
            away.close()
            back.set()

        def late(staged: Path, final: Path) -> None:
            link(staged, final)
            if final == bench.root.path / WANTED:
                away.enter_context(database_away(spared=advisory_lock.APPLICATION))
                threading.Timer(1.0, come_back).start()

        monkeypatch.setattr(os, "link", late)
        _publish(bench, original, lambda: None)
        assert back.is_set()
    with session() as opened:
        assert [video.path for video in opened.exec(select(Video))] == [WANTED]
    assert _library(bench.root) == {WANTED: original.read_bytes()}


# What earlier attempts left


def _complete_but_unrecorded(root: MediaRoot, folder: Path, original: Path) -> None:
    folder.mkdir(parents=True)
    shutil.copyfile(original, folder / "staged.mp4")
    stat = (folder / "staged.mp4").stat()
    video = Video(
        title="Out", path=WANTED, directory_type="compilations", filename="out.mp4", size=stat.st_size,
        mtime_ns=stat.st_mtime_ns, recipe=RECIPE,
    )  # fmt: skip
    publish_journal.write(folder / "staged.mp4", video)
    assert place(folder / "staged.mp4", root.path / WANTED)


@pytest.mark.parametrize("folder", ["0" * 32, "0" * 32 + "~", "."])
@pytest.mark.parametrize("who", ["the next attempt", "the start of the site"])
def test_what_an_earlier_attempt_left_is_settled(bench: Workbench, original: Path, folder: str, who: str) -> None:
    """Of this layout, half settled by one that was killed meanwhile, or of an older version."""
    work = bench.root.work / RECIPE
    _complete_but_unrecorded(bench.root, work / folder, original)
    (work / "another").mkdir(exist_ok=True)
    (work / "another" / "half.mp4").write_bytes(b"half")
    assert [left.name for left in abandoned(bench.root)] == [RECIPE]
    assert journalled(work)
    if who == "the next attempt":
        with workspace(bench.root, RECIPE, Notes()) as mine:
            assert list(work.iterdir()) == [mine]
            assert list(mine.iterdir()) == []
            assert abandoned(bench.root) == []
    else:
        notes = Notes()
        assert reconcile(bench.root, notes) == 1
        assert notes.said(f"removed: the unfinished work of a run that was ended, {RECIPE} (3 files, ")
    with session() as opened:
        assert [video.path for video in opened.exec(select(Video))] == [WANTED]
    assert _library(bench.root) == {WANTED: original.read_bytes()}
    assert list(bench.root.work.iterdir()) == []


def test_attempts_at_one_work_have_folders_of_their_own(bench: Workbench) -> None:
    folders = []
    for _ in range(3):
        with workspace(bench.root, RECIPE, Notes()) as folder:
            folders.append(folder)
            assert folder.parent == bench.root.work / RECIPE
    assert len(set(folders)) == 3


def test_who_only_tries_is_not_kept_waiting(bench: Workbench) -> None:
    with held(RECIPE, Notes()), trying(RECIPE) as alone:
        assert not alone
    with trying(RECIPE) as alone:
        assert alone


def test_who_recovers_after_a_start_of_the_database_lets_those_return_who_held_locks(
    bench: Workbench, them: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of another node outlives the database: its work is not taken for a dead one's before it looked."""
    monkeypatch.setattr(advisory_lock, "RETURN_SECONDS", 1e9)
    seconds = advisory_lock.seconds_to_return()
    assert 0 < seconds < 1e9
    folder = bench.root.work / "theirs" / "attempt"
    folder.mkdir(parents=True)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        assert them.takes("theirs")

    monkeypatch.setattr("reelmill.operations.publishing.workspace.time.sleep", sleep)
    assert reconcile(bench.root, Notes()) == 0
    assert waited == [pytest.approx(seconds, abs=60)]
    assert folder.exists()
