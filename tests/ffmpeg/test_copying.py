from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.errors import InputError
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.reading.stream_copy import (
    CopyableTrack,
    NotCopyable,
    copyable_track,
    delay,
    places,
    shown_interval,
)
from tests.clips import clip, cut_off, ffmpeg

RATE = Fraction(25)


def _at(*numbers: float) -> list[Fraction]:
    return [Fraction(number).limit_denominator(1000) / RATE for number in numbers]


@pytest.mark.parametrize(
    ("order", "ahead"),
    [([], 0), ([0, 1, 2], 0), ([0, 2, 1, 4, 3], 1), ([0, 4, 2, 1, 3, 5], 2)],
)
def test_how_many_frames_are_read_ahead(order: list[int], ahead: int) -> None:
    assert delay(order) == ahead


def test_frames_in_reading_order_know_their_place() -> None:
    assert places(_at(7, 11, 9, 8, 10), RATE) == [0, 4, 2, 1, 3]
    # Matroska counts whole milliseconds.
    assert places([Fraction(round(n * 1001 / 30), 1000) for n in range(90)], Fraction(30000, 1001)) == list(range(90))


@pytest.mark.parametrize(
    ("times", "why"),
    [
        (_at(0, 1, 3), "missing"),
        (_at(0, 1, 1, 2), "twice"),
        (_at(0, 1.3, 2), "even rate"),
        (_at(2, 0, 1), "middle of a GOP"),
    ],
)
def test_what_is_uneven_is_not_copied(times: list[Fraction], why: str) -> None:
    with pytest.raises(NotCopyable, match=why):
        places(times, RATE)


def _why(path: Path) -> str:
    with pytest.raises(NotCopyable) as refused:
        copyable_track(path, probe(path))
    return str(refused.value)


def test_a_track_is_read_whatever_holds_it(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", seconds=2, options=["-preset", "medium", "-bf", "3"])
    read = copyable_track(source, probe(source))
    assert (read.frames, read.form.width, read.form.height, read.form.rate) == (50, 160, 120, RATE)
    assert 1 <= read.delay <= 2
    for name in ("b.mkv", "c.ts", "d.mov"):
        ffmpeg("-i", source, "-c", "copy", tmp_path / name)
        assert copyable_track(tmp_path / name, probe(tmp_path / name)) == read


def test_why_a_track_is_not_copied(tmp_path: Path) -> None:
    assert _why(clip(tmp_path / "v.webm", codec="libvpx")) == "its frames are vp8"
    assert "odd" not in _why(clip(tmp_path / "10.mp4", options=["-pix_fmt", "yuv420p10le"]))
    source = clip(tmp_path / "a.mp4", seconds=2, gop=10)
    ffmpeg("-ss", "0.5", "-i", source, "-c", "copy", tmp_path / "cut.mp4")  # an edit list hides what comes before
    assert "not to be shown" in _why(tmp_path / "cut.mp4")
    ffmpeg("-i", source, "-vf", "select='not(eq(mod(n,7),3))'", "-fps_mode", "vfr", tmp_path / "vfr.mp4")
    assert _why(tmp_path / "vfr.mp4")


def test_how_long_frames_are_shown_is_not_what_the_container_reports(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", seconds=4, gop=5)
    assert shown_interval(source) == (Fraction(0), Fraction(4))
    ffmpeg(
        "-itsoffset", "0.52", "-i", source, "-i", source, "-map", "0:v", "-map", "1:a", "-c", "copy", tmp_path / "b.mkv"
    )
    begin, seconds = shown_interval(tmp_path / "b.mkv")
    assert (float(begin), float(seconds)) == pytest.approx((0.52, 4), abs=0.002)
    begin, seconds = shown_interval(cut_off(source, tmp_path / "short.mkv", keep=0.5))
    assert 0.5 < seconds < 3.5


def test_of_real_files_each_is_read_or_reports_why(real_media: Path) -> None:
    answers: dict[str, object] = {}
    for path in sorted(real_media.iterdir()):
        if path.suffix.lower() in (".mp4", ".mov", ".mkv", ".ts", ".m4v"):
            try:
                answers[path.name] = copyable_track(path, probe(path))
            except NotCopyable as error:
                answers[path.name] = str(error)
            except InputError:
                continue
    long = answers["long1080.mp4"]
    assert isinstance(long, CopyableTrack)
    assert (long.frames, long.form.rate) == (2676, Fraction(30))
    assert answers["cursed-vfr.mp4"] == "its frames do not follow at an even rate"
    assert sum(isinstance(answer, CopyableTrack) for answer in answers.values()) >= 15
