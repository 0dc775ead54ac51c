"""An encode in chunks is what an encode in one go would have been, and is never done twice."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from reelmill.catalogue.models import Video
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.probe import main_video, open_media
from reelmill.operations.reencode import ReencodeResult, reencode
from reelmill.operations.workbench import Workbench
from tests.clips import Notes
from tests.ffmpeg.sources import CUT, WHOLE
from tests.operations.library import add

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


def _chunks(bench: Workbench) -> list[str]:
    return sorted(path.name for path in bench.root.chunks.iterdir()) if bench.root.chunks.exists() else []


@pytest.mark.parametrize("kind", WHOLE)
def test_what_cannot_be_cut_is_encoded_in_one_go_and_says_why(bench: Workbench, tmp_path: Path, kind: str) -> None:
    source, reason = WHOLE[kind]
    notes = Notes()
    result, path = _made(replace(bench, report=notes), _added(bench, source(tmp_path)), _CHUNK)
    assert result.chunks == 1
    assert notes.said("encoded in one go: ")
    assert notes.said(reason), notes.lines
    assert check_whole(path).clean
    assert not _chunks(bench)


def test_every_picture_is_its_own(bench: Workbench, tmp_path: Path) -> None:
    """The n-th picture that comes out looks like the n-th that went in, more than like its neighbours."""
    source = CUT["open"](tmp_path)
    video = _added(bench, source)
    _, made = _made(bench, video, _CHUNK, target_bitrate=20_000, crf=10)
    wanted, got = (_pictures(path) for path in (bench.root.path / video.path, made))
    assert got.shape == wanted.shape
    off = np.abs(got - wanted).mean(axis=(1, 2))
    aside = np.abs(got[:-1] - wanted[1:]).mean(axis=(1, 2))
    assert off.max() < 2
    assert (off[:-1] < aside).all()


def _pictures(path: Path) -> Any:
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        return np.array([frame.to_ndarray(format="gray").astype(float) for frame in container.decode(found[1])])


def test_chapters_and_words_are_kept(bench: Workbench, tmp_path: Path) -> None:
    _, made = _made(bench, _added(bench, CUT["told"](tmp_path)), _CHUNK)
    with av.open(str(made)) as container:
        chapters = [
            (chapter["start"] * chapter["time_base"], chapter["metadata"]["title"]) for chapter in container.chapters()
        ]
        assert chapters == [(0, "One"), (5, "Two")]
        assert container.metadata["title"] == "Told"
        assert [stream.type for stream in container.streams][:4] == ["video", "audio", "audio", "subtitle"]
