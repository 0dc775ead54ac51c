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
from reelmill.ffmpeg.reading.frames.frame_points import FRAME_BYTES, UNKNOWN_FRAME, append_points, appended_points
from reelmill.ffmpeg.verify.matches.points_match import points_faults, wrong_frames
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


def test_frames_of_which_nothing_is_known_hide_none_of_the_others() -> None:
    given = _given()
    shown = _coded(given, 3)
    shown[45] = 16
    given[10:30] = np.frombuffer(UNKNOWN_FRAME, np.uint8)
    shown[20] = 16
    assert wrong_frames(given.tobytes(), shown.tobytes()) == {FindingKind.BLACK: [45]}
    assert not wrong_frames(60 * UNKNOWN_FRAME, shown.tobytes())


def _snow(frames: int, held: int = 1) -> _Frames:
    """Noise that is drawn anew after so many frames."""
    drawn = np.random.default_rng(3).integers(16, 235, (frames, FRAME_BYTES)).astype(np.uint8)
    return np.repeat(drawn, held, axis=0)[:frames]


@pytest.mark.parametrize("held", [1, 2, 3])
def test_a_second_of_snow_in_an_easy_film_may_be_lost(held: int) -> None:
    """At the bits that are there x264 shows little more than grey."""
    given = np.repeat(_given(1), 200, axis=0)
    given[80:105] = _snow(25, held)
    shown = given.copy()
    shown[80:105] = 120 + (given[80:105] - 120.0) * 0.2
    assert not wrong_frames(given.tobytes(), shown.tobytes())
    shown[40] = given[90]
    assert wrong_frames(given.tobytes(), shown.tobytes()) == {FindingKind.OTHER_FRAME: [40]}


def test_where_little_was_asked_a_film_may_go_on_to_show_what_it_showed() -> None:
    given = np.repeat(_given(2) // 3 * np.array([[1], [2]], np.uint8), 100, axis=0)[:180]
    given[100:] = given[100, ::-1]
    shown = given.copy()
    shown[100:108] = shown[99]
    assert wrong_frames(given.tobytes(), shown.tobytes())
    assert not wrong_frames(given.tobytes(), shown.tobytes(), rough=True)
    shown[50], shown[150] = 16, np.random.default_rng(2).integers(16, 235, FRAME_BYTES)
    found = {FindingKind.BLACK: [50], FindingKind.OTHER_FRAME: [150]}
    assert wrong_frames(given.tobytes(), shown.tobytes(), rough=True) == found


def test_a_fault_of_most_of_a_film_does_not_hide_itself() -> None:
    given = np.repeat(_given(1), 60, axis=0)
    shown = given.copy()
    shown[10:] = given[0, ::-1]
    assert wrong_frames(given.tobytes(), shown.tobytes()) == {FindingKind.OTHER_FRAME: [*range(10, 60)]}


@pytest.mark.parametrize("rate", [24, 480])
def test_a_frame_is_seen_however_many_there_are_in_a_second(rate: int) -> None:
    given = _given(9)
    shown = given.copy()
    shown[4] = 16
    report = replace(Tally().report(), frames=9, times=array("d", np.arange(9) / rate), points=shown.tobytes())
    assert [finding.frames for finding in points_faults(given.tobytes(), report)] == [1]


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
