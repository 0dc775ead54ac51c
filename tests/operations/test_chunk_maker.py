"""A chunk is made once, by whoever is first, and dropped by whoever needs it last."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import ffmpeg
import pytest

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.chunk_store.chunk_maker import ChunkMaker
from reelmill.operations.chunk_store.film_chunks import Effort, FilmChunks, FrameSequence
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.store import Store, StoredChunk
from reelmill.operations.context import Workbench
from reelmill.report import NullReport
from tests.clips import Notes
from tests.ffmpeg.nvenc import FullGpu


def _write(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text)
    return {"text": text}


def _stored(store: Store, key: str) -> StoredChunk:
    with store.unfinished(key) as path:
        return store.add(key, path, _write(path, key))


def _left(bench: Workbench) -> list[str]:
    return sorted(path.name for path in bench.root.chunks.iterdir())


def test_of_two_who_need_a_chunk_at_once_one_makes_it(bench: Workbench) -> None:
    store, notes, begun, waited = Store(bench.root), Notes(), threading.Event(), threading.Event()

    def make(path: Path) -> dict[str, Any]:
        begun.set()
        assert waited.wait(30)
        return _write(path, "made")

    class Waiting(Notes):
        def line(self, text: str) -> None:
            super().line(text)
            waited.set()

    second = Waiting()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ChunkMaker(store, notes).find_or_make, "key", make)
        assert begun.wait(30)
        other = pool.submit(ChunkMaker(store, second).find_or_make, "key", lambda _: pytest.fail("it is made twice"))
        made, found = first.result(30), other.result(30)
    assert (made.reused, found.reused) == (False, True)
    assert made.path == found.path
    assert found.facts == {"text": "made"}
    assert second.said("waiting: ")
    assert not notes.lines


def test_what_could_not_be_made_leaves_nothing(bench: Workbench) -> None:
    def fail(path: Path) -> dict[str, Any]:
        path.write_text("half of it")
        raise OutputRejected("it is not what it should be")

    store = Store(bench.root)
    with pytest.raises(OutputRejected):
        ChunkMaker(store, NullReport()).find_or_make("key", fail)
    assert _left(bench) == []
    assert ChunkMaker(store, NullReport()).find_or_make("key", lambda path: _write(path, "whole")).reused is False


def test_of_a_row_only_what_is_missing_is_made(bench: Workbench) -> None:
    store, keys, gaps, there = Store(bench.root), list("abcde"), list[slice](), list[StoredChunk]()
    for key in "be":
        _stored(store, key)

    def make(gap: slice) -> list[StoredChunk]:
        gaps.append(gap)
        return [_stored(store, key) for key in keys[gap]]

    row = ChunkMaker(store, NullReport()).find_or_make_row("row", keys, make, there.extend)
    assert [chunk.facts["text"] for chunk in row] == keys
    assert [chunk.reused for chunk in row] == [False, True, False, False, True]
    assert [chunk.facts["text"] for chunk in there] == ["b", "e"]
    assert gaps == [slice(0, 1), slice(2, 4)]


def test_the_last_job_that_claims_a_chunk_drops_it(bench: Workbench) -> None:
    store = Store(bench.root)
    one, other = JobClaim(bench, "one"), JobClaim(bench, "other")
    one.add(["a", "b"])
    other.add(["b", "c"])
    for key in "abc":
        _stored(store, key)
    one.drop_chunks()
    assert _left(bench) == ["b", "b.json", "c", "c.json", "other.claim"]
    other.drop_chunks()
    assert _left(bench) == []


def test_the_next_attempt_drops_what_the_one_before_has_claimed(bench: Workbench) -> None:
    store = Store(bench.root)
    JobClaim(bench, "job").add(["a"])
    _stored(store, "a")
    again = JobClaim(replace(bench, report=NullReport()), "job")
    again.add(["b"])
    assert [claim.keys for claim in store.claims()] == [frozenset("ab")]
    again.drop_chunks()
    assert _left(bench) == []


def test_what_was_rejected_nobody_finds_again(bench: Workbench) -> None:
    """One of its chunks is bad, and nobody knows which: not even a job that is cut short and comes back finds one."""
    store = Store(bench.root)
    rejected, other = JobClaim(bench, "rejected"), JobClaim(bench, "other")
    rejected.add(["a", "b"])
    other.add(["b", "c"])
    for key in "abc":
        _stored(store, key)
    rejected.reject_chunks()
    assert _left(bench) == ["c", "c.json", "other.claim"]


def test_chunks_of_a_gpu_that_failed_do_not_count(bench: Workbench, tmp_path: Path) -> None:
    """Two of five were made on the GPU by a run that was cut short; now it has no session, and all are made without."""
    gpu = FullGpu(bench.transcoder.ffmpeg)
    busy = replace(bench, transcoder=Transcoder(runner=gpu, devices=gpu.devices))
    drawn = partial(_drawn, rate=5)
    frames = FrameSequence("the film", "of", 25, Fraction(5), (64, 48), drawn)
    encoding = Encoding(encoder="h264_nvenc", preset="ultrafast")
    build = version(bench.transcoder.ffmpeg)
    chunks = FilmChunks(replace(busy, chunk_seconds=Fraction(1)), JobClaim(busy, "job"), tmp_path)
    bounds = frames.chunk_bounds(5)
    for key in frames.chunk_keys(bounds, encoding, build)[:2]:
        with chunks.store.unfinished(key) as path:
            path.write_bytes(b"as the GPU makes it")
            chunks.store.add(key, path, {"frames": 5, "delay": 0})
    made = chunks.frames(frames, encoding, NullReport())
    assert [chunk.facts["frames"] for chunk in made] == [5] * 5
    assert chunks.effort == Effort(chunks=5, chunks_reused=0, frames_encoded=25)


def test_chunks_of_a_film_are_of_the_lowest_level_that_holds_it(bench: Workbench, tmp_path: Path) -> None:
    """See ``test_build`` for films in one go."""
    frames = FrameSequence("the film", "of", 10, Fraction(5), (320, 240), partial(_drawn, rate=5, size="320x240"))
    chunks = FilmChunks(replace(bench, chunk_seconds=Fraction(1)), JobClaim(bench, "job"), tmp_path)
    made = chunks.frames(frames, Encoding(preset="veryslow"), NullReport())
    assert [probe(chunk.path).video.level for chunk in made] == [11, 11]


def _drawn(first: int, rate: int, size: str = "64x48") -> Any:
    drawn = ffmpeg.input(f"testsrc2=size={size}:rate={rate}", f="lavfi")["v:0"]
    return drawn.filter("trim", start_frame=first).filter("setpts", "PTS-STARTPTS").filter("format", "yuv420p")
