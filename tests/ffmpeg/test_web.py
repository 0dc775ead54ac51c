"""The verdict on real files: one that is web-ready, and the same with one thing wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands import web_copy
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.web_ready import Verdict, verdict, web_facts
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import clip, ffmpeg

_FAST = ("-movflags", "+faststart")


def _verdict(path: Path, max_kbit: int = 2000) -> Verdict:
    return verdict(probe(path), web_facts(path), max_kbit)


@pytest.mark.parametrize("tracks", [0, 1, 2])
@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_what_every_browser_plays_is_left_alone(tmp_path: Path, profile: str, tracks: int) -> None:
    path = clip(tmp_path / "a.mp4", seconds=2, sound=tracks, options=["-profile:v", profile, *_FAST])
    found = _verdict(path)
    assert found.action == "skip"
    assert found.why.startswith("already web-ready: H.264 ")
    assert ("AAC" in found.why) == bool(tracks)


@pytest.mark.parametrize(
    ("name", "options", "lacks"),
    [
        ("a.mp4", [], "its index stands at the end"),
        ("a.mkv", [], "its container is matroska"),
        ("a.mov", _FAST, "its container is mov"),
        ("a.flv", [], "its container is flv"),
        ("a.ts", [], "its container is mpegts"),
    ],
)
def test_only_the_container_is_wrong(tmp_path: Path, name: str, options: list[str], lacks: str) -> None:
    found = _verdict(clip(tmp_path / name, seconds=2, options=["-c:a", "aac", *options]))
    assert found.action == "remux"
    assert found.why.endswith(f"but {lacks}")


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("a.mp4", ["-c:v", "mpeg4"], "its video is mpeg4, not H.264"),
        ("a.mp4", ["-c:v", "libx265", "-x265-params", "log-level=error"], "its video is hevc, not H.264"),
        ("a.mp4", ["-pix_fmt", "yuv420p10le", "-preset", "medium"], "its H.264 profile is High 10"),
        ("a.mp4", ["-pix_fmt", "yuv444p"], "its H.264 profile is High 4:4:4 Predictive"),
        ("a.mp4", ["-pix_fmt", "yuvj420p", "-color_range", "pc"], "its colours are of full range (yuvj420p)"),
        ("a.mp4", ["-x264-params", "level=6.2"], "its H.264 level is 6.2"),
        ("a.mp4", ["-vf", "setsar=4/3"], "its pixels are not square (4:3)"),
        ("a.mp4", ["-x264-params", "interlaced=1", "-flags", "+ildct", "-field_order", "tt"], "it is interlaced"),
        ("a.mp4", ["-vf", "setparams=color_trc=smpte2084"], "it is HDR (pq)"),
        ("a.mp4", ["-c:a", "libmp3lame"], "its audio is mp3, not AAC"),
        ("a.mkv", ["-c:a", "libopus"], "its audio is opus, not AAC"),
        ("a.mp4", ["-ac", "8"], "its audio has 8 channels"),
        ("a.mp4", ["-ar", "96000"], "its audio has 96 kHz"),
        ("a.mp4", ["-x264-params", "level=5.2"], "its H.264 level is 5.2"),
        ("a.mp4", ["-bsf:v", "setts=ts=TS*10:duration=DURATION*10", "-g", "500"],
         "its keyframes stand up to 20 s apart"),
    ],
)  # fmt: skip
def test_one_thing_no_browser_is_sure_to_play(tmp_path: Path, name: str, options: list[str], why: str) -> None:
    found = _verdict(clip(tmp_path / name, seconds=2, options=[*options, *_FAST]))
    assert found.action == "encode"
    assert any(reason.startswith(why) for reason in found.reasons), found.reasons


def test_every_fault_is_named(tmp_path: Path) -> None:
    options = ["-vf", "scale=161:121,setsar=1", "-c:a", "libmp3lame"]
    odd = clip(tmp_path / "a.avi", seconds=2, codec="mpeg4", options=options)
    assert _verdict(odd).reasons == (
        "its video is mpeg4, not H.264", "its size, 161x121, is odd", "its audio is mp3, not AAC",
    )  # fmt: skip
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", clip(tmp_path / "b.mp4"), "-c", "copy", *_FAST, turned)
    assert _verdict(turned).why == "it is turned by 270 degrees"


def test_the_bit_rate_may_pass_the_wanted_one_by_a_tenth(tmp_path: Path) -> None:
    rate = ["-b:v", "1000k", "-minrate", "1000k", "-maxrate", "1000k", "-bufsize", "200k", "-x264-params",
            "nal-hrd=cbr:force-cfr=1"]  # fmt: skip
    path = clip(tmp_path / "a.mp4", seconds=20, size="640x360", options=[*rate, *_FAST])
    assert _verdict(path, 1000).action == "skip"
    assert _verdict(path, 850).action == "skip"  # a tenth, and 2 s of buffer over 20 s, are allowed
    found = _verdict(path, 800)
    assert found.action == "encode"
    assert found.why.endswith("kbit/s, and 800 (+10%) are wanted")


@pytest.mark.parametrize("kbit", [200, 2000])
def test_what_reencode_makes_is_ready_by_its_own_measure(tmp_path: Path, kbit: int) -> None:
    """Else it would be encoded in a loop wherever its record is lost; noise, since that uses all there is."""
    source, made = tmp_path / "noise.mkv", tmp_path / "made.mp4"
    noise = "testsrc2=s=320x240:r=25:d=3,noise=alls=60:allf=t"
    ffmpeg("-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", "sine=d=3", "-c:v", "ffv1", "-c:a", "flac", source)
    encoding = Encoding(max_kbit=kbit, preset="veryfast", crf=10)
    FfmpegRunner(find_ffmpeg()).run(web_copy.reencode(source, probe(source), made, encoding))
    assert _verdict(made, kbit).action == "skip"
    assert _verdict(made, kbit // 4).action == "encode"
