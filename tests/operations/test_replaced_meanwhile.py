"""A source that somebody replaces while something is made of it: nothing of the one is kept as the other's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets
from reelmill.catalogue.models import Asset, AssetKind, Scene, Video
from reelmill.errors import ChangedMeanwhile
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import signals_of
from reelmill.operations.derived.scored_video import scored_video
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from tests.clips import Notes, clip, ffmpeg
from tests.operations.library import add
from tests.patched import joined
from tests.refusals import refused


class _Meanwhile(Notes):
    """Somebody acts once, at the first progress whose text holds ``when`` after a line that holds ``after``.

    Where ``when`` is None, at that line.
    """

    def __init__(self, act: Callable[[], object], *, after: str = "", when: str | None = None) -> None:
        super().__init__()
        self._act, self._after, self._when = act, after, when
        self.done = False

    def line(self, text: str) -> None:
        super().line(text)
        if self._when is None and self._after in text:
            self._once()

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        super().progress(fraction, text, speed)
        if self._when is not None and self._when in text and self.said(self._after):
            self._once()

    def _once(self) -> None:
        if not self.done:
            self.done = True
            self._act()


def _transport(folder: Path, colour: str) -> Path:
    """A recording whose clock starts again half-way, so that a mended copy of it is read."""
    halves = [folder / f"{colour} {number}.ts" for number in (1, 2)]
    for half in halves:
        ffmpeg("-f", "lavfi", "-i", f"color={colour}:s=192x108:r=25:d=2", "-pix_fmt", "yuv420p", "-g", "25", half)
    return joined(folder / f"{colour}.ts", *halves)


def _colour(image: Path) -> str:
    pixels = cv2.imread(str(image))
    assert pixels is not None
    blue, green, red = (float(value) for value in np.asarray(pixels).reshape(-1, 3).mean(axis=0))
    return "red" if red > 200 > green + blue else "blue" if blue > 200 > green + red else "neither"


def _images(bench: Workbench) -> list[Path]:
    return [path for path in (bench.root.path / "thumbnails").rglob("*") if path.is_file()]


def test_of_a_mended_video_no_storyboard_is_placed(bench: Workbench, tmp_path: Path) -> None:
    """The mended copy stays as it is: what it was looked at by again was the copy."""
    source = _transport(tmp_path, "red").rename(bench.root.folder("inbox") / "a.ts")
    other = _transport(tmp_path, "blue")
    video = add(bench, source)
    notes = _Meanwhile(lambda: other.replace(source), when="storyboard")
    with refused(ChangedMeanwhile, path=video.path):
        thumbnail(replace(bench, report=notes), str(video.id), storyboard=True)
    assert notes.done
    (still,) = _images(bench)
    assert _colour(still) == "red"
    made = thumbnail(bench, str(add(bench, source).id), storyboard=True)
    assert made.storyboard is not None
    assert {_colour(bench.root.path / path) for path in (made.path, *made.storyboard.sheets)} == {"blue"}


def test_what_is_shown_is_not_of_a_copy_that_was_mended_before(bench: Workbench, tmp_path: Path) -> None:
    source = _transport(tmp_path, "red").rename(bench.root.folder("inbox") / "a.ts")
    other = _transport(tmp_path, "blue")
    video = add(bench, source)
    mending = _Meanwhile(lambda: other.replace(source), after="is read from a mended copy", when="")
    with refused(ChangedMeanwhile, path=video.path):
        thumbnail(replace(bench, report=mending), str(video.id))
    assert mending.done
    assert _images(bench) == []
    assert _colour(bench.root.path / thumbnail(bench, str(add(bench, source).id)).path) == "blue"


def test_scenes_of_one_have_no_scores_of_the_other(bench: Workbench, tmp_path: Path) -> None:
    source, other = clip(bench.root.folder("inbox") / "a.mp4", seconds=3), clip(tmp_path / "b.mp4", seconds=5)
    video, info = add(bench, source), probe(source)
    signals_of(bench, video, source, info)
    notes = _Meanwhile(lambda: other.replace(source), after="its signals were found before")
    with refused(ChangedMeanwhile, path=video.path):
        scored_video(replace(bench, report=notes), video, source, info)
    with session() as opened:
        assert opened.exec(select(Scene)).all() == []


@pytest.mark.parametrize(("made_of", "shown"), [("c" * 32, True), (None, True), ("d" * 32, False)])
def test_a_thumbnail_is_shown_of_what_the_video_holds(bench: Workbench, made_of: str | None, shown: bool) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2))
    image = Asset(video_id=video.id, path="thumbnails/a.jpg", kind=AssetKind.THUMBNAIL, content_id=made_of)
    with session() as opened:
        opened.get_one(Video, video.id).content_id = "c" * 32
    with session() as opened:
        assets.show(opened, image)
    with session() as opened:
        assert opened.get_one(Video, video.id).thumbnail_path == ("thumbnails/a.jpg" if shown else None)
