"""A film decoded by GOP runs is reported as one decoded in one go; see tests/operations/test_parallel_verify.py."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.packet_index import Index, Keyframe, read_index
from reelmill.ffmpeg.reading.parallel_decode import GopRun, check_gop_run, check_other_tracks, gop_runs, merged_report
from tests.clips import clip, cut_off, ffmpeg, overwritten
from tests.ffmpeg.sources import CUT

#: Those whose frames are shown or read across their keyframes.
_OPEN: Final = {"open", "hevc", "mpeg2"}


def _decoded_in_runs(path: Path, seconds: int = 1) -> tuple[int, DecodeReport]:
    runs = gop_runs(read_index(path), Fraction(seconds))
    return len(runs), merged_report([check_gop_run(path, run) for run in runs], check_other_tracks(path))


@pytest.mark.parametrize("kind", CUT)
def test_the_report_is_that_of_decoding_in_one_go(tmp_path: Path, kind: str) -> None:
    path = CUT[kind](tmp_path)
    count, report = _decoded_in_runs(path)
    assert count == 1 if kind in _OPEN else count >= 9
    assert report == check_whole(path)
    assert report.clean


@pytest.mark.parametrize("at", [0.1, 0.35, 0.5, 0.52, 0.54, 0.9])
def test_damage_is_found_wherever_it_is(tmp_path: Path, at: float) -> None:
    good = clip(tmp_path / "good.mp4", seconds=8, size="320x240", options=["-movflags", "+faststart"])
    runs = gop_runs(read_index(good), Fraction(1))
    bad = overwritten(good, tmp_path / "bad.mp4", at=at, count=4000)
    report = merged_report([check_gop_run(bad, run) for run in runs], check_other_tracks(bad))
    assert report.errors
    assert check_whole(bad).errors


def test_a_film_that_ends_early_is_reported(tmp_path: Path) -> None:
    good = clip(tmp_path / "good.mp4", seconds=8, size="320x240", options=["-movflags", "+faststart"])
    runs = gop_runs(read_index(good), Fraction(1))
    assert len(runs) == 8
    short = cut_off(good, tmp_path / "short.mp4", keep=0.6)
    report = merged_report([check_gop_run(short, run) for run in runs], check_other_tracks(short))
    assert not report.clean
    assert report.frames < 200
    assert any("is not found by seeking" in error for error in report.errors)


def test_what_follows_badly_on_what_was_before_is_reported(tmp_path: Path) -> None:
    """Two films of other settings, told by one header: each place where they meet is passed as a player passes it."""
    clip(tmp_path / "one.mp4", seconds=2, sound=0, gop=50, options=["-x264-params", "cabac=1:ref=3"])
    clip(tmp_path / "other.mp4", seconds=2, sound=0, gop=50, options=["-x264-params", "cabac=0:ref=1"])
    (tmp_path / "list").write_text("file one.mp4\nfile other.mp4\n")
    film = tmp_path / "film.mp4"
    ffmpeg("-f", "concat", "-i", tmp_path / "list", "-c", "copy", "-bsf:v", "filter_units=remove_types=7|8", film)
    count, report = _decoded_in_runs(film)
    assert count == 2
    assert not report.clean
    assert not check_whole(film).clean
    first = check_gop_run(film, gop_runs(read_index(film), Fraction(1))[0])
    assert first.errors, "the first picture of the next stretch is decoded after those before it"


def test_a_file_without_audio_has_no_other_tracks(tmp_path: Path) -> None:
    report = check_other_tracks(clip(tmp_path / "silent.mp4", sound=0))
    assert (report.frames, report.audio_frames, report.audio) == (0, 0, ())


def _index(seconds: int, uncertain: int | None = None) -> Index:
    """Ten frames a second, the third of each four read before the two shown ahead of it, a keyframe each second."""
    order = tuple(time for second in range(seconds) for time in _second(10 * second))
    keys = tuple(Keyframe(10 * at, 10 * at, at != uncertain) for at in range(seconds))
    return Index(Fraction(1, 10), Fraction(0), 0, order, keys, 1)


def _second(begin: int) -> list[int]:
    return [begin + place for place in (0, 3, 1, 2, 6, 4, 5, 9, 7, 8)]


def test_runs_are_long_enough_and_end_at_certain_keyframes() -> None:
    def ends(index: Index, seconds: int) -> list[int | None]:
        runs = gop_runs(index, Fraction(seconds))
        assert runs[0].begin is None
        assert [run.end for run in runs[:-1]] == [run.begin for run in runs[1:]]
        return [run.end for run in runs]

    assert ends(_index(9), 3) == [30, 60, None]
    assert ends(_index(8), 3) == [30, None]  # the rest would be 2 s
    assert ends(_index(10, uncertain=3), 3) == [40, 70, None]
    assert ends(_index(5), 3) == [None]
    assert gop_runs(_index(2), Fraction(60)) == [GopRun(None, None)]


def test_no_frame_is_shown_across_the_end_of_a_run() -> None:
    order = (0, 1, 2, 3, 6, 4, 5, 7)  # 6 is a keyframe, and 4 and 5 are shown before it
    keys = (Keyframe(0, 0, certain=True), Keyframe(4, 6, certain=True))
    index = Index(Fraction(1), Fraction(0), 0, order, keys, 1)
    assert gop_runs(index, Fraction(1)) == [GopRun(None, None)]
