"""A film that is put together is never made twice: what a killed run had made is found, and is what it should be."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest

from reelmill.errors import OutputRejected, ProcessStalled
from reelmill.ffmpeg.commands.segment_muxer import chunk_bounds
from reelmill.ffmpeg.process.fake_runner import FakeRunner
from reelmill.ffmpeg.process.run import FfmpegRunner, ProcessResult
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.frames.frame_points import FRAME_BYTES, UNKNOWN_FRAME, append_points
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.chunk_store.chunk_maker import gaps
from reelmill.operations.chunk_store.encoded_points import points_of, written_points
from reelmill.operations.chunk_store.eviction import tidy
from reelmill.operations.chunk_store.store import Store, StoredChunk
from reelmill.operations.context import Workbench
from reelmill.operations.films import film_work
from reelmill.operations.jobs.compile_mega import MegaResult, compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.highlight_generate import highlight_generate
from reelmill.report import NullReport
from reelmill.settings import get_settings
from tests.catalogue.others import database_away
from tests.clips import Notes, clip, overwritten
from tests.operations.library import add
from tests.patience import PATIENCE

_CHUNK: Final = Fraction(1)


@pytest.fixture
def short(bench: Workbench) -> Workbench:
    """A workbench whose chunks are short."""
    return replace(bench, chunk_seconds=_CHUNK)


def _videos(bench: Workbench, count: int, **options: Any) -> list[str]:
    """Of a codec that is never joined as it is."""
    given = {"seconds": 3, "size": "160x90", "codec": "mpeg4", **options}
    folder, tags = bench.root.folder("inbox"), [("-metadata", f"comment={number}") for number in range(count)]
    # Each its own: what holds the same shares its chunks.
    paths = [clip(folder / f"{number:02}.mkv", **given, options=tag) for number, tag in enumerate(tags)]
    return [str(video.id) for video in (add(bench, path) for path in paths)]


def _stored(bench: Workbench) -> list[StoredChunk]:
    store = Store(bench.root)
    found = [store.find(chunk.key) for chunk in store.entries() if chunk.complete]
    return [chunk for chunk in found if chunk is not None]


def _with_frames(bench: Workbench) -> list[StoredChunk]:
    return [chunk for chunk in _stored(bench) if chunk.facts["frames"]]


def _left(bench: Workbench) -> list[str]:
    return sorted(path.name for path in bench.root.chunks.iterdir()) if bench.root.chunks.exists() else []


_RUN: Final = """
import sys
from fractions import Fraction
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.context import Workbench
bench, (job, *ids) = Workbench(chunk_seconds=Fraction(1)), sys.argv[1:]
if job == "digest":
    digest(bench, ids[0], target_length=6)
else:
    compile_mega(bench, ids, layout=job)
"""


def _killed(bench: Workbench, job: str, ids: Sequence[str], records: int) -> int:
    """Kill -9 a job once ``records`` chunks are there; returns how many frames they have."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", _RUN, job, *ids], env=environment) as process:
        while sum(name.endswith(".json") for name in _left(bench)) < records:
            assert process.poll() is None, "it was done before it could be killed"
            time.sleep(0.01)
        process.kill()
    assert not list(bench.root.folder("compilations").iterdir())
    return sum(chunk.facts["frames"] for chunk in _stored(bench))


@pytest.mark.parametrize("records", [2, 6])
def test_a_killed_sequence_is_gone_on_with(short: Workbench, records: int) -> None:
    ids = _videos(short, 3, size="640x360")
    frames = _killed(short, "sequence", ids, records)
    before = len(_with_frames(short))
    assert 0 < before < 9
    result = compile_mega(short, ids, layout="sequence")
    assert (result.chunks, result.chunks_reused) == (9, before)
    assert result.frames_encoded == 225 - frames
    _is_whole(short, result, 225)


@pytest.mark.parametrize(("layout", "records"), [("3x3", 5), ("3x3", 12), ("4x4", 9)])
def test_a_killed_grid_is_gone_on_with(short: Workbench, layout: Any, records: int) -> None:
    """In the middle of its cells, or of the grid itself: ten of the records are the cells' and the audio's."""
    ids = _videos(short, 9 if layout == "3x3" else 16, seconds=4)
    frames = _killed(short, layout, ids, records)
    before = len(_with_frames(short))
    assert before >= records - 1
    result = compile_mega(short, ids, layout=layout)
    assert (result.chunks, result.chunks_reused) == (len(ids) + 4, before)
    assert result.frames_encoded == (len(ids) + 1) * 100 - frames
    _is_whole(short, result, 100)


def test_an_encode_goes_on_while_the_database_is_away_and_is_kept_when_it_is_back(short: Workbench) -> None:
    ids = _videos(short, 2)
    begun, away, ended = (threading.Event() for _ in range(3))

    def while_it_is_away(_: Sequence[str], run: Callable[[], ProcessResult]) -> ProcessResult:
        begun.set()
        assert away.wait(PATIENCE)
        finished = run()
        ended.set()
        return finished

    runner = FakeRunner(while_it_is_away, FfmpegRunner(Transcoder().ffmpeg))
    bench = replace(short, transcoder=Transcoder(runner=runner))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(compile_mega, bench, ids, layout="sequence")
        assert begun.wait(PATIENCE)
        with database_away():
            away.set()
            assert ended.wait(PATIENCE)
            assert not [name for name in _left(short) if name.endswith(".json")]
        result = running.result(PATIENCE)
    assert (result.chunks, result.chunks_reused, result.frames_encoded) == (6, 0, 150)
    _is_whole(short, result, 150)


def _is_whole(bench: Workbench, result: MegaResult, frames: int) -> None:
    report = check_whole(bench.root.path / result.path)
    assert (report.errors, report.ordered, report.frames) == ((), True, frames)
    assert report.content is not None
    assert abs(report.content - Fraction(frames, 25)) < Fraction(1, 20)
    assert _left(bench) == []


def test_a_killed_digest_is_gone_on_with(short: Workbench) -> None:
    (video,) = _videos(short, 1, seconds=12, size="1280x720", codec="libx264")
    frames = _killed(short, "digest", [video], 2)
    before = len(_with_frames(short))
    assert 0 < before < 6
    result = digest(short, video, target_length=6)
    assert (result.chunks, result.chunks_reused, result.frames_encoded) == (6, before, 150 - frames)
    assert check_whole(short.root.path / result.path).frames == 150
    assert _left(short) == []


#: What makes a film of its own, and how many frames it has.
_FILMS: Final[dict[str, tuple[Callable[[Workbench, str, float], Any], int]]] = {
    "digest": (lambda bench, video, more: digest(bench, video, target_length=4 + more), 100),
    "highlights": (lambda bench, video, more: highlight_generate(bench, video, length=4 + more), 100),
    "quad": (lambda bench, _, more: compile_quad(bench, seed=1, length="longest" if more else "shortest"), 100),
}


@pytest.mark.parametrize("job", _FILMS)
def test_in_chunks_it_is_what_one_go_would_have_made(short: Workbench, job: str) -> None:
    make, frames = _FILMS[job]
    count, seconds = (4, 4) if job == "quad" else (1, 12)  # a quad shows all of its videos
    video = _videos(short, count, seconds=seconds, codec="libx264")[0]
    cut = make(short, video, 0)
    whole = make(replace(short, chunk_seconds=Fraction(60)), video, 0.002)  # another job, though the same film
    assert (cut.chunks, cut.frames_encoded) == (frames // 25, frames)
    assert (whole.chunks, whole.frames_encoded) == (1, frames)
    assert cut.path != whole.path
    ours, theirs = (_seen(short.root.path / one.path) for one in (cut, whole))
    assert len(ours) == len(theirs) == frames
    assert [at for at, _ in ours] == [at for at, _ in theirs] == [Fraction(number, 25) for number in range(frames)]
    apart = [_apart(a, b) for a, b in zip(ours, theirs, strict=True)]
    assert sum(apart) / frames < 2
    assert all(own < _apart(a, b) for own, a, b in zip(apart, ours, theirs[1:], strict=False))  # nor a frame early
    assert all(own < _apart(a, b) for own, a, b in zip(apart[1:], ours[1:], theirs, strict=False))  # nor late
    heard, wanted = (_heard(short.root.path / one.path) for one in (cut, whole))
    assert abs(len(heard) - len(wanted)) <= 1024
    both = min(len(heard), len(wanted))
    assert np.abs(heard[:both] - wanted[:both]).mean() < 0.02 * np.abs(wanted).mean() + 1e-4


def _seen(path: Path) -> list[tuple[Fraction, Any]]:
    with av.open(str(path)) as container:
        return [
            (
                (frame.pts or 0) * (frame.time_base or Fraction(0)),
                frame.to_ndarray(format="gray").astype(float)[::4, ::4],
            )
            for frame in container.decode(video=0)
        ]


def _apart(one: tuple[Fraction, Any], other: tuple[Fraction, Any]) -> float:
    return float(np.abs(one[1] - other[1]).mean())


def _heard(path: Path) -> Any:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


class _Ending(Notes):
    """Ends a job as it puts its segments together."""

    def line(self, text: str) -> None:
        super().line(text)
        if "command:" in text and "output.mp4" in text:
            raise ProcessStalled("the end of it", 1)


def _unfinished(bench: Workbench, ids: Sequence[str], **options: Any) -> None:
    with pytest.raises(ProcessStalled):
        compile_mega(replace(bench, report=_Ending(), **options), ids, layout="sequence")


def test_a_chunk_the_disk_has_damaged_is_made_anew(short: Workbench) -> None:
    ids = _videos(short, 2)
    _unfinished(short, ids)
    bad = _with_frames(short)[3].path
    overwritten(bad, bad, at=0.5, count=100)
    notes = Notes()
    result = compile_mega(replace(short, report=notes), ids, layout="sequence")
    assert (result.chunks, result.chunks_reused, result.frames_encoded) == (6, 5, 25)
    assert notes.said("2 of 3 chunks were made before")
    _is_whole(short, result, 150)


def test_chunks_of_a_film_that_was_rejected_are_not_used_again(
    short: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OutputRejected("it is not what it should be")

    monkeypatch.setattr(film_work, "publish", refuse)
    with pytest.raises(OutputRejected):
        compile_mega(short, _videos(short, 2), layout="sequence")
    assert _stored(short) == []


def test_another_video_in_its_place_is_not_taken_for_it(short: Workbench) -> None:
    ids = _videos(short, 2)
    _unfinished(short, ids)
    path = short.root.folder("inbox") / "00.mkv"
    os.utime(path, ns=(1, 1))  # that is the same video still
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"Xavf"))
    add(short, path)
    assert compile_mega(short, ids, layout="sequence").chunks_reused == 3


def test_chunks_of_unfinished_work_are_kept_and_those_of_work_given_up_are_not(short: Workbench) -> None:
    ids, run = _videos(short, 2), uuid.uuid4()
    _unfinished(short, ids, run_id=run)
    kept = _left(short)
    assert len(_stored(short)) == 8
    tidy(short.root, 0, lambda asked: asked == run, NullReport())
    assert _left(short) == kept
    tidy(short.root, 0, lambda _: False, NullReport())
    assert _left(short) == []


def test_what_another_job_still_needs_stays(short: Workbench) -> None:
    ids = _videos(short, 3)
    _unfinished(short, ids)
    result = compile_mega(short, ids[:2], layout="sequence")
    assert (result.chunks, result.chunks_reused) == (6, 6)
    assert len(_with_frames(short)) == 9
    assert compile_mega(short, ids, layout="sequence").frames_encoded == 0
    assert _left(short) == []


def test_the_store_stays_within_its_bounds(short: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(short.root)
    with store.unfinished("old") as path:
        path.write_bytes(bytes(1000))
        store.add("old", path, {})
    monkeypatch.setenv("REELMILL_CHUNK_STORE_GB", "0.0000001")
    get_settings.cache_clear()
    _unfinished(short, _videos(short, 1))
    assert store.find("old") is None
    assert len(_with_frames(short)) == 3


@pytest.mark.parametrize(("frames", "each"), [(1, 25), (25, 25), (37, 25), (38, 25), (1000, 7), (5, 1)])
def test_chunks_follow_one_another(frames: int, each: int) -> None:
    found = chunk_bounds(frames, each)
    assert (found[0][0], found[-1][1]) == (0, frames)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(end - first == each for first, end in found[:-1])
    assert len(found) == 1 or each / 2 <= found[-1][1] - found[-1][0] < 1.5 * each


def test_what_is_missing_is_made_in_as_few_runs_as_there_are_gaps() -> None:
    there = StoredChunk(Path("a"), {}, 1)
    assert gaps([None, None, there, None, there]) == [slice(0, 2), slice(3, 4)]
    assert gaps([there]) == []


def test_of_frames_that_cannot_all_be_compared_the_log_says_so(tmp_path: Path) -> None:
    """An ffmpeg that ended well and wrote none of what it was asked for beside the film."""
    notes, film = Notes(), clip(tmp_path / "film.mkv")
    assert (written_points(tmp_path / "none", notes), points_of([(film, 25)], notes)) == (b"", b"")
    assert len(notes.lines) == 2
    append_points(film, bytes(25 * FRAME_BYTES))
    points = 25 * FRAME_BYTES * b"\x30"
    bare, kept = clip(tmp_path / "bare.mkv", seconds=0.4), clip(tmp_path / "kept.mkv")
    append_points(kept, points)
    assert (points_of([(film, 25)], notes), len(notes.lines)) == (bytes(25 * FRAME_BYTES), 2)
    assert points_of([(bare, 10), (kept, 25)], notes) == 10 * UNKNOWN_FRAME + points
    assert len(notes.lines) == 3
