"""Scenes in the catalogue: of what a file holds now, with what earlier jobs knew of each."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets
from reelmill.catalogue.models import Asset, AssetKind, Scene, Video
from reelmill.catalogue.videos import merging, scenes, searching


def _video(path: str, content: str) -> Video:
    named: dict[str, Any] = {"title": path, "path": path, "filename": path, "directory_type": "inbox"}
    return Video(**named, size=1, mtime_ns=1, content_id=content)


def _scenes(video: Video, *bounds: float, **more: Any) -> list[Scene]:
    intervals = enumerate(pairwise(bounds), 1)
    return [
        Scene(video_id=video.id, number=number, starts_at=first, ends_at=end, **more)
        for number, (first, end) in intervals
    ]


def _known(video: Video) -> list[tuple[float, str | None, float | None]]:
    with session() as opened:
        found = scenes.scenes_of(opened, searching.get_video(opened, video.id))
    return [(scene.ends_at, scene.image, scene.score) for scene in found]


def test_scenes_are_of_the_content_and_keep_what_an_earlier_job_knew(catalogue: str) -> None:
    video, twin, other = _video("a.mp4", "c"), _video("b.mp4", "c"), _video("d.mp4", "d")
    with session() as opened:
        opened.add_all([video, twin, other])
    with session() as opened:
        scenes.record(opened, video.id, _scenes(video, 0, 4, 9, image="i.jpg", content_id="c"))
    with session() as opened:
        scenes.record(opened, video.id, _scenes(video, 0, 4, 8, score=0.5, content_id="c"))
    wanted = [(4, "i.jpg", 0.5), (8, None, 0.5)]
    assert (_known(video), _known(twin), _known(other)) == (wanted, wanted, [])
    with session() as opened:
        searching.get_video(opened, video.id).content_id = "replaced"
    assert _known(video) == _known(twin) == []


def test_an_image_that_is_gone_is_no_scenes_image(catalogue: str) -> None:
    video = _video("a.mp4", "c")
    with session() as opened:
        opened.add(video)
    with session() as opened:
        scenes.record(opened, video.id, _scenes(video, 0, 4, image="i.jpg", content_id="c"))
        assets.record(opened, [Asset(video_id=video.id, path="i.jpg", kind=AssetKind.SCENE_IMAGE, number=1)])
    with session() as opened:
        assets.forget(opened, ["i.jpg"])
    assert _known(video) == [(4, None, None)]


def test_of_two_records_of_one_file_the_scenes_of_one_stay(catalogue: str) -> None:
    kept, other = _video("a.mp4", "c"), _video("b.mp4", "c")
    with session() as opened:
        opened.add_all([kept, other])
    with session() as opened:
        scenes.record(opened, kept.id, _scenes(kept, 0, 9))
        scenes.record(opened, other.id, _scenes(other, 0, 4, 9))
    with session() as opened:
        merging.absorb(opened, searching.get_video(opened, kept.id), searching.get_video(opened, other.id))
    assert _known(kept) == [(9, None, None)]
