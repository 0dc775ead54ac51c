from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from reelmill.clock import FakeClock
from reelmill.errors import FfmpegFailed, NotAVideo
from reelmill.ffmpeg.commands import web_copy
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import EncodeResult, Transcoder
from reelmill.ffmpeg.trials.encode_prediction import EncodedSample, places, predict, predict_from, start_up
from reelmill.report import NullReport
from reelmill.troubles import Flaw
from tests.clips import cut_off, ffmpeg
from tests.refusals import refused


def _noisy(path: Path, seconds: int, *, strength: int = 8, gop: int = 50) -> Path:
    """Moves, and has the grain of a camera: as hard to encode at its start as at its end."""
    pattern = f"testsrc2=s=320x240:r=25:d={seconds},noise=alls={strength}:allf=t"
    noise = f"anoisesrc=d={seconds}:a=0.1:seed=1"
    ffmpeg("-f", "lavfi", "-i", pattern, "-f", "lavfi", "-i", noise, "-c:v", "mpeg4", "-q:v", "2", "-g", str(gop),
           "-c:a", "libmp3lame", path)  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("name", "strength", "encoding"),
    [
        ("free.avi", 8, Encoding(preset="veryfast")),
        ("at the ceiling.mkv", 30, Encoding(preset="ultrafast", max_kbit=300)),
        ("smooth.mkv", 0, Encoding(preset="veryfast", crf=30)),
    ],
    ids=["as much as it needs", "at the ceiling", "smooth"],
)
def test_the_size_is_foretold_within_a_third(tmp_path: Path, name: str, strength: int, encoding: Encoding) -> None:
    transcoder = Transcoder()
    source, made = _noisy(tmp_path / name, 24, strength=strength), tmp_path / "made.mp4"
    info = probe(source)
    found = predict(transcoder, source, info, encoding)
    assert found is not None
    true = transcoder.encode(lambda way: web_copy.reencode(source, info, made, way), encoding, NullReport())
    size = made.stat().st_size
    assert 0.65 < found.size.likely / size < 1.35
    assert found.size.least <= found.size.likely <= found.size.most
    assert 0.4 < found.cpu_seconds.likely / true.cpu_seconds < 2.5
    assert found.sampled == pytest.approx(6)


def test_what_stands_still_costs_its_keyframes(tmp_path: Path) -> None:
    """Each sample begins with one, and the whole has one every 10 s: they weigh five times less there."""
    source, made, transcoder = tmp_path / "still.mkv", tmp_path / "made.mp4", Transcoder()
    ffmpeg("-f", "lavfi", "-i", "color=gray:s=320x240:r=25:d=30,noise=alls=60", "-c:v", "ffv1", source)
    info, encoding = probe(source), Encoding(preset="veryfast")
    found = predict(transcoder, source, info, encoding)
    assert found is not None
    transcoder.encode(lambda way: web_copy.reencode(source, info, made, way), encoding, NullReport())
    assert 0.65 < found.size.likely / made.stat().st_size < 1.35


def test_a_short_video_is_encoded_whole(tmp_path: Path) -> None:
    source, made = _noisy(tmp_path / "a.avi", 3), tmp_path / "made.mp4"
    encoding, info, transcoder = Encoding(preset="veryfast"), probe(source), Transcoder()
    found = predict(transcoder, source, info, encoding)
    assert found is not None
    transcoder.encode(lambda way: web_copy.reencode(source, info, made, way), encoding, NullReport())
    assert found.size.likely == pytest.approx(made.stat().st_size, rel=0.1)
    assert found.size.least == found.size.most == found.size.likely
    assert found.sampled == pytest.approx(3, abs=0.1)


def test_a_range_shows_that_a_video_changes(tmp_path: Path) -> None:
    calm, wild = "color=gray:s=320x240:r=25:d=8", "testsrc2=s=320x240:r=25:d=16,noise=alls=40:allf=t"
    source = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", calm, "-f", "lavfi", "-i", wild, "-filter_complex", "concat=n=2", "-c:v", "mpeg4",
           "-q:v", "2", source)  # fmt: skip
    found = predict(Transcoder(), source, probe(source), Encoding(preset="ultrafast"))
    assert found is not None
    assert found.size.most > 20 * found.size.least


def test_nothing_is_written_where_the_video_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    (tmp_path / "library").mkdir()
    source = _noisy(tmp_path / "library" / "a.avi", 8)
    before = source.stat()
    assert predict(Transcoder(), source, probe(source), Encoding(preset="ultrafast")) is not None
    assert [path.name for path in source.parent.iterdir()] == ["a.avi"]
    assert source.stat() == before or source.stat().st_mtime_ns == before.st_mtime_ns
    assert list(aside.iterdir()) == []


class _Slow(Transcoder):
    """Each encode takes 400 s by a clock that moves for nothing else."""

    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))

    def encode(self, *args: Any, **kwargs: Any) -> EncodeResult:
        """As it is, but for the time."""
        done = super().encode(*args, **kwargs)
        self.clock.sleep(400)
        return replace(done, seconds=400.0)


@pytest.mark.parametrize(
    ("budget", "sampled"),
    [
        (10_000, 3 * 2),  # all there is to be had
        (3_000, 3 * 1),  # a first look at 0.4 s: 1,000 s for each second of video, so that three have one second each
        (1_000, 2 / 3),  # a third of a second each, and the time is over before the third
    ],
)
def test_samples_get_shorter_and_fewer_to_keep_to_the_time(tmp_path: Path, budget: float, sampled: float) -> None:
    source = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=50:d=8", "-c:v", "libx264", "-preset", "ultrafast", source)
    slow = _Slow()
    found = predict(slow, source, probe(source), Encoding(preset="ultrafast"), budget=budget, clock=slow.clock)
    assert found is not None
    assert found.sampled == pytest.approx(sampled, abs=0.01)


def test_no_prediction_where_the_first_frames_take_too_long(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=50:d=8", "-c:v", "libx264", "-preset", "ultrafast", source)
    assert predict(Transcoder(), source, probe(source), Encoding(preset="veryslow", crf=10), budget=0.001) is None


def test_a_video_that_cannot_be_sampled(tmp_path: Path) -> None:
    raw = tmp_path / "a.h264"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=1", "-c:v", "libx264", raw)
    assert probe(raw).duration is None
    assert predict(Transcoder(), raw, probe(raw), Encoding()) is None
    source = _noisy(tmp_path / "a.avi", 4)
    with pytest.raises(FfmpegFailed):
        predict(Transcoder(), source, probe(source), Encoding(preset="as well as can be"))
    info = probe(source)
    cut_off(source, source, keep=0.0001)
    with refused(NotAVideo, path=str(source), flaw=Flaw.UNKNOWN_FORMAT):
        predict(Transcoder(), source, info, Encoding())


def _sample(**given: float) -> EncodedSample:
    usual = {
        "length": 2,
        "frames": 50,
        "first": 10_000,
        "rest": 49_000,
        "audio": 32_000,
        "seconds": 1,
        "cpu_seconds": 2,
    }
    return EncodedSample(**{**usual, **given})  # type: ignore[arg-type]


def test_what_samples_add_up_to() -> None:
    found = predict_from([_sample()], 20, Encoding())  # 500 frames: 10 keyframes and 490 between them, of 1000 bytes
    assert found.size.likely == 10 * 10_000 + 490 * 1000 + 10 * 32_000
    assert (found.seconds.likely, found.cpu_seconds.likely, found.sampled) == (10, 20, 2)
    capped = predict_from([_sample()], 20, Encoding(max_kbit=100))
    assert capped.size.likely == pytest.approx(100 * 125 * 21.8 + 320_000)
    two = predict_from([_sample(), _sample(length=1, frames=25, rest=240_000, audio=0, seconds=2)], 20, Encoding())
    assert two.size.least < two.size.likely < two.size.most
    assert (two.seconds.least, two.seconds.most) == (10, 40)
    assert two.seconds.likely == pytest.approx(20)  # the longer sample counts twice


def test_what_every_encode_spends_once_is_counted_apart() -> None:
    """0.3 s to start and 0.5 s a second: a sample of 0.4 s takes 0.5 s, one of 2 s 1.3 s."""
    short, long = _sample(length=0.4, seconds=0.5, cpu_seconds=0.5), _sample(seconds=1.3, cpu_seconds=1.3)
    assert start_up(short, [long]) == pytest.approx((0.3, 0.3))
    assert predict_from([long], 100, Encoding(), (0.3, 0.3)).seconds.likely == pytest.approx(50.3)
    assert start_up(short, [_sample(length=0.5)]) == (0, 0)  # too alike to tell
    assert start_up(_sample(length=0.4, seconds=0.1, cpu_seconds=0.1), [long]) == (0, 0)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(1, [(0, 1)]), (6, [(0, 6)]), (12, [(1, 2), (5, 2), (9, 2)]), (60, [(9, 2), (29, 2), (49, 2)])],
)
def test_where_samples_are_taken(duration: int, expected: list[tuple[int, int]]) -> None:
    assert places(Fraction(duration), Fraction(2)) == [(Fraction(begin), Fraction(long)) for begin, long in expected]
