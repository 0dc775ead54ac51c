from __future__ import annotations

import tempfile
import time
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.errors import FfmpegFailed, InputError
from reelmill.ffmpeg import build
from reelmill.ffmpeg.build import H264
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.sampling import Piece, Prediction, places, predict_from, sample, start_up
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.report import Silent
from tests.clips import cut_off, ffmpeg


def _noisy(path: Path, seconds: int, *, strength: int = 8, gop: int = 50) -> Path:
    """Moves, and has the grain of a camera: as hard to encode at its start as at its end."""
    pictures = f"testsrc2=s=320x240:r=25:d={seconds},noise=alls={strength}:allf=t"
    sound = f"anoisesrc=d={seconds}:a=0.1:seed=1"
    ffmpeg("-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound, "-c:v", "mpeg4", "-q:v", "2", "-g", str(gop),
           "-c:a", "libmp3lame", path)  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("name", "strength", "h264"),
    [
        ("free.avi", 8, H264(preset="veryfast")),
        ("at the ceiling.mkv", 30, H264(preset="ultrafast", max_kbit=300)),
        ("smooth.mkv", 0, H264(preset="veryfast", crf=30)),
    ],
    ids=["as much as it needs", "at the ceiling", "smooth"],
)
def test_the_size_is_foretold_within_a_third(tmp_path: Path, name: str, strength: int, h264: H264) -> None:
    transcoder = Transcoder()
    source, made = _noisy(tmp_path / name, 24, strength=strength), tmp_path / "made.mp4"
    info = probe(source)
    found = sample(transcoder, source, info, h264)
    assert found is not None
    true = transcoder.encode(lambda way: build.reencode(source, info, made, way), h264, Silent())
    size = made.stat().st_size
    assert 0.65 < found.size.likely / size < 1.35
    assert found.size.least <= found.size.likely <= found.size.most
    assert 0.4 < found.cpu_seconds.likely / true.cpu_seconds < 2.5
    assert found.sampled == pytest.approx(6)


def test_what_stands_still_costs_its_keyframes(tmp_path: Path) -> None:
    """Each piece begins with one, and the whole has one every 10 s: they weigh five times less there."""
    source, made, transcoder = tmp_path / "still.mkv", tmp_path / "made.mp4", Transcoder()
    ffmpeg("-f", "lavfi", "-i", "color=gray:s=320x240:r=25:d=30,noise=alls=60", "-c:v", "ffv1", source)
    info, h264 = probe(source), H264(preset="veryfast")
    found = sample(transcoder, source, info, h264)
    assert found is not None
    transcoder.encode(lambda way: build.reencode(source, info, made, way), h264, Silent())
    assert 0.65 < found.size.likely / made.stat().st_size < 1.35


def test_a_short_video_is_encoded_whole(tmp_path: Path) -> None:
    source, made = _noisy(tmp_path / "a.avi", 3), tmp_path / "made.mp4"
    h264, info, transcoder = H264(preset="veryfast"), probe(source), Transcoder()
    found = sample(transcoder, source, info, h264)
    assert found is not None
    transcoder.encode(lambda way: build.reencode(source, info, made, way), h264, Silent())
    assert found.size.likely == pytest.approx(made.stat().st_size, rel=0.1)
    assert found.size.least == found.size.most == found.size.likely
    assert found.sampled == pytest.approx(3, abs=0.1)


def test_a_range_tells_that_a_video_changes(tmp_path: Path) -> None:
    calm, wild = "color=gray:s=320x240:r=25:d=8", "testsrc2=s=320x240:r=25:d=16,noise=alls=40:allf=t"
    source = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", calm, "-f", "lavfi", "-i", wild, "-filter_complex", "concat=n=2", "-c:v", "mpeg4",
           "-q:v", "2", source)  # fmt: skip
    found = sample(Transcoder(), source, probe(source), H264(preset="ultrafast"))
    assert found is not None
    assert found.size.most > 20 * found.size.least


def test_nothing_is_written_where_the_video_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    (tmp_path / "library").mkdir()
    source = _noisy(tmp_path / "library" / "a.avi", 8)
    before = source.stat()
    assert sample(Transcoder(), source, probe(source), H264(preset="ultrafast")) is not None
    assert [path.name for path in source.parent.iterdir()] == ["a.avi"]
    assert source.stat() == before or source.stat().st_mtime_ns == before.st_mtime_ns
    assert list(aside.iterdir()) == []


def test_it_keeps_to_its_time(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=50:d=8", "-c:v", "libx264", "-preset", "ultrafast", source)
    info, slow = probe(source), H264(preset="veryslow", crf=10)

    def timed(budget: float) -> tuple[Prediction | None, float]:
        begun = time.monotonic()
        return sample(Transcoder(), source, info, slow, budget=budget), time.monotonic() - begun

    unhurried, seconds = timed(100)
    assert unhurried is not None
    assert unhurried.sampled == 6
    hurried, less = timed(seconds / 3)
    assert hurried is not None
    assert hurried.sampled < 4  # shorter or fewer pieces
    assert less < seconds
    assert timed(0.02)[0] is None  # not even the first pictures


def test_a_video_that_cannot_be_sampled(tmp_path: Path) -> None:
    raw = tmp_path / "a.h264"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=1", "-c:v", "libx264", raw)
    assert probe(raw).duration is None
    assert sample(Transcoder(), raw, probe(raw), H264()) is None
    source = _noisy(tmp_path / "a.avi", 4)
    with pytest.raises(FfmpegFailed):
        sample(Transcoder(), source, probe(source), H264(preset="as well as can be"))
    info = probe(source)
    cut_off(source, source, keep=0.0001)
    with pytest.raises(InputError, match=r"a\.avi"):
        sample(Transcoder(), source, info, H264())


def _piece(**given: float) -> Piece:
    usual = {
        "length": 2,
        "frames": 50,
        "first": 10_000,
        "rest": 49_000,
        "audio": 32_000,
        "seconds": 1,
        "cpu_seconds": 2,
    }
    return Piece(**{**usual, **given})  # type: ignore[arg-type]


def test_what_pieces_add_up_to() -> None:
    found = predict_from([_piece()], 20, None)  # 500 pictures: 2 keyframes and 498 between them, of 1000 bytes
    assert found.size.likely == 2 * 10_000 + 498 * 1000 + 10 * 32_000
    assert (found.seconds.likely, found.cpu_seconds.likely, found.sampled) == (10, 20, 2)
    capped = predict_from([_piece()], 20, 100)
    assert capped.size.likely == pytest.approx(100 * 125 * 21.8 + 320_000)
    two = predict_from([_piece(), _piece(length=1, frames=25, rest=240_000, audio=0, seconds=2)], 20, None)
    assert two.size.least < two.size.likely < two.size.most
    assert (two.seconds.least, two.seconds.most) == (10, 40)
    assert two.seconds.likely == pytest.approx(20)  # the longer piece counts twice


def test_what_every_encode_spends_once_is_told_apart() -> None:
    """0.3 s to start and 0.5 s a second: a piece of 0.4 s takes 0.5 s, one of 2 s 1.3 s."""
    short, long = _piece(length=0.4, seconds=0.5, cpu_seconds=0.5), _piece(seconds=1.3, cpu_seconds=1.3)
    assert start_up(short, [long]) == pytest.approx((0.3, 0.3))
    assert predict_from([long], 100, None, (0.3, 0.3)).seconds.likely == pytest.approx(50.3)
    assert start_up(short, [_piece(length=0.5)]) == (0, 0)  # too alike to tell
    assert start_up(_piece(length=0.4, seconds=0.1, cpu_seconds=0.1), [long]) == (0, 0)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(1, [(0, 1)]), (6, [(0, 6)]), (12, [(1, 2), (5, 2), (9, 2)]), (60, [(9, 2), (29, 2), (49, 2)])],
)
def test_where_pieces_are_taken(duration: int, expected: list[tuple[int, int]]) -> None:
    assert places(Fraction(duration), Fraction(2)) == [(Fraction(begin), Fraction(long)) for begin, long in expected]
