"""Room on the library's disk, on real small disks: missing at the start, and gone in the middle."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import DiskFull
from reelmill.ffmpeg.commands.concat import Timing, join
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.operations import size_estimates
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.compile_random import compile_random
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.highlight_generate import highlight_generate
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.settings import get_settings
from reelmill.storage.disk import Disk
from reelmill.storage.file_copy import copy
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, clip, tiny_disk
from tests.operations.library import add
from tests.refusals import refused

_JOBS: dict[str, Callable[[Workbench, str], object]] = {
    "reencode": reencode,
    "digest": lambda bench, video: digest(bench, video, target_length=2),
    "clip_generate": lambda bench, video: clip_generate(bench, video, count=1, length=2),
    "highlight_generate": lambda bench, video: highlight_generate(bench, video, length=2),
    "scene_extract": lambda bench, video: scene_extract(bench, video, files=True),
    "compile_gif": compile_gif,
    "compile_quad": lambda bench, video: compile_quad(bench, [video] * 4),
    "compile_mega": lambda bench, video: compile_mega(bench, [video] * 9),
    "compile_random": lambda bench, _: compile_random(bench, count=1, min_duration=1),
}


@pytest.fixture
def disk(catalogue: str, open_folder: Path) -> Iterator[Workbench]:
    with tiny_disk(open_folder / "tiny-room", "16m") as folder:
        root = MediaRoot(folder)
        root.create()
        yield Workbench(root=root, report=Notes())


@pytest.fixture
def video(disk: Workbench) -> Video:
    return add(disk, clip(disk.root.folder("inbox") / "a.mp4", seconds=4, size="320x240"))


def _fill(root: MediaRoot, but: int) -> None:
    free = os.statvfs(root.path)
    (root.path / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - but))


def _made(root: MediaRoot) -> list[Path]:
    """Every film a job left, whole or not."""
    kinds = (".mp4", ".gif", ".mkv", ".nut")
    return [path for path in root.path.rglob("*") if path.suffix in kinds and "inbox" not in path.parts]


@pytest.mark.parametrize("job", _JOBS)
def test_work_that_would_not_fit_is_not_begun(disk: Workbench, video: Video, job: str) -> None:
    _fill(disk.root, 40_000)
    with refused(DiskFull) as refusal:
        _JOBS[job](disk, str(video.id))
    assert refusal.error.retryable
    assert refusal.error.free <= 40_000 < refusal.error.needed
    assert isinstance(disk.report, Notes)
    assert not disk.report.said("command:")  # no ffmpeg was started
    assert _made(disk.root) == []
    assert list(disk.root.work.iterdir()) == []


def test_what_is_to_stay_free_counts(disk: Workbench, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_DISK_RESERVE_MB", "16")
    get_settings.cache_clear()
    with refused(DiskFull) as refusal:
        reencode(disk, str(video.id), preset="ultrafast")
    assert refusal.error.needed < refusal.error.free < 16_000_000 + refusal.error.needed
    monkeypatch.setenv("REELMILL_DISK_RESERVE_MB", "2")
    get_settings.cache_clear()
    assert not reencode(disk, str(video.id), preset="ultrafast").reused


class OtherWriter(Notes):
    """Another job, which found room for itself too, and takes it once ours is on its way."""

    def __init__(self, root: MediaRoot, but: int) -> None:
        super().__init__()
        self._root, self._but = root, but

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        super().progress(fraction, text)
        if not (self._root.path / "filler").exists():
            _fill(self._root, self._but)


def test_a_disk_that_fills_up_meanwhile(
    disk: Workbench, video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELMILL_DISK_RESERVE_MB", "2")
    get_settings.cache_clear()
    slow = tmp_path / "ffmpeg"  # in real time, so that there is a meanwhile
    slow.write_text(f'#!/bin/sh\ncase "$*" in *output.mp4*) exec "{disk.transcoder.ffmpeg}" -re "$@";; esac\n'
                    f'exec "{disk.transcoder.ffmpeg}" "$@"\n')  # fmt: skip
    slow.chmod(0o755)
    report = OtherWriter(disk.root, 1_000_000)
    transcoder = Transcoder(options=TranscoderOptions(binary=slow))
    bench = Workbench(root=disk.root, transcoder=transcoder, report=report)
    with refused(DiskFull, needed=0) as refusal:
        reencode(bench, str(video.id), preset="ultrafast")
    assert refusal.error.retryable
    assert refusal.error.free < 2_000_000
    assert max(report.fractions) < 0.9  # it was ended in the middle
    assert _made(disk.root) == []
    assert list(disk.root.work.iterdir()) == []
    (disk.root.path / "filler").unlink()
    again = reencode(disk, str(video.id), preset="ultrafast")
    assert check_whole(disk.root.path / again.path).frames == 100


def test_a_copy_to_a_disk_that_fills_up_meanwhile(open_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(600_000))
    with tiny_disk(open_folder / "tiny-copy") as folder:
        Disk(folder, 300_000).require(600_000)
        copy(tmp_path / "a", folder / "good", Notes(), Disk(folder, 300_000))
        assert (folder / "good").read_bytes() == bytes(600_000)
        (folder / "good").unlink()
        with refused(DiskFull, path=str(folder)) as refusal:
            copy(tmp_path / "a", folder / "late", Notes(), Disk(folder, 500_000))
        assert 440_000 <= refusal.error.free < 450_000


def test_a_full_disk_is_not_taken_for_a_segment_that_cannot_be_joined(open_folder: Path, tmp_path: Path) -> None:
    segment = clip(tmp_path / "a.mp4", seconds=3, size="640x480", sound=0, options=["-crf", "1"])
    with tiny_disk(open_folder / "tiny-join") as folder:
        assert segment.stat().st_size > 1 << 20
        with pytest.raises(OSError, match="No space left"):
            join([segment], Timing.even(Fraction(25), 75), 2, folder / "film.mp4")


@pytest.mark.parametrize("crf", [18, 23, 33])
def test_the_figures_are_those_of_ordinary_frames(tmp_path: Path, crf: int) -> None:
    """Within the right order of magnitude, and never far below: what is asked for is room, not a forecast."""
    source = clip(tmp_path / "a.mp4", seconds=3, size="640x360", options=["-crf", "12"])
    info = probe(source)
    made = clip(tmp_path / "b.mp4", seconds=3, size="640x360", options=["-preset", "medium", "-crf", str(crf)])
    assert 0.7 < size_estimates.film(info, None, Encoding(crf=crf)) / made.stat().st_size < 12


def test_a_ceiling_and_the_source_are_limits(tmp_path: Path) -> None:
    info = probe(clip(tmp_path / "a.mp4", seconds=10, size="320x240", sound=0))
    ceiling = size_estimates.film(info, None, Encoding(max_kbit=100))
    assert ceiling == pytest.approx(1.05 * 100 * 125 * 12)
    assert size_estimates.film(info, None, Encoding(max_kbit=90_000)) == pytest.approx(1.05 * 3 * info.size, rel=0.01)
    assert size_estimates.film(info, Fraction(5), Encoding(max_kbit=90_000)) == pytest.approx(
        1.05 * 1.5 * info.size, rel=0.01
    )
