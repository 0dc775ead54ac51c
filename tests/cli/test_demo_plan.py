"""What the demo makes of libraries of several kinds, and how it shows what it does."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from reelmill.catalogue.models import Video
from reelmill.cli.demo_plan import digest_length, grid_of, stages
from reelmill.cli.views.steps import Steps


def _videos(*seconds: float | None) -> list[Video]:
    facts: dict[str, Any] = {"title": "a", "directory_type": "videos", "size": 1, "mtime_ns": 1}
    return [
        Video(path=f"{at}.mp4", filename=f"{at}.mp4", duration=length, **facts) for at, length in enumerate(seconds)
    ]


@pytest.mark.parametrize(
    ("seconds", "cells"),
    [
        pytest.param((1.5, 40, 7, 9, 3600, 12), [7, 9, 12, 40], id="the shortest that are long enough"),
        pytest.param((1, 2, 3, 4, 30), [2, 3, 4, 30], id="else the longest"),
        pytest.param((1, None, 6, 6, 6, 6), [6, 6, 6, 6], id="a length that is unknown is none"),
    ],
)
def test_a_grid_lasts_long_enough_to_be_looked_at(seconds: tuple[float | None, ...], cells: list[float]) -> None:
    assert [video.duration for video in grid_of(_videos(*seconds))] == cells


@pytest.mark.parametrize("seconds", [0.5, 2, 5, 9, 14, 40, 179, 200, 7200])
def test_a_digest_is_shorter_than_its_video(seconds: float) -> None:
    length = digest_length(seconds)
    assert 0 < length <= 60
    assert length < seconds
    assert length >= min(5, seconds / 2)


def test_fewer_than_four_videos_make_no_grid() -> None:
    assert [stage.job_type for stage in stages(_videos(9, 9, 9))] == ["thumbnail_generate", "reencode", "digest"]
    assert [stage.job_type for stage in stages(_videos(9, 9, 9, 9))][2] == "compile_quad"
    assert stages([]) == []


def test_a_step_is_shown_with_its_time_while_it_lasts() -> None:
    shown = io.StringIO()
    steps = Steps(Console(file=shown, force_terminal=True, width=80, color_system=None))
    with steps.during("bringing up a site"):
        steps.detail("database")
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    assert re.search(r"bringing up a site: database +\d:\d\d:\d\d", seen)
    assert re.search(r"bringing up a site: \d+ s$", seen.rstrip())


def test_a_log_says_what_begins_and_what_it_took() -> None:
    shown = io.StringIO()
    steps = Steps(Console(file=shown, width=80))
    with steps.during("bringing up a site"):
        steps.detail("database")
    begun, ended = (line for line in shown.getvalue().splitlines() if line)
    assert begun == "bringing up a site …"
    assert re.fullmatch(r"bringing up a site: \d+ s", ended)
