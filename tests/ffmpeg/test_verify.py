from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.verify import Expectation, faststart, lasts, verify
from tests.clips import clip, cut_off, ffmpeg, hollow, overwritten

_FRONT = ("-movflags", "+faststart")
_GOOD = Expectation(duration=Fraction(2), frames=50, size=(160, 120), audio_tracks=1)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("good") / "good.mp4", seconds=2, options=_FRONT)


def test_a_good_file_passes_with_its_facts(good: Path) -> None:
    info = verify(good, _GOOD)
    assert (info.video.codec, info.video.frames, info.audio_tracks) == ("h264", 50, 1)


def test_what_is_left_open_is_not_asked(good: Path) -> None:
    assert verify(good, Expectation()).video.frames == 50


def _nothing(good: Path, bad: Path) -> None:
    bad.touch()


def _garbage(good: Path, bad: Path) -> None:
    bad.write_bytes(b"\xfe" * 50_000)


def _half(good: Path, bad: Path) -> None:
    cut_off(good, bad, keep=0.5)


def _without_index(good: Path, bad: Path) -> None:
    """What ffmpeg leaves when it is killed: no moov."""
    ffmpeg("-i", good, "-c", "copy", bad.with_suffix(".mov"))
    cut_off(bad.with_suffix(".mov"), bad, keep=0.8)


def _holes(good: Path, bad: Path) -> None:
    hollow(good, bad, start=0.4, end=0.6)


def _scratched(good: Path, bad: Path) -> None:
    overwritten(good, bad, at=0.5, count=2000)


def _other_codec(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-c:v", "mpeg4", "-c:a", "copy", bad)


def _smaller(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-vf", "scale=80:60", bad)


def _silent(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-an", "-c:v", "copy", bad)


def _second_sound(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy", bad)


def _short(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-t", "1.5", bad)


def _slow(good: Path, bad: Path) -> None:
    """Every picture is there, at the wrong time."""
    ffmpeg("-itsscale", "1.5", "-i", good, "-an", "-c", "copy", bad)


def _one_missing(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-vf", r"select=not(eq(n\,20))", "-fps_mode", "passthrough", bad)


def _sound_only(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-vn", "-c", "copy", bad)


def _gone(good: Path, bad: Path) -> None:
    pass


_SPOILT: list[tuple[Callable[[Path, Path], None], str]] = [
    (_nothing, r"is empty"),
    (_garbage, r"cannot be opened as a video"),
    (_half, r"\d+ pictures where 50 were encoded; it holds [01]\.\d\d s of the 2\.00 s wanted"),
    (_without_index, r"cannot be opened as a video"),
    (_holes, r"does not decode at|damaged picture at"),
    (_scratched, r"does not decode at|damaged picture at"),
    (_other_codec, r"its codec is mpeg4, not h264"),
    (_smaller, r"it is 80x60, not 160x120"),
    (_silent, r"0 sound tracks where 1 were wanted"),
    (_second_sound, r"2 sound tracks where 1 were wanted"),
    (_short, r"it holds 1\.5\d s of the 2\.00 s wanted"),
    (_slow, r"it holds (2\.9|3\.0)\d s of the 2\.00 s wanted"),
    (_one_missing, r"49 pictures where 50 were encoded"),
    (_sound_only, r"has only sound"),
    (_gone, r"is not there any more"),
]


@pytest.mark.parametrize(("spoil", "reason"), _SPOILT, ids=[spoil.__name__[1:] for spoil, _ in _SPOILT])
def test_a_bad_file_is_thrown_away_with_its_reason(
    good: Path, tmp_path: Path, spoil: Callable[[Path, Path], None], reason: str
) -> None:
    bad = tmp_path / "bad.mp4"
    spoil(good, bad)
    with pytest.raises(OutputRejected, match=reason) as refusal:
        verify(bad, _GOOD)
    sentence = str(refusal.value)
    assert sentence.startswith("bad.mp4, just made, was thrown away: ")
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert refusal.value.retryable


@pytest.mark.parametrize("spoil", [_half, _holes, _scratched, _garbage, _nothing])
def test_damage_is_found_without_any_number_to_compare(
    good: Path, tmp_path: Path, spoil: Callable[[Path, Path], None]
) -> None:
    bad = tmp_path / "bad.mp4"
    spoil(good, bad)
    with pytest.raises(OutputRejected):
        verify(bad, Expectation())


def test_every_fault_is_named(good: Path) -> None:
    wanted = replace(_GOOD, codec="vp9", size=(2, 2), audio_tracks=3, frames=7, duration=Fraction(9))
    with pytest.raises(OutputRejected) as refusal:
        verify(good, wanted)
    for part in ("50 pictures where 7", "not vp9", "not 2x2", "1 sound tracks where 3", "of the 9.00 s"):
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "wanted", "good_enough"),
    [
        (Fraction(10), Fraction(10), True),
        (Fraction(99, 10), Fraction(10), True),
        (Fraction(989, 100), Fraction(10), False),
        (Fraction(1012, 100), Fraction(10), False),
        (Fraction(3564), Fraction(3600), True),
        (Fraction(3563), Fraction(3600), False),
        (Fraction(1, 10), Fraction(0), True),
        (None, Fraction(0), False),
    ],
)
def test_lasts(content: Fraction | None, wanted: Fraction, good_enough: bool) -> None:
    assert lasts(content, wanted) is good_enough


def test_faststart(good: Path, tmp_path: Path) -> None:
    assert faststart(good)
    late = tmp_path / "late.mp4"
    ffmpeg("-i", good, "-c", "copy", late)
    assert not faststart(late)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", False),
        (b"\0\0\0", False),
        (b"\0\0\0\x08free" * 3, False),
        (b"\0\0\0\x08free" + b"\0\0\0\x08moov", True),
        (b"\0\0\0\x01free" + (24).to_bytes(8, "big") + b"x" * 8 + b"\0\0\0\x08moov", True),
        (b"\0\0\0\x01free" + (24).to_bytes(8, "big") + b"x" * 8 + b"\0\0\0\x08mdat", False),
        (b"\0\0\0\0free" + b"\0\0\0\x08moov", False),
        (b"\0\0\0\x03free" + b"\0\0\0\x08moov", False),
    ],
)
def test_faststart_walks_the_boxes(tmp_path: Path, data: bytes, answer: bool) -> None:
    path = tmp_path / "boxes.mp4"
    path.write_bytes(data)
    assert faststart(path) is answer


def test_nothing_is_changed(good: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    shutil.copy(good, copy)
    before = (copy.read_bytes(), copy.stat().st_mtime_ns)
    verify(copy, _GOOD)
    assert (copy.read_bytes(), copy.stat().st_mtime_ns) == before
