"""What --repair does, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from deployments.hourly import record_images
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.assets import assets_of
from reelmill.catalogue.models import AssetKind, Video
from reelmill.catalogue.site_identity import site
from reelmill.doctor.examination import Scope, examine
from reelmill.doctor.findings import Finding, Severity
from reelmill.doctor.repair import plan
from reelmill.operations.context import Workbench
from reelmill.operations.derived import asset_rows
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.publishing import publish_journal
from reelmill.operations.publishing.records import read_record
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, clip
from tests.operations.library import add, files


@pytest.fixture
def settings(bench: Workbench) -> Settings:
    return Settings(media_root=bench.root.path)


def _wrong(settings: Settings) -> list[Finding]:
    found = examine(settings, Scope(library_only=True))
    return [finding for finding in found if finding.severity is not Severity.OK]


def _repaired(settings: Settings) -> list[str]:
    notes = Notes()
    for repair in plan(settings, _wrong(settings)):
        notes.line(repair.sentence)
        repair.act(notes)
    return notes.lines


def _paths() -> dict[str, bool]:
    with session() as opened:
        return {video.path: video.missing_since is None for video in opened.exec(select(Video))}


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in files(MediaRoot(root))}


def test_a_healthy_library_is_left_alone(bench: Workbench, settings: Settings) -> None:
    add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48"))
    before = _files(bench.root.path)
    assert _repaired(settings) == []
    assert _files(bench.root.path) == before


def test_images_that_are_gone_are_forgotten_and_those_that_are_back_are_recorded(
    bench: Workbench, settings: Settings, tmp_path: Path
) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48"))
    path = thumbnail(bench, str(video.id), width=64).path
    kept = (bench.root.path / path).rename(tmp_path / "kept.jpg")

    def known() -> tuple[str | None, list[str]]:
        with session() as opened:
            shown = opened.get_one(Video, video.id).thumbnail_path
            return shown, [asset.path for asset in assets_of(opened, video.id)]

    assert [finding.check for finding in _wrong(settings)] == ["lost_thumbnails"]
    assert _repaired(settings)
    assert known() == (None, [])
    kept.rename(bench.root.path / path)
    assert [finding.check for finding in _wrong(settings)] == ["unrecorded_images"]
    assert _repaired(settings)
    assert known() == (path, [path])
    assert _wrong(settings) == []


def test_images_of_before_an_upgrade_are_no_trouble_and_the_site_records_them_once(
    bench: Workbench, settings: Settings
) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48"))
    path = thumbnail(bench, str(video.id), width=64).path
    (bench.root.path / f"gifs/{video.id}-mine.gif").write_bytes(b"no job's")
    latin = os.fsdecode(b"caf\xe9")
    (bench.root.path / f"gifs/{video.id}-{latin}.gif").write_bytes(b"of no name that a row can have")

    def upgrade_from_0_3() -> None:
        with session() as opened:
            opened.connection().execute(text("TRUNCATE catalogue.asset"))
            site(opened).has_unrecorded_images = True

    def note() -> Finding:
        found = examine(settings, Scope(library_only=True))
        return next(one for one in found if one.check == "unrecorded_images")

    upgrade_from_0_3()
    assert _wrong(settings) == []
    assert (note().names, "from the next hour on" in note().sentence) == ((path,), True)
    lines: list[str] = []
    for _ in range(2):
        record_images(settings, lines.append)
        with session() as opened:
            assert [asset.path for asset in assets_of(opened, video.id)] == [path]
    assert lines == ["1 image of before the upgrade is in the catalogue now"]
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.asset"))
    record_images(settings, lines.append)
    assert note().severity is Severity.WARNING  # lost since, which a person should know
    upgrade_from_0_3()
    for repair in plan(settings, [note()]):  # for whoever does not wait
        repair.act(Notes())
    assert [one.check for one in examine(settings, Scope(library_only=True)) if one.names] == []


_OF_ONE = "00000000-0000-4000-8000-000000000001-01234567"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        (f"{_OF_ONE}.jpg", (AssetKind.THUMBNAIL, None)),
        (f"{_OF_ONE}-12.jpg", (AssetKind.SHEET, 12)),
        (f"{_OF_ONE}.vtt", (AssetKind.STORYBOARD, None)),
        (f"{_OF_ONE}-scene-0010.jpg", (AssetKind.SCENE_IMAGE, 10)),
        (f"{_OF_ONE}-scenes.jpg", (AssetKind.CONTACT_SHEET, None)),
        (f"{_OF_ONE}.gif", (AssetKind.GIF, None)),
        (f"{_OF_ONE}-mine.jpg", None),
        ("holiday.jpg", None),
    ],
)
def test_what_an_image_is_by_its_name(name: str, role: tuple[AssetKind, int | None] | None) -> None:
    asset = asset_rows.named(f"thumbnails/00/{name}")
    assert role == (None if asset is None else (asset.kind, asset.number))


def test_records_of_missing_files_and_files_that_are_back(bench: Workbench, settings: Settings) -> None:
    path = clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48")
    add(bench, path)
    away = path.rename(bench.root.path / "away")
    assert _repaired(settings)[-1] == "marked as missing: inbox/a.mp4"
    assert _paths() == {"inbox/a.mp4": False}
    assert [found.check for found in _wrong(settings)] == ["still_missing"]
    assert _repaired(settings) == []  # nobody but a person can bring it back
    away.rename(path)
    assert _repaired(settings)[0] == "scan inbox"
    assert _paths() == {"inbox/a.mp4": True}
    assert _wrong(settings) == []


def test_orphans_are_adopted_or_left(bench: Workbench, settings: Settings) -> None:
    one = clip(bench.root.folder("playback") / "one.mp4", seconds=0.2, size="64x48")
    broken, text = one.with_name("broken.mp4"), one.with_name("one.srt")
    broken.write_bytes(b"not a video")
    text.write_text("words")
    before = _files(bench.root.path)
    said = _repaired(settings)
    assert "in the catalogue now: playback/one.mp4" in said
    assert any("left: broken.mp4 cannot be opened" in line for line in said)
    assert "left: playback/one.srt" in said
    assert _paths() == {"playback/one.mp4": True}
    assert _files(bench.root.path) == before
    (found,) = _wrong(settings)
    assert found.names == ("playback/broken.mp4", "playback/one.srt")


def test_an_altered_product_is_not_taken_for_whole(bench: Workbench, settings: Settings) -> None:
    """Nor because an orphan beside it is adopted."""
    one = clip(bench.root.folder("playback") / "one.mp4", seconds=0.2, size="64x48")
    video = read_record(bench.root, "playback/one.mp4", "playback")
    video.recipe = "0" * 32
    with session() as opened:
        opened.add(video)
    shutil.copyfile(one, one.with_name("orphan.mp4"))
    with one.open("ab") as file:
        file.write(b"more")
    _repaired(settings)
    assert [(found.check, found.severity) for found in _wrong(settings)] == [("altered_products", Severity.FAULT)]


def test_work_of_dead_runs_is_settled(bench: Workbench, settings: Settings) -> None:
    (bench.root.work / "0123").mkdir()
    (bench.root.work / "0123" / "half.mp4").write_bytes(b"half")
    placed = bench.root.work / "4567"
    placed.mkdir()
    staged = clip(placed / "staged.mp4", seconds=0.2, size="64x48")
    video = read_record(bench.root, ".reelmill/work/4567/staged.mp4", "playback")
    video.path, video.filename, video.recipe = "playback/done.mp4", "done.mp4", "4567" * 8
    publish_journal.write(staged, video)
    os.link(staged, bench.root.path / "playback/done.mp4")
    checks = {found.check for found in _wrong(settings)}
    assert checks == {"unsettled", "orphans"}
    said = _repaired(settings)
    assert "recovered: playback/done.mp4 was complete and is now in the catalogue" in said
    assert any("removed: the unfinished work of a run that was ended, 0123 (1 file, 4 bytes)" in line for line in said)
    assert _wrong(settings) == []
    assert list(bench.root.work.iterdir()) == []
    with session() as opened:
        (record,) = opened.exec(select(Video)).all()
        assert (record.path, record.recipe) == ("playback/done.mp4", "4567" * 8)


def test_folders_are_made(bench: Workbench, settings: Settings) -> None:
    shutil.rmtree(bench.root.path / "gifs")
    finding = [found for found in examine(settings, Scope(server=False)) if found.check == "media_folders"]
    for repair in plan(settings, finding):
        repair.act(Notes())
    assert (bench.root.path / "gifs").is_dir()
