from __future__ import annotations

import csv
import os
import shutil
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import verdicts
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.errors import ChangedMeanwhile, FileMissing, OutsideMediaRoot, UnknownVideo
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scan import scan
from reelmill.operations.jobs.validate import Depth, validate
from reelmill.troubles import Flaw
from tests.clips import Notes, clip, cut_off, overwritten, promising
from tests.operations.library import add
from tests.refusals import refused


def _inbox(bench: Workbench, name: str) -> Path:
    return bench.root.folder("inbox") / name


@pytest.mark.parametrize("depth", ["quick", "full"])
def test_a_good_video_is_valid_and_its_facts_are_fresh(bench: Workbench, depth: Depth) -> None:
    video = add(bench, clip(_inbox(bench, "a.mp4"), seconds=12))
    clip(_inbox(bench, "a.mp4"), seconds=10, size="320x240")  # replaced behind the catalogue's back
    result = validate(bench, str(video.id), depth=depth)
    assert result.valid
    assert result.frames == (250 if depth == "full" else result.frames)
    with session() as opened:
        record = searching.get_video(opened, video.id)
    assert (record.width, record.height, record.size) == (320, 240, _inbox(bench, "a.mp4").stat().st_size)
    assert record.duration == pytest.approx(10, abs=0.1)


def test_damage_in_the_middle_is_found(bench: Workbench, tmp_path: Path) -> None:
    good = clip(tmp_path / "good.mp4", seconds=20)
    video = add(bench, overwritten(good, _inbox(bench, "hit.mp4"), at=0.3, count=4000))
    result = validate(bench, str(video.id), depth="full")
    assert not result.valid
    assert (result.reason or "").startswith("hit.mp4 is damaged: ")
    with session() as opened:
        record = searching.get_video(opened, video.id)
    assert (record.is_valid, record.validation_error) == (False, result.reason)
    assert (record.checked_depth, record.checked_at is not None) == ("full", True)
    _what_a_full_check_found_stands_until_the_file_changes(bench, record)


def _what_a_full_check_found_stands_until_the_file_changes(bench: Workbench, found: Video) -> None:
    def verdict() -> tuple[object, ...]:
        with session() as opened:
            now = searching.get_video(opened, found.id)
        return now.is_valid, now.validation_error, now.checked_depth, now.checked_at

    kept = (False, found.validation_error, "full", found.checked_at)
    scan(bench.root, "inbox", directory_types=["inbox"], skip_existing=False, settle_seconds=0)
    assert verdict() == kept
    path = bench.root.path / found.path
    os.utime(path, (1_500_000_000, 1_500_000_000))
    scan(bench.root, "inbox", directory_types=["inbox"])
    assert verdict() == kept
    os.utime(clip(path, size="96x64"), (1_500_000_000, 1_500_000_000))
    scan(bench.root, "inbox", directory_types=["inbox"])
    assert verdict()[:3] == (True, None, "opened")


@pytest.mark.parametrize(
    ("kept", "depth", "valid", "stands"),
    [
        ("full", "quick", True, True),
        ("full", "opened", True, True),
        ("quick", "opened", True, True),
        ("full", "opened", False, False),  # a disk rots
        ("full", "full", True, False),
        ("quick", "full", True, False),
        ("opened", "opened", True, False),
        (None, "opened", True, False),
    ],
)
def test_which_verdict_stands(kept: str | None, depth: verdicts.Depth, valid: bool, stands: bool) -> None:
    assert verdicts.outweighs(kept, depth, valid=valid) is stands


@pytest.mark.parametrize("depth", ["quick", "full"])
def test_a_file_that_ends_early_is_cut_short(bench: Workbench, tmp_path: Path, depth: Depth) -> None:
    good = clip(tmp_path / "good.mp4", seconds=20, options=["-movflags", "+faststart"])
    video = add(bench, cut_off(good, _inbox(bench, "half.mp4"), keep=0.5))
    result = validate(bench, str(video.id), depth=depth)
    assert not result.valid
    assert "half.mp4" in (result.reason or "")


def test_a_container_that_promises_an_hour(bench: Workbench, tmp_path: Path) -> None:
    good = clip(tmp_path / "good.mkv", seconds=4)
    video = add(bench, promising(good, _inbox(bench, "hour.mkv"), seconds=3604))
    assert video.duration == pytest.approx(3604)
    for depth in ("quick", "full"):
        assert "3604.0 s" in (validate(bench, str(video.id), depth=depth).reason or "")


def test_a_mended_file_is_valid_again(bench: Workbench, tmp_path: Path) -> None:
    _inbox(bench, "a.mp4").write_bytes(b"")
    video = add(bench, _inbox(bench, "a.mp4"))
    assert not validate(bench, str(video.id)).valid
    clip(_inbox(bench, "a.mp4"))
    assert validate(bench, str(video.id)).valid


class _Replacing(Notes):
    """Puts another video in a file's place while that is decoded, for so many times."""

    def __init__(self, path: Path, others: list[Path]):
        super().__init__()
        self._path, self._others = path, others

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        super().progress(fraction, text, speed)
        if self._others:
            new = self._path.with_suffix(".new")
            shutil.copyfile(self._others.pop(), new)
            new.rename(self._path)


def test_a_file_that_is_replaced_meanwhile_is_looked_at_again(bench: Workbench, tmp_path: Path) -> None:
    path = clip(_inbox(bench, "a.mp4"), seconds=4)
    video, damaged = add(bench, path), cut_off(path, tmp_path / "half.mp4", keep=0.5)
    result = validate(replace(bench, report=_Replacing(path, [damaged])), str(video.id), depth="full")
    assert not result.valid  # it was recorded as valid, with the size and the time of the other
    with session() as opened:
        record = searching.get_video(opened, video.id)
    assert (record.is_valid, record.size) == (False, path.stat().st_size)


def test_a_file_that_is_replaced_again_and_again_is_not_recorded(bench: Workbench, tmp_path: Path) -> None:
    path = clip(_inbox(bench, "a.mp4"), seconds=4)
    video, other = add(bench, path), clip(tmp_path / "b.mp4", seconds=4, size="320x240")
    report = _Replacing(path, [other] * 10_000)
    with refused(ChangedMeanwhile, path="inbox/a.mp4"):
        validate(replace(bench, report=report), str(video.id), depth="full")
    with session() as opened:
        record = searching.get_video(opened, video.id)
    assert (record.size, record.width, record.is_valid) == (video.size, video.width, True)


def test_what_is_not_there(bench: Workbench) -> None:
    video = add(bench, clip(_inbox(bench, "gone.mp4")))
    _inbox(bench, "gone.mp4").unlink()
    with refused(FileMissing, path="inbox/gone.mp4", flaw=Flaw.ABSENT):
        validate(bench, str(video.id))
    for name in (str(uuid.uuid4()), "0; drop table video"):
        with refused(UnknownVideo, name=name):
            validate(bench, name)


def test_a_file_that_became_a_link_out_of_the_root(bench: Workbench, tmp_path: Path) -> None:
    video = add(bench, clip(_inbox(bench, "a.mp4")))
    shutil.move(_inbox(bench, "a.mp4"), tmp_path / "outside.mp4")
    _inbox(bench, "a.mp4").symlink_to(tmp_path / "outside.mp4")
    with refused(OutsideMediaRoot, path="inbox/a.mp4"):
        validate(bench, str(video.id))


@pytest.mark.real_media
def test_every_real_clip_is_judged_as_its_facts_say(bench: Workbench, real_media: Path) -> None:
    rows = list(csv.DictReader((real_media / "files.csv").read_text(encoding="utf-8").splitlines()))
    checked = 0
    for row in rows:
        source = real_media / row["file"]
        if source.suffix[1:].lower() == "json" or row["file"] == "long1080.mp4" or "IMAGE ONLY: JPEG" in row["notes"]:
            continue
        target = _inbox(bench, source.name)
        shutil.copy(source, target)
        result = validate(bench, str(add(bench, target).id), depth="full")
        bad = any(mark in row["notes"] for mark in ("BROKEN", "NOT A VIDEO", "AUDIO ONLY"))
        assert result.valid is not bad, (row["file"], result.reason)
        target.unlink()
        checked += 1
    assert checked > 60
