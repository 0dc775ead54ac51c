"""What a killed compilation had encoded is not encoded again, and a digest in pieces is the one of one go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import OutputRejected
from reelmill.ffmpeg.decode import check_whole
from reelmill.operations import cut, sequence
from reelmill.operations.cut import grouped
from reelmill.operations.digest import digest
from reelmill.operations.mega import compile_mega
from reelmill.operations.parts import Parts, part_key
from reelmill.operations.store import Store
from reelmill.operations.tidying import tidy
from reelmill.operations.workbench import Workbench
from reelmill.report import Silent
from tests.clips import Notes, clip, ffmpeg, overwritten
from tests.operations.library import add
from tests.pictures import pictures


def _many(bench: Workbench, count: int, *, seconds: float, size: str = "320x180", codec: str = "mpeg4") -> list[Video]:
    folder = bench.root.folder("inbox")
    paths = [clip(folder / f"{number}.mkv", seconds=seconds, size=size, codec=codec) for number in range(count)]
    return [add(bench, path) for path in paths]


def _complete(bench: Workbench) -> int:
    return sum(piece.complete for piece in Store(bench.root).kept())


def _killed(bench: Workbench, work: str, *, after: int) -> int:
    """Run ``work`` in a process of its own and kill it when it has so many parts; answers how many it left."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", _BEGIN + work], env=environment) as process:
        while _complete(bench) < after:
            assert process.poll() is None, "it was done before it could be killed"
            time.sleep(0.01)
        process.kill()
    return _complete(bench)


_BEGIN = """
from reelmill.operations.workbench import Workbench
from reelmill.operations.mega import compile_mega
bench = Workbench()
"""


def _again(bench: Workbench, ids: Sequence[str], layout: Any) -> tuple[Notes, Path]:
    notes = Notes()
    result = compile_mega(replace(bench, report=notes), ids, layout=layout)
    assert not result.reused
    assert result.cost is not None
    assert result.cost.joules is None
    assert not any(bench.root.chunks.iterdir())
    return notes, bench.root.path / result.path


@pytest.mark.parametrize(("layout", "count", "frames"), [("sequence", 5, 5 * 100), ("3x3", 9, 100)])
def test_a_killed_compilation_is_gone_on_with(bench: Workbench, layout: str, count: int, frames: int) -> None:
    ids = [str(video.id) for video in _many(bench, count, seconds=4)]
    kept = _killed(bench, f"compile_mega(bench, {ids!r}, layout={layout!r})", after=2)
    assert 2 <= kept < count
    tidy(bench.root, 0, lambda _run: False, Silent())
    assert _complete(bench) == kept  # a script that was killed may come back
    notes, made = _again(bench, ids, layout)
    assert len([line for line in notes.lines if "made before" in line]) == kept
    report = check_whole(made)
    assert (report.errors, report.ordered, report.frames) == ((), True, frames)


def test_a_part_the_disk_has_damaged_is_made_anew(bench: Workbench) -> None:
    ids = [str(video.id) for video in _many(bench, 4, seconds=3)]
    kept = _killed(bench, f"compile_mega(bench, {ids!r}, layout='sequence')", after=2)
    part = next(piece for piece in Store(bench.root).kept() if piece.complete)
    overwritten(Store(bench.root).path(part.key), Store(bench.root).path(part.key), at=0.5, count=100)
    notes, made = _again(bench, ids, "sequence")
    assert len([line for line in notes.lines if "made before" in line]) == kept - 1
    assert check_whole(made).frames == 300


def test_parts_of_a_film_that_was_rejected_are_not_used_again(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(video.id) for video in _many(bench, 2, seconds=1)]

    def refuse(*_: object) -> None:
        raise OutputRejected("it is not what it should be")

    monkeypatch.setattr(sequence, "publish", refuse)
    with pytest.raises(OutputRejected):
        compile_mega(bench, ids, layout="sequence")
    assert not any(bench.root.chunks.iterdir())


def test_a_part_is_named_by_all_it_depends_on(bench: Workbench) -> None:
    first, second = _many(bench, 2, seconds=1)
    path = bench.root.path / first.path

    def key(video: Video, *command: str) -> str:
        return part_key(bench, video, bench.root.path / video.path, command)

    name = key(first, "-i", f"file:{path}", "-crf", "23")
    assert key(first, "-i", f"file:{path}", "-crf", "24") != name
    assert key(second, "-i", f"file:{bench.root.path / second.path}", "-crf", "23") != name
    elsewhere = path.rename(path.with_name("mounted elsewhere.mkv"))
    assert part_key(bench, first, elsewhere, ("-i", f"file:{elsewhere}", "-crf", "23")) == name
    os.utime(elsewhere, (1e9, 1e9))
    assert part_key(bench, first, elsewhere, ("-i", f"file:{elsewhere}", "-crf", "23")) != name


def test_after_any_other_error_they_stay(bench: Workbench) -> None:
    with pytest.raises(RuntimeError), Parts(bench, "film", ["a"]):
        raise RuntimeError("a power cut")
    assert [claim.recipe for claim in Store(bench.root).claims()] == ["film"]
    with Parts(bench, "film", ["a"]):
        assert [claim.keys for claim in Store(bench.root).claims()] == [{"a"}]
    assert Store(bench.root).claims() == []


def test_stretches_are_grouped_in_their_order() -> None:
    assert grouped([10, 20, 5, 40, 3], Fraction(30)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert grouped([100], Fraction(30)) == [slice(0, 1)]
    assert grouped([1, 1], Fraction(30)) == [slice(0, 2)]


def test_a_digest_in_pieces_is_the_one_of_one_go(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    source = bench.root.folder("inbox") / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001:d=90", "-f", "lavfi", "-i", "sine=frequency=440:d=90",
           "-vf", "eq=brightness=0.2*sin(t)", "-c:v", "libx264", "-preset", "ultrafast", source)  # fmt: skip
    video = add(bench, source)
    asked: dict[str, Any] = {"target_length": 30, "include_highlights": False}
    whole = digest(bench, str(video.id), **asked)
    one_go = bench.root.path / whole.path
    aside = one_go.rename(bench.root.path / "aside.mp4")
    monkeypatch.setattr(cut, "CHUNK_SECONDS", Fraction(4))
    notes = Notes()
    pieces = digest(replace(bench, report=notes), str(video.id), **asked)
    assert not pieces.reused
    assert pieces.segments == whole.segments
    assert len(pieces.segments) > 5
    made, wanted = check_whole(bench.root.path / pieces.path), check_whole(aside)
    assert (made.errors, made.frames) == ((), wanted.frames)
    assert abs(float((made.content or 0) - (wanted.content or 0))) < 0.001
    ours, theirs = pictures(bench.root.path / pieces.path), pictures(aside)
    assert np.abs(ours - theirs).mean(axis=(1, 2)).max() < 6
    assert not any(bench.root.chunks.iterdir())
