from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from reelmill.errors import FileMissing, NotAVideo
from reelmill.ffmpeg.reading.decode import WINDOW, check_whole, check_windows
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify.damage import fault
from reelmill.troubles import Flaw
from tests.clips import clip, cut_off, ffmpeg, hollow, overwritten, promising
from tests.ffmpeg.real_clips import REFUSED, rows
from tests.refusals import refused

_CONTAINERS = ("mp4", "mkv", "ts")
_FRONT = ("-movflags", "+faststart")

Check = Callable[[Path], DecodeReport]


def _windows(path: Path) -> DecodeReport:
    return check_windows(path, probe(path).duration)


_CHECKS = pytest.mark.parametrize("check", [check_whole, _windows], ids=["whole", "windows"])


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Twenty seconds in each container: long enough that windows are not the whole."""
    folder = tmp_path_factory.mktemp("clips")
    made = clip(folder / "clip.mp4", seconds=20, options=_FRONT)
    for kind in ("mkv", "ts"):
        ffmpeg("-i", made, "-c", "copy", folder / f"clip.{kind}")
    return {kind: folder / f"clip.{kind}" for kind in _CONTAINERS}


@pytest.mark.parametrize("kind", _CONTAINERS)
def test_a_good_file_whole(clips: dict[str, Path], kind: str) -> None:
    report = check_whole(clips[kind])
    assert (report.errors, report.frames, report.ordered, report.clean) == ((), 500, True, True)
    assert report.video_length == 20
    assert float(report.content or 0) == pytest.approx(20, abs=0.05)
    assert report.audio_frames > 700
    assert fault("clip", probe(clips[kind]), report) is None


@pytest.mark.parametrize("kind", _CONTAINERS)
def test_a_good_file_in_windows_is_read_in_places_and_reaches_the_end(clips: dict[str, Path], kind: str) -> None:
    report = _windows(clips[kind])
    assert (report.errors, report.ordered, report.clean) == ((), True, True)
    assert 100 < report.frames < 250
    assert report.video_length == 20
    assert fault("clip", probe(clips[kind]), report) is None


def test_a_short_file_in_windows_is_the_whole(tmp_path: Path) -> None:
    short = clip(tmp_path / "short.mp4", seconds=1)
    assert check_windows(short, Fraction(1)) == check_whole(short)


def test_a_length_nobody_knows_is_the_whole(clips: dict[str, Path]) -> None:
    assert check_windows(clips["mkv"], None).frames == 500


def test_progress_climbs_to_one(clips: dict[str, Path]) -> None:
    fractions: list[float] = []
    check_whole(clips["mp4"], on_progress=fractions.append)
    assert fractions[0] < 0.01
    assert fractions[-1] > 0.99
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert max(after - before for before, after in pairwise(fractions)) < 0.02


@_CHECKS
@pytest.mark.parametrize("kind", _CONTAINERS)
def test_random_bytes_in_the_middle(clips: dict[str, Path], tmp_path: Path, kind: str, check: Check) -> None:
    bad = overwritten(clips[kind], tmp_path / f"bad.{kind}", at=0.52, count=20_000)
    report = check(bad)
    assert not report.clean
    assert fault("bad", probe(bad), report)


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_an_error_names_its_time(clips: dict[str, Path], tmp_path: Path, kind: str) -> None:
    bad = overwritten(clips[kind], tmp_path / f"bad.{kind}", at=0.5, count=500)
    (error,) = check_whole(bad).errors[:1]
    assert " at 10." in error


@_CHECKS
@pytest.mark.parametrize("kind", _CONTAINERS)
@pytest.mark.parametrize("keep", [0.3, 0.5, 0.9])
def test_cut_off(clips: dict[str, Path], tmp_path: Path, kind: str, keep: float, check: Check) -> None:
    bad = cut_off(clips[kind], tmp_path / f"bad.{kind}", keep=keep)
    info, report = probe(bad), check(bad)
    promised = info.duration or Fraction(0)
    if kind == "ts":  # a stream has no header that promises anything: what is left is all there is
        assert abs(float(promised) - 20 * keep) < 0.5
        return
    assert promised >= 20
    assert float(report.content or 0) < 20 * keep + 0.5
    assert fault("bad", info, report)


@_CHECKS
@pytest.mark.parametrize("kind", _CONTAINERS)
def test_a_hole_in_the_middle(clips: dict[str, Path], tmp_path: Path, kind: str, check: Check) -> None:
    bad = hollow(clips[kind], tmp_path / f"bad.{kind}", start=0.3, end=0.6)
    assert not check(bad).clean


@_CHECKS
@pytest.mark.parametrize("length", [4, 20])
def test_a_container_that_promises_an_hour(tmp_path: Path, length: int, check: Check) -> None:
    source = clip(tmp_path / "source.mkv", seconds=length)
    liar = promising(source, tmp_path / "liar.mkv", seconds=3604)
    info, report = probe(liar), check(liar)
    assert info.duration == 3604
    assert report.content == length
    assert "3604.0 s and holds" in (fault("liar.mkv", info, report) or report.errors[0])


def test_empty_packets_are_what_players_skip(tmp_path: Path) -> None:
    """NUT is the container that hands an empty packet on; libavcodec calls it an invalid argument."""
    source, path = clip(tmp_path / "source.mp4", sound=0), tmp_path / "gap.nut"
    with av.open(str(source)) as plain, av.open(str(path), "w") as gap:
        stream = gap.add_stream_from_template(plain.streams.video[0])
        for index, packet in enumerate(plain.demux(video=0)):
            if packet.dts is None:
                continue
            kept: av.Packet[Any] = packet
            if index == 20:
                kept = av.Packet(b"")
                kept.pts, kept.dts, kept.time_base = packet.pts, packet.dts, packet.time_base
            kept.stream = stream
            gap.mux(kept)
    with av.open(str(path)) as written:
        assert [packet.size for packet in written.demux(video=0) if packet.pts is not None].count(0) == 1
    report = check_whole(path)
    assert report.errors == ()
    assert (report.frames, report.video_length) == (24, Fraction(1))


def test_frames_left_out_of_an_avi(tmp_path: Path) -> None:
    """The AVI muxer counts a frame of no bytes where one was left out."""
    path = tmp_path / "gap.avi"
    source = clip(tmp_path / "source.mp4", sound=0)
    ffmpeg(
        *("-i", source, "-vf", r"select=not(between(n\,10\,14))", "-fps_mode", "passthrough"),
        *("-c:v", "mpeg4", path),
    )
    assert probe(path).video.frames == 25
    report = check_whole(path)
    assert report.errors == ()
    assert (report.frames, report.video_length) == (20, Fraction(1))


def test_audio_is_checked_too(tmp_path: Path) -> None:
    good = clip(tmp_path / "good.mp4", options=["-c:a", "mp3", *_FRONT], sound=1)
    report = check_whole(good)
    assert report.errors == ()
    assert report.audio_frames > 30
    silent = check_whole(clip(tmp_path / "silent.mp4", sound=0))
    assert (silent.audio_frames, silent.audio_end) == (0, None)


def test_audio_that_outlasts_the_video_is_content(tmp_path: Path) -> None:
    picture, sound = clip(tmp_path / "p.mp4", sound=0), clip(tmp_path / "s.mp4", seconds=3)
    path = tmp_path / "long-sound.mp4"
    ffmpeg("-i", picture, "-i", sound, "-map", "0:v", "-map", "1:a", "-c", "copy", path)
    report = check_whole(path)
    assert report.video_length == 1
    assert float(report.content or 0) == pytest.approx(3, abs=0.05)


def test_a_subtitle_that_outlasts_everything_is_no_damage(tmp_path: Path) -> None:
    lines, path = tmp_path / "lines.srt", tmp_path / "film.mkv"
    lines.write_text("1\n00:00:07,000 --> 00:00:09,000\nlate\n")
    ffmpeg("-i", clip(tmp_path / "film.mp4"), "-i", lines, "-c", "copy", "-c:s", "srt", path)
    for report in (check_whole(path), _windows(path)):
        assert probe(path).duration == 9
        assert report.reach == 9
        assert float(report.content or 0) == pytest.approx(1, abs=0.05)
        assert fault("film.mkv", probe(path), report) is None


def test_a_clock_that_begins_late_is_no_damage(tmp_path: Path) -> None:
    """Matroska's length counts from zero, wherever the first frame stands."""
    path = tmp_path / "late.mkv"
    ffmpeg("-i", clip(tmp_path / "film.mp4"), "-c", "copy", "-output_ts_offset", "7", path)
    assert float(probe(path).duration or 0) == pytest.approx(8, abs=0.03)
    assert fault("late.mkv", probe(path), check_whole(path)) is None


def test_when_audio_begins_ends_and_is_missing(tmp_path: Path) -> None:
    """Priming and padding of AAC are no audio."""
    plain = clip(tmp_path / "plain.mp4", seconds=2, sound=1)
    (whole,) = check_whole(plain).audio
    assert whole is not None
    assert whole.start == 0
    assert whole.hole < 1e-6
    assert whole.end == pytest.approx(2, abs=0.001)
    gap = tmp_path / "gap.mkv"
    ffmpeg("-i", plain, "-c:v", "copy", "-c:a", "pcm_s16le", "-af", "aselect='not(between(t,0.5,1.2))'", gap)
    (holed,) = check_whole(gap).audio
    assert holed is not None
    assert holed.hole == pytest.approx(0.7, abs=0.05)
    assert holed.hole_at == pytest.approx(0.5, abs=0.05)


def test_variable_times_are_in_order(tmp_path: Path) -> None:
    path = tmp_path / "vfr.mp4"
    source = clip(tmp_path / "source.mp4", sound=0)
    ffmpeg("-i", source, "-vf", "setpts=N*N/TB/100", "-fps_mode", "vfr", "-enc_time_base", "1/1000", path)
    report = check_whole(path)
    assert report.ordered
    assert float(report.end or 0) > 5.7


def test_audio_only_and_missing(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", tmp_path / "song.mp4")
    with refused(NotAVideo, path=str(tmp_path / "song.mp4"), flaw=Flaw.NO_VIDEO_TRACK):
        check_whole(tmp_path / "song.mp4")
    with refused(FileMissing, path=str(tmp_path / "gone.mp4"), flaw=Flaw.ABSENT):
        check_whole(tmp_path / "gone.mp4")


def test_files_are_closed_again(clips: dict[str, Path], tmp_path: Path) -> None:
    bad = cut_off(clips["mp4"], tmp_path / "bad.mp4", keep=0.5)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(3):
        _windows(bad)
        check_whole(bad)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


_CLEAN = [row["file"] for row in rows() if "full decode clean" in row["notes"] and row["file"] not in REFUSED]
_FOUND_OUT = ("corrupt_middle.mp4", "corrupted.mp4", "truncated_faststart.mp4", "lost_packets.ts")


@pytest.mark.real_media
@pytest.mark.parametrize("name", _CLEAN, ids=lambda name: name[:40])
def test_a_clean_real_clip_is_clean(real_media: Path, name: str) -> None:
    path = real_media / name
    info = probe(path)
    checks: list[Check] = [check_whole] if name != "long1080.mp4" else []
    if (info.duration or 0) > 4 * WINDOW:  # shorter ones are read whole anyway
        checks.append(_windows)
    for check in checks:
        report = check(path)
        assert report.errors == ()
        assert report.ordered
        assert report.frames > 0
        assert fault(name, info, report) is None


@pytest.mark.real_media
@_CHECKS
@pytest.mark.parametrize("name", _FOUND_OUT)
def test_a_broken_real_clip_is_found_out(real_media: Path, name: str, check: Check) -> None:
    path = real_media / name
    sentence = fault(name, probe(path), check(path))
    assert sentence
    assert sentence.startswith(name)
