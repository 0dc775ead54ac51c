"""A database that is lost is rebuilt from the library: the kept export, and what the files themselves hold."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.exports import kept_exports
from reelmill.catalogue.facts import assets, tagging
from reelmill.catalogue.models import Video
from reelmill.doctor import repair
from reelmill.doctor.findings import Severity
from reelmill.doctor.library import check_library
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scan import scan
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.settings import Settings
from reelmill.storage import file_mark
from tests.clips import Notes, clip
from tests.operations.library import add, files


def _paths() -> dict[str, Video]:
    with session() as opened:
        return {video.path: video for video in opened.exec(select(Video))}


def _repair(bench: Workbench) -> None:
    settings = Settings(media_root=bench.root.path)
    for found in repair.plan(settings, check_library(bench.root)):
        found.act(Notes())


def test_nothing_is_encoded_again(bench: Workbench) -> None:
    path = clip(bench.root.folder("inbox") / "a.mkv", seconds=2, options=["-pix_fmt", "yuv444p"])
    video = add(bench, path)
    with session() as opened:
        tagging.set_by_person(opened, video.id, "holiday")
    first = reencode(bench, str(video.id), preset="ultrafast")
    export = kept_exports.write_daily(bench.root, "2026-11-29")
    assert export is not None
    later = clip_generate(bench, str(video.id), count=1, length=1)  # the export does not know this one
    before = {path: (one.id, one.recipe, one.source_video_id) for path, one in _paths().items()}
    for made in (first.path, later.clips[0].path):
        assert file_mark.read(bench.root.path / made) == {
            "recipe": before[made][1],
            "source": str(video.id),
            "content": bench.content(video).content_id,
        }

    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))
    scan(bench.root, "inbox", directory_types=["inbox"], settle_seconds=0)
    assert _paths()[video.path].id != video.id
    found = {finding.check: finding for finding in check_library(bench.root)}
    assert (found["lost_records"].severity, found["lost_records"].names) == (Severity.FAULT, (export.name,))
    _repair(bench)

    after = {path: (one.id, one.recipe, one.source_video_id) for path, one in _paths().items()}
    assert after[video.path] == before[video.path]
    assert after[first.path] == before[first.path]
    assert after[later.clips[0].path][1:] == before[later.clips[0].path][1:]
    with session() as opened:
        assert [tag.name for tag in tagging.tags_of(opened, video.id)] == ["holiday"]
    again = reencode(bench, str(video.id), preset="ultrafast")
    assert (again.reused, again.path, again.frames_encoded) == (True, first.path, 0)
    (clipped,) = clip_generate(bench, str(video.id), count=1, length=1).clips
    assert (clipped.reused, clipped.path) == (True, later.clips[0].path)
    assert "lost_records" not in {finding.check for finding in check_library(bench.root)}


def test_no_image_is_made_again(bench: Workbench) -> None:
    """Not even where no export was kept: files bear the ids of their videos, and marks tell what those hold."""
    path = clip(bench.root.folder("inbox") / "a.mkv", seconds=0.6, size="160x120", options=["-pix_fmt", "yuv444p"])
    video = add(bench, path)
    copied = reencode(bench, str(video.id), preset="ultrafast")

    def make_all() -> tuple[str | None, ...]:
        images = scene_extract(bench, str(video.id), files=False)
        board = thumbnail(bench, str(video.id), storyboard=True).storyboard
        assert board is not None
        gif = compile_gif(bench, str(video.id), duration=0.4)
        return images.contact_sheet, board.path, gif.path, searching_thumbnail()

    def searching_thumbnail() -> str | None:
        return _paths()[video.path].thumbnail_path

    made, content = make_all(), bench.content(video).content_id
    files_made = {one: one.read_bytes() for one in files(bench.root)}
    for one in files_made.keys() - {path}:
        held = file_mark.read(one) or {}
        assert (held["source"], held["content"], len(held["recipe"])) == (str(video.id), content, 32), one
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))
    anew = add(bench, path)
    assert anew.id != video.id
    checks = {finding.check for finding in check_library(bench.root)}
    assert {"earlier_ids", "orphans"} <= checks
    assert "orphan_pictures" not in checks
    _repair(bench)
    again = _paths()
    assert (again[video.path].id, again[video.path].thumbnail_path) == (video.id, made[-1])
    assert (again[copied.path].source_video_id, again[copied.path].source_size) == (video.id, video.size)
    with session() as opened:
        assert {asset.path for asset in assets.assets_of(opened, video.id)} >= set(made)
    checks = {one.check for one in check_library(bench.root)}
    assert not {"earlier_ids", "unrecorded_images", "orphan_pictures"} & checks
    assert make_all() == made
    assert {one: one.read_bytes() for one in files(bench.root)} == files_made

    # The same where an older export has brought the record back, and not what was made since.
    with session() as opened:
        opened.get_one(Video, video.id).thumbnail_path = None
        opened.connection().execute(text("TRUNCATE catalogue.asset"))
    found = {finding.check: finding for finding in check_library(bench.root)}
    assert set(found["unrecorded_images"].names) >= set(made)
    _repair(bench)
    assert searching_thumbnail() == made[-1]
    assert "unrecorded_images" not in {one.check for one in check_library(bench.root)}


def test_an_image_of_a_video_that_is_gone_does_not_rename_its_copy(bench: Workbench) -> None:
    """What was there before the image was made is no record made anew."""
    path = clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48")
    shutil.copyfile(path, path.with_name("b.mp4"))
    first, gone = add(bench, path), add(bench, path.with_name("b.mp4"))
    made = bench.root.path / thumbnail(bench, str(gone.id)).path
    path.with_name("b.mp4").unlink()
    with session() as opened:
        opened.delete(opened.get_one(Video, gone.id))
    found = {finding.check: finding for finding in check_library(bench.root)}
    assert found["orphan_pictures"].names == (bench.root.relative(made),)
    _repair(bench)
    assert [video.id for video in _paths().values()] == [first.id]


@pytest.mark.parametrize(("with_images", "known_again"), [(1, 2), (2, 2), (1, 1)])
def test_which_of_two_copies_had_which_id_is_not_guessed(bench: Workbench, with_images: int, known_again: int) -> None:
    """An id leads to tags and to what was made of a video: the one of a copy is as wrong as another's."""
    paths = [clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48")]
    paths.append(Path(shutil.copyfile(paths[0], paths[0].with_name("b.mp4"))))
    videos, made = [add(bench, path) for path in paths], []
    for video in videos[:with_images]:
        made.append(bench.root.path / f"thumbnails/{video.id}-00000000.jpg")
        made[-1].write_bytes(bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9"))
        file_mark.write(made[-1], {"content": bench.content(video).content_id})
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))
    for path in paths[known_again:]:
        path.unlink()
    add(bench, paths[0])
    anew = {video.id for video in _paths().values()}
    findings = {finding.check: finding for finding in check_library(bench.root)}
    _repair(bench)
    if known_again == 1:
        assert findings["earlier_ids"].names == (bench.root.relative(made[0]),)
        assert [video.id for video in _paths().values()] == [videos[0].id]
        return
    assert "earlier_ids" not in findings
    assert findings["unsure_ids"].names == tuple(sorted(bench.root.relative(path) for path in made))
    assert {video.id for video in _paths().values()} == anew
    assert all(path.exists() for path in made)


def test_a_mark_that_means_nothing_here_is_passed_over(bench: Workbench) -> None:
    path = clip(bench.root.folder("playback") / "a.mp4", seconds=0.2, size="64x48")
    file_mark.write(path, {"recipe": 3, "source": str(uuid.uuid4())})
    _repair(bench)
    record = _paths()["playback/a.mp4"]
    assert (record.recipe, record.source_video_id) == (None, None)


def _product(bench: Workbench, name: str, seconds: float) -> tuple[Video, Path]:
    """A web copy with its record, of a source of its own."""
    video = add(bench, clip(bench.root.folder("inbox") / name, seconds=seconds, size="64x48"))
    made = reencode(bench, str(video.id), preset="ultrafast").path
    return _paths()[made], bench.root.path / made


def test_a_product_without_record_beside_a_touched_one_is_known_as_made(bench: Workbench) -> None:
    orphan, path = _product(bench, "a.mp4", 0.4)
    _, touched = _product(bench, "b.mp4", 0.6)
    for one in (path, touched):  # of long ago, so that no scan waits for what may still be written
        os.utime(one, (1_600_000_000, 1_600_000_000))
    with session() as opened:
        opened.delete(opened.get_one(Video, orphan.id))
    assert {"orphans", "touched_products"} <= {finding.check for finding in check_library(bench.root)}
    _repair(bench)
    assert _paths()[orphan.path].recipe == orphan.recipe is not None
    assert reencode(bench, str(orphan.source_video_id), preset="ultrafast").reused


def test_a_product_that_was_renamed_is_the_same_product(bench: Workbench) -> None:
    product, path = _product(bench, "a.mp4", 0.4)
    path.rename(path.with_name("renamed.mp4"))
    assert {"orphans", "missing_files"} <= {finding.check for finding in check_library(bench.root)}
    _repair(bench)
    paths = _paths()
    assert product.path not in paths
    renamed = paths[bench.root.relative(path.with_name("renamed.mp4"))]
    assert (renamed.id, renamed.recipe, renamed.missing_since) == (product.id, product.recipe, None)
    assert reencode(bench, str(product.source_video_id), preset="ultrafast").reused
