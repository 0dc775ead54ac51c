"""Every frame of a film is told from those that its encoder was not given there, by a few points of each."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_report import Tally
from reelmill.ffmpeg.reading.frame_points import FRAME_BYTES, append_points, appended_points
from reelmill.ffmpeg.verify.points_match import points_faults, wrong_frames
from tests.clips import clip

_Frames = NDArray[np.uint8]


def _given(frames: int = 60) -> _Frames:
    """Frames of a wave that moves on."""
    at = np.arange(FRAME_BYTES) / 5
    return np.stack([120 + 90 * np.sin(at + frame / 2) for frame in range(frames)]).astype(np.uint8)


def _coded(given: _Frames, noise: float) -> _Frames:
    shown: _Frames = (given + np.random.default_rng(1).normal(0, noise, given.shape)).clip(0, 255).astype(np.uint8)
    return shown


def test_what_coding_does_is_no_fault() -> None:
    given = _given()
    assert not wrong_frames(given.tobytes(), _coded(given, 3).tobytes())
    assert not wrong_frames(given.tobytes(), _coded(given, 20).tobytes())


@pytest.mark.parametrize("noise", [0, 3])
def test_each_wrong_frame_is_found_for_what_it_is(noise: float) -> None:
    given = _given()
    shown = _coded(given, noise)
    shown[7], shown[41] = 16, shown[40]
    shown[30] = np.random.default_rng(2).integers(16, 235, FRAME_BYTES)
    found = {FindingKind.BLACK: [7], FindingKind.OTHER_FRAME: [30], FindingKind.MISPLACED: [41]}
    assert wrong_frames(given.tobytes(), shown.tobytes()) == found


def test_a_black_frame_of_a_dark_film_is_found_by_the_few_points_that_are_lit() -> None:
    given = np.full((20, FRAME_BYTES), 18, np.uint8)
    given[:, :5] = 90
    shown = given.copy()
    shown[3] = 17
    assert wrong_frames(given.tobytes(), shown.tobytes()) == {FindingKind.BLACK: [3]}


def test_of_films_with_more_or_fewer_frames_nothing_is_said() -> None:
    given = _given()
    assert not wrong_frames(given.tobytes(), given[::-1][1:].tobytes())
    assert not wrong_frames(b"", given.tobytes())


@pytest.mark.parametrize(("later", "found"), [(0.04, 1), (0.0, 0)])
def test_a_frame_that_the_next_replaces_at_once_may_be_anything(later: float, found: int) -> None:
    """As of a source with two frames at one time: x264 gives the first of them no bits."""
    given = _given(3)
    shown = given.copy()
    shown[1] = 16
    times = array("d", [0.0, 0.04, 0.04 + later])
    report = replace(Tally().report(), frames=3, times=times, points=shown.tobytes())
    assert len(list(points_faults(given.tobytes(), report))) == found


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_points_are_kept_behind_a_film(tmp_path: Path, ending: str) -> None:
    film, points = clip(tmp_path / f"film.{ending}"), _given(25).tobytes()
    assert appended_points(film, 25) is None
    append_points(film, points)
    assert appended_points(film, 25) == points
    assert appended_points(film, 24) is None
    report = check_whole(film)
    assert (report.clean, report.frames) == (True, 25)
