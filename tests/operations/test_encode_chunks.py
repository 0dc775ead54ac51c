"""An encode in chunks is what an encode in one go would have been, and is never done twice."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import CapabilityError, InputError, ProcessStalled
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.chunk_plan import plan
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.packet_index import read_index
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.chunk_store.encode_chunks import chunk_source, chunk_tasks
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.web_copies.result import ReencodeResult
from reelmill.parallel import ignore, in_threads
from reelmill.settings import get_settings
from reelmill.troubles import Flaw
from tests.clips import Notes, clip, ffmpeg, overwritten
from tests.ffmpeg.sources import CUT, WHOLE
from tests.operations.library import add
from tests.pictures import pictures
from tests.refusals import refused

_CHUNK = 3.0
_IN_ONE_GO = 1000.0


def _made(bench: Workbench, video: Video, chunk_seconds: float, **options: Any) -> tuple[ReencodeResult, Path]:
    result = reencode(bench, str(video.id), preset="veryfast", chunk_seconds=chunk_seconds, **options)
    return result, bench.root.path / result.path


def _added(bench: Workbench, source: Path) -> Video:
    target = bench.root.folder("inbox") / source.name
    source.replace(target)
    return add(bench, target)


def _packets(path: Path) -> dict[int, list[tuple[Fraction, Fraction]]]:
    """When each packet of each stream is shown, and for how long, the earliest first."""
    with av.open(str(path)) as container:
        found: dict[int, list[tuple[Fraction, Fraction]]] = {stream.index: [] for stream in container.streams}
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None and packet.size:
                at = packet.pts * packet.time_base
                found[packet.stream.index].append((at, (packet.duration or 0) * packet.time_base))
    return {index: sorted(packets) for index, packets in found.items()}


@pytest.mark.parametrize("kind", CUT)
def test_it_is_what_one_go_would_have_made(bench: Workbench, tmp_path: Path, kind: str) -> None:
    video = _added(bench, CUT[kind](tmp_path))
    cut, chunked = _made(bench, video, _CHUNK)
    again, whole = _made(bench, video, _IN_ONE_GO, crf=24)
    assert cut.chunks >= 3
    assert (again.chunks, again.frames_encoded) == (1, cut.frames_encoded)
    ours, theirs = _packets(chunked), _packets(whole)
    assert ours.keys() == theirs.keys()
    for index, packets in theirs.items():
        assert len(ours[index]) == len(packets), index
        for (at, length), (wanted, wanted_length) in zip(ours[index], packets, strict=True):
            assert abs(at - wanted) < Fraction(1, 1000), (index, float(at), float(wanted))
            assert index == 0 or abs(length - wanted_length) < Fraction(1, 1000), index
    report = check_whole(chunked)
    assert (report.errors, report.ordered, report.frames) == ((), True, cut.frames_encoded)
    assert not _chunks(bench)


def _chunks(bench: Workbench, ending: str = "") -> list[str]:
    folder = bench.root.chunks
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(ending)) if folder.exists() else []


@pytest.mark.parametrize("kind", WHOLE)
def test_what_cannot_be_cut_is_encoded_in_one_go_for_a_reason(bench: Workbench, tmp_path: Path, kind: str) -> None:
    source, reason = WHOLE[kind]
    notes = Notes()
    result, path = _made(replace(bench, report=notes), _added(bench, source(tmp_path)), _CHUNK)
    assert result.chunks == 1
    assert notes.said("encoded in one go: ")
    assert notes.said(reason), notes.lines
    assert check_whole(path).clean
    assert not _chunks(bench)


def test_every_frame_is_its_own(bench: Workbench, tmp_path: Path) -> None:
    """The n-th frame that comes out looks like the n-th that went in, more than like those beside it."""
    source = CUT["open"](tmp_path)
    video = _added(bench, source)
    _, made = _made(bench, video, _CHUNK, target_bitrate=20_000, crf=10)
    wanted, got = (pictures(path) for path in (bench.root.path / video.path, made))
    assert got.shape == wanted.shape
    off = np.abs(got - wanted).mean(axis=(1, 2))
    aside = np.abs(got[:-1] - wanted[1:]).mean(axis=(1, 2))
    assert off.max() < 2
    assert (off[:-1] < aside).all()


def test_chapters_and_words_are_stored(bench: Workbench, tmp_path: Path) -> None:
    _, made = _made(bench, _added(bench, CUT["told"](tmp_path)), _CHUNK)
    with av.open(str(made)) as container:
        chapters = [
            (chapter["start"], chapter["time_base"], chapter["metadata"]["title"]) for chapter in container.chapters()
        ]
        assert [(float(start * (base or 0)), title) for start, base, title in chapters] == [(0, "One"), (5, "Two")]
        assert container.metadata["title"] == "Told"
        assert [stream.type for stream in container.streams][:4] == ["video", "audio", "audio", "subtitle"]


def test_no_joint_shows(bench: Workbench, tmp_path: Path) -> None:
    """Around each joint the frame is as good as in the rest of the file."""
    video = _added(bench, clip(tmp_path / "a.mp4", seconds=12, size="480x270", rate=30, gop=30))
    made = _made(bench, video, _CHUNK)[1]
    scores = tmp_path / "scores.json"
    pair = "[0:v]settb=1/25,setpts=N[a];[1:v]settb=1/25,setpts=N[b];[a][b]libvmaf=log_fmt=json:n_threads=2:log_path="
    ffmpeg("-i", made, "-i", bench.root.path / video.path, "-lavfi", f"{pair}{scores}", "-f", "null", "-")
    frames = [frame["metrics"]["vmaf"] for frame in json.loads(scores.read_text())["frames"]]
    assert len(frames) == 360
    mean = np.mean(frames)
    for joint in (90, 180, 270):
        assert np.mean(frames[joint - 3 : joint + 3]) > mean - 2, joint


def test_a_killed_run_is_gone_on_with(bench: Workbench, tmp_path: Path) -> None:
    """Encoded twice is at most what was in the making: one chunk a core."""
    video = _added(bench, clip(tmp_path / "a.mp4", seconds=40, size="640x360", rate=30, gop=30))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = [sys.executable, "-c", _RUN, str(video.id)]
    with subprocess.Popen(run, env=environment) as process:
        while len(_chunks(bench, ".json")) < 6:
            assert process.poll() is None, "it was done before it could be killed"
            time.sleep(0.02)
        process.kill()
    there = Store(bench.root)
    complete = [chunk for chunk in there.entries() if chunk.complete]
    assert not list(bench.root.folder("playback").iterdir())
    notes = Notes()
    result, path = _made(replace(bench, report=notes), video, 4.0)
    reused = [line for line in notes.lines if "made before" in line]
    assert len(reused) == len(complete)
    assert 4 <= result.chunks_reused < result.chunks == 10
    assert result.frames_encoded == 1200 - 120 * result.chunks_reused
    assert check_whole(path).frames == 1200
    assert not _chunks(bench)


_RUN = """
import sys
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.context import Workbench
reencode(Workbench(), sys.argv[1], preset="veryfast", chunk_seconds=4.0)
"""


def test_a_chunk_the_disk_has_damaged_is_made_anew(bench: Workbench, tmp_path: Path) -> None:
    video = _added(bench, CUT["closed"](tmp_path))

    def failing(function: Any, works: Any, done: Any = ignore) -> Any:
        found = in_threads(function, works, done)
        raise ProcessStalled(f"after {len(found)} chunks", 1)

    with pytest.raises(ProcessStalled):
        _made(bench, video, _CHUNK, fan_out=failing)
    records = [bench.root.chunks / name for name in _chunks(bench, ".json")]
    assert len(records) == 6  # four of frames, the companions, and what those are made of
    frames = next(record for record in records if json.loads(record.read_text())["facts"]["frames"])
    overwritten(frames.with_suffix(""), frames.with_suffix(""), at=0.5, count=100)
    result, path = _made(bench, video, _CHUNK)
    assert (result.chunks, result.chunks_reused) == (4, 3)
    assert check_whole(path).clean


def test_another_source_or_setting_shares_nothing(bench: Workbench, tmp_path: Path) -> None:
    source = CUT["closed"](tmp_path)
    index, info = read_index(source), probe(source)
    video = _added(bench, source)
    path = bench.root.path / video.path
    chunks = plan(index, info, length=Fraction(3))

    def keys(**options: Any) -> set[str]:
        source = chunk_source(bench, video, path, info, index.time_base)
        return {task.key for task in chunk_tasks(source, chunks, Encoding(**options), "n9") if task.chunk is not None}

    assert keys() == keys()
    assert keys() == keys(threads=2), "how many threads made it does not matter"
    assert not keys() & keys(crf=20)
    before = keys()
    os.utime(path, ns=(1, 1))
    assert before == keys(), "when it was written does not matter"
    _edit(path)
    assert not before & keys()


def _edit(path: Path) -> None:
    """Change what a file holds, and nothing of what it shows."""
    with path.open("ab") as file:
        file.write(b"\0\0\0\x08free")


def test_a_source_that_changes_meanwhile_is_an_error(bench: Workbench, tmp_path: Path) -> None:
    video = _added(bench, CUT["closed"](tmp_path))

    def late(function: Any, works: Any, done: Any = ignore) -> Any:
        _edit(bench.root.path / video.path)
        return in_threads(function, works, done)

    with refused(InputError, flaw=Flaw.CHANGED):
        _made(bench, video, _CHUNK, fan_out=late)
    assert not list(bench.root.folder("playback").iterdir())


def test_a_task_that_goes_elsewhere_works_with_the_settings_it_finds(bench: Workbench, tmp_path: Path) -> None:
    """Only relative paths travel: the media root of another node may be mounted elsewhere."""
    video = _added(bench, CUT["closed"](tmp_path))
    elsewhere = tmp_path / "mounted" / "here"
    elsewhere.parent.mkdir()
    travelled: list[str] = []

    def other_node(function: Any, works: Any, done: Any = ignore) -> Any:
        packed = pickle.dumps((function, works))
        travelled.append(str(bench.root.path) if str(bench.root.path).encode() in packed else "")
        bench.root.path.rename(elsewhere)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REELMILL_MEDIA_ROOT", str(elsewhere))
            patch.setenv("REELMILL_NODE_NAME", "other")
            get_settings.cache_clear()
            try:
                function, works = pickle.loads(packed)
                return in_threads(function, works, done)
            finally:
                elsewhere.rename(bench.root.path)

    notes = Notes()
    result, path = _made(replace(bench, report=notes), video, _CHUNK, fan_out=other_node)
    assert travelled == [""]
    assert notes.said("on other")
    assert (result.chunks, check_whole(path).frames) == (4, 360)


def test_a_node_with_another_ffmpeg_is_refused(bench: Workbench, tmp_path: Path) -> None:
    video = _added(bench, CUT["closed"](tmp_path))

    def with_another(function: Any, works: Any, done: Any = ignore) -> Any:
        return in_threads(function, [replace(work, build="n1.0") for work in works], done)

    with refused(CapabilityError, missing="n1.0"):
        _made(bench, video, _CHUNK, fan_out=with_another)
