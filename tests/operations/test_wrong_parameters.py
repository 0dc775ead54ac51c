"""Jobs with parameters that fit their forms and make no sense: an error of ours, one sentence, nothing made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import ReelmillError
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.compile_random import compile_random
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.highlight_generate import highlight_generate
from reelmill.operations.jobs.move_to_library import move_to_library
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scan import scan
from reelmill.operations.jobs.scenario import scenario
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.operations.jobs.tag_generation import tag_generation
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.jobs.validate import validate
from tests.clips import clip
from tests.operations.library import add, files

#: On one video, by what it is given as: each of these names leads to none.
OF_A_VIDEO: tuple[Callable[..., Any], ...] = (
    clip_generate, compile_gif, digest, highlight_generate, reencode, scene_extract, tag_generation, thumbnail,
    validate,
)  # fmt: skip
NO_VIDEO = (
    "gone.mp4", "../../etc/passwd", "/etc/passwd", "a\0b", "   ", "%", "-", "http://a.b/c.mp4", "\udcff", "é" * 300,
)  # fmt: skip
NO_TARGET = (
    "../x.mp4", "/etc/x.mp4", "compilations/\0.mp4", "compilations", "compilations/x.txt", "x.mp4",
    f"compilations/{'n' * 300}.mp4",
)  # fmt: skip

WRONG: tuple[Callable[[Workbench, Video], Any], ...] = (
    lambda b, v: compile_gif(b, str(v.id), start=1e9),
    lambda b, v: thumbnail(b, str(v.id), timestamp=1e9),
    lambda b, _: compile_quad(b),
    lambda b, v: compile_quad(b, [str(v.id), "gone", str(v.id), str(v.id)]),
    lambda b, _: compile_random(b, min_duration=9, max_duration=1),
    lambda b, _: compile_random(b, min_duration=5000, max_duration=9000),
    lambda b, v: move_to_library(b, str(v.id), "nope", directory_types=["videos"]),
    lambda b, v: move_to_library(b, str(v.id), "..", directory_types=["videos", ".."]),
    lambda b, _: move_to_library(b, "gone", "videos", directory_types=["videos"]),
    lambda b, _: scan(b.root, "nope", directory_types=["videos"]),
    lambda b, _: scenario(b, "nope"),
    lambda b, _: scenario(b, "0p0-h264", duration=1),
    lambda b, _: scenario(b, "120p0-h264", duration=1),
    lambda b, _: scenario(b, "120p10-h264", bitrate_wanted="fast", duration=1),
    lambda b, _: scenario(b, "120p10-h264", bitrate_wanted="0", duration=1),
    lambda b, _: scenario(b, "120p10-h264", output="nope://x", duration=1),
    lambda b, _: scenario(b, "120p10-h264", output="/etc", duration=1),
)


@pytest.fixture
def video(bench: Workbench) -> Video:
    return add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=1, size="64x48"))


def _refused(work: Callable[[], Any]) -> str:
    with pytest.raises(ReelmillError) as refused:
        work()
    sentence = str(refused.value)
    assert not refused.value.retryable
    assert sentence.endswith((".", ")")), sentence
    return sentence


def test_a_name_that_leads_to_no_video(bench: Workbench, video: Video) -> None:
    before = files(bench.root)
    for operation in OF_A_VIDEO:
        for name in NO_VIDEO:
            _refused(lambda operation=operation, name=name: operation(bench, name))  # type: ignore[misc]
    assert files(bench.root) == before


def test_a_place_where_nothing_may_be_written(bench: Workbench, video: Video) -> None:
    before = files(bench.root)
    for target in NO_TARGET:
        _refused(lambda target=target: compile_mega(bench, [str(video.id)], layout="sequence", target=target))  # type: ignore[misc]
    assert files(bench.root) == before


def test_what_makes_no_sense(bench: Workbench, video: Video) -> None:
    before = files(bench.root)
    for work in WRONG:
        _refused(lambda work=work: work(bench, video))  # type: ignore[misc]
    assert files(bench.root) == before
