"""Operations take a video by any name, and what they make is the same by whatever name it was asked for."""

from __future__ import annotations

from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import AmbiguousVideo
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.move_to_library import move_to_library
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.jobs.validate import validate
from tests.clips import clip
from tests.operations.library import add
from tests.refusals import refused


def test_the_same_work_is_found_by_every_name(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "Kid.avi", seconds=0.4, size="64x48", codec="mpeg4"))
    add(bench, clip(bench.root.folder("inbox") / "other.mp4", seconds=0.4, size="64x48"))
    names = (
        str(video.id),
        str(video.id)[:8],
        "inbox/Kid.avi",
        str(bench.root.path / "inbox/Kid.avi"),
        "kid.avi",
        "Kid",
    )
    assert {validate(bench, name).path for name in names} == {"inbox/Kid.avi"}
    assert len({thumbnail(bench, name).path for name in names}) == 1
    copies = [reencode(bench, name, preset="ultrafast") for name in names[::2]]
    assert len({copy.video_id for copy in copies}) == 1
    grids = [compile_quad(bench, [one, two, one, two]) for one, two in (names[:2], names[4:])]
    assert len({grid.path for grid in grids}) == 1
    with session() as opened:
        assert len(opened.exec(select(Video)).all()) == 4, "two originals, a copy and a grid"


def test_a_video_is_moved_by_its_name(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48"))
    for name in ("inbox/a.mp4", "a.mp4", "A"):
        moved = move_to_library(bench, name, "videos", directory_types=["videos", "inbox"])
        assert (moved.video_id, moved.path) == (video.id, "library/videos/a.mp4")


def test_a_name_of_several_is_no_ones(bench: Workbench) -> None:
    for folder in ("inbox", "public"):
        add(bench, clip(bench.root.folder(folder) / "a.mp4", seconds=0.2, size="64x48"))
    with refused(AmbiguousVideo, candidates=("inbox/a.mp4", "public/a.mp4")):
        validate(bench, "a.mp4")
