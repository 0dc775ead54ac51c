"""Cuts and fades where they are known to be, in clips made for it and in real ones."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reelmill.analysis.frames.time_ranges import TimeRange
from reelmill.analysis.scenes.cuts import cuts
from reelmill.analysis.scenes.fades import blends
from reelmill.analysis.scenes.transitions import Transitions, TransitionSearch, join, packed, scenes, unpacked
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import clip, cut_off, ffmpeg

#: Its ends and colours are else drawn at random.
DUSK = "gradients=s=320x180:r=25:x0=20:y0=30:x1=300:y1=150:c0=0xc04020:c1=0x2040a0"
#: Shots that have nothing in common.
SHOTS = [
    "testsrc2=s=320x180:r=25", "mandelbrot=s=320x180:r=25", "smptebars=s=320x180:r=25",
    "life=s=320x180:r=25:ratio=0.3:seed=5:mold=10", f"{DUSK}:speed=0.02",
]  # fmt: skip


def _found(path: Path, step: int | None = None) -> Transitions:
    info = probe(path)
    duration = math.ceil(info.duration or 0)
    starts = range(0, duration, step or duration)
    search = TransitionSearch(info.video.frame_rate)
    return join([search(TimeRange(str(path), first, min(first + (step or duration), duration))) for first in starts])


def _edited(path: Path, lengths: list[float], *options: str, fade: bool = False) -> Path:
    """Shots one after the other, hard or with cross-fades of a second."""
    inputs = [
        argument
        for shot, length in zip(SHOTS, lengths, strict=False)
        for argument in ("-f", "lavfi", "-t", str(length), "-i", shot)
    ]
    last, graph = "0:v", []
    if fade:
        at = 0.0
        for number, length in enumerate(lengths[:-1]):
            at += length - 1
            graph.append(f"[{last}][{number + 1}:v]xfade=duration=1:offset={at}[f{number}]")
            last = f"f{number}"
    else:
        graph.append("".join(f"[{n}:v]" for n in range(len(lengths))) + f"concat=n={len(lengths)}[f]")
        last = "f"
    ffmpeg(*inputs, "-filter_complex", ";".join(graph), "-map", f"[{last}]", "-pix_fmt", "yuv420p", *options, path)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", ["-c:v", "libx264", "-preset", "veryfast"]),
        ("b.mkv", ["-c:v", "libx264", "-g", "500", "-sc_threshold", "0", "-bf", "3"]),  # one keyframe
        ("c.ts", ["-c:v", "mpeg2video", "-q:v", "4", "-bf", "2"]),  # open GOPs, no index
        ("d.webm", ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "-8", "-b:v", "1M"]),
    ],
)
def test_cuts_are_found_to_the_frame(tmp_path: Path, name: str, options: list[str]) -> None:
    found = _found(_edited(tmp_path / name, [2.4, 1.6, 3.04, 1.0, 2.0], *options))
    wanted = [2.4, 4.0, 7.04, 8.04]
    assert [float(cut) for cut in found.cuts] == pytest.approx(wanted, abs=0.021)
    assert found.fades == ()


def test_fades_are_found_and_are_no_cuts(tmp_path: Path) -> None:
    found = _found(_edited(tmp_path / "a.mp4", [4, 4, 4], "-c:v", "libx264", "-preset", "veryfast", fade=True))
    assert found.cuts == ()
    assert len(found.fades) == 2
    for (begin, end), start in zip(found.fades, (3, 6), strict=True):
        assert start - 0.2 <= begin < end <= start + 1.2  # of a shot that moves fast the first part may be missed
        assert end - begin >= 0.4


def test_fades_between_still_shots_are_found_whole(tmp_path: Path) -> None:
    shots = ["smptebars=s=320x180:r=25", f"{DUSK}:speed=0.001", "testsrc=s=320x180:r=25"]
    inputs = [argument for shot in shots for argument in ("-f", "lavfi", "-t", "4", "-i", shot)]
    graph = "[0][1]xfade=duration=1:offset=3[a];[a][2]xfade=duration=1:offset=6"
    ffmpeg(*inputs, "-filter_complex", graph, "-pix_fmt", "yuv420p", tmp_path / "a.mp4")
    found = _found(tmp_path / "a.mp4")
    assert found.cuts == ()
    for (begin, end), start in zip(found.fades, (3, 6), strict=True):
        assert (float(begin), float(end)) == pytest.approx((start, start + 1), abs=0.13)


@pytest.mark.parametrize("step", [1, 3, 7])
def test_the_split_into_ranges_changes_nothing(tmp_path: Path, step: int) -> None:
    hard = _edited(tmp_path / "a.mp4", [2.4, 1.6, 3.04, 1.0, 2.0], "-c:v", "libx264", "-g", "40")
    soft = _edited(tmp_path / "b.mp4", [4, 4, 4], "-c:v", "libx264", "-g", "40", fade=True)
    for path in (hard, soft):
        assert _found(path, step) == _found(path)


@pytest.mark.parametrize(
    "filters",
    [
        "drawbox=color=white:t=fill:enable='between(mod(n,20),10,11)'",  # flashes of two frames
        "eq=brightness='0.25*mod(n,2)':eval=frame",  # flicker
        "noise=alls=40:all_seed=1:allf=t",  # grain
    ],
)
def test_flashes_flicker_and_grain_are_no_cuts(tmp_path: Path, filters: str) -> None:
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d=4,{filters}", "-c:v", "libx264", "-preset", "veryfast",
           "-pix_fmt", "yuv420p", tmp_path / "a.mp4")  # fmt: skip
    assert _found(tmp_path / "a.mp4") == Transitions((), ())


def test_a_fast_pan_and_a_change_of_light_are_neither(tmp_path: Path) -> None:
    view = "nullsrc=s=1600x180:r=25:d=4,geq='128+60*sin(X/37)*cos(Y/29)+40*sin(X*X/9000)':128:128"
    ffmpeg("-f", "lavfi", "-i", f"{view},crop=320:180:'300*t':0", "-c:v", "libx264", tmp_path / "pan.mp4")
    assert _found(tmp_path / "pan.mp4") == Transitions((), ())
    ffmpeg("-f", "lavfi", "-i", f"{view},crop=320:180:0:0,eq=brightness='-0.3+0.15*t':eval=frame", "-c:v", "libx264",
           tmp_path / "light.mp4")  # fmt: skip
    assert _found(tmp_path / "light.mp4") == Transitions((), ())


def test_files_with_next_to_nothing_in_them(tmp_path: Path) -> None:
    assert _found(clip(tmp_path / "one.mp4", seconds=0.04)) == Transitions((), ())
    assert _found(cut_off(clip(tmp_path / "a.mkv", seconds=4), tmp_path / "b.mkv", keep=0.4)) == Transitions((), ())


def test_of_no_frames_nothing_is_found() -> None:
    for count in (0, 1):
        luma = np.zeros((count, 12), np.float32)
        assert cuts(luma) == []
        assert blends(luma, [], Fraction(25)) == []


def test_what_is_kept_is_what_was_found() -> None:
    found = Transitions((Fraction(1001, 30000), Fraction(7, 2)), ((Fraction(5), Fraction(6)),))
    assert unpacked(packed(found)) == found


def test_scenes_cover_the_video_and_share_a_fade() -> None:
    found = Transitions((Fraction(2), Fraction(0)), ((Fraction(5), Fraction(6)),))
    bounds = [Fraction(0), Fraction(2), Fraction(11, 2), Fraction(9)]
    assert scenes(found, bounds[0], bounds[-1]) == list(pairwise(bounds))
    assert scenes(Transitions((), ()), bounds[0], bounds[1]) == [(bounds[0], bounds[1])]


@pytest.mark.real_media
@pytest.mark.parametrize("name", ["open_hard.mp4", "open_mixed.mp4", "../bbb_trailer_360p.webm"])
def test_real_cuts_are_found(real_media: Path, name: str) -> None:
    truth = json.loads((real_media / "cuts" / "cuts.json").read_text())[name]
    found = _found(real_media / "cuts" / name)
    soft = [(t["start"] - 0.2, t["end"] + 0.2) for t in truth["transitions"] if t["type"] != "hard"]
    hard = [t["t"] for t in truth["transitions"] if t["type"] == "hard"]
    found_there = [float(cut) for cut in found.cuts if not any(begin <= cut <= end for begin, end in soft)]
    hits = sum(any(abs(cut - at) <= 1.01 / truth["fps"] for cut in found_there) for at in hard)
    assert 2 * hits / (len(hard) + len(found_there)) >= 0.93
    fades = [(t["start"], t["end"]) for t in truth["transitions"] if t.get("transition") == "fade"]
    met = sum(any(begin < b and a < end for a, b in found.fades) for begin, end in fades)
    assert met >= 0.8 * len(fades)


@pytest.mark.real_media
@pytest.mark.parametrize("name", ["bottle-detection.mp4", "dog_eating.mp4", "chaplin.mp4", "flipping_a_pancake.mkv"])
def test_real_shots_without_a_cut_have_none(real_media: Path, name: str) -> None:
    assert _found(real_media / name) == Transitions((), ())


@pytest.mark.real_media
def test_real_files_of_all_kinds_are_answered(real_media: Path) -> None:
    for name in ("cursed-vfr.mp4", "one_frame.mp4", "lost_packets.ts", "interlaced_480i.mpg", "truncated_faststart.mp4",
                 "fixture2.3gp", "rotated_hdr_video.mov", "testWMV_WMV2.wmv", "theora_vorbis.ogv"):  # fmt: skip
        path = real_media / name
        assert _found(path, 2) == _found(path), name
