"""Films of 24 frames a second that were telecined: which are, and that their own frames are had back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands.web_copy import reencode
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.frames.telecine import telecined, with_telecine
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.web_copies.copy_changes import changed
from tests.clips import ffmpeg

_FILM = [(3.0, 3.0), (0.1, 2.7), (2.7, 3.2), (3.2, 0.0), (3.3, 3.3)] * 6
_SHOT = [(2.3, 2.4), (2.1, 2.0), (2.6, 2.6)] * 10
_STILL = [(0.01, 0.01)] * 30


@pytest.mark.parametrize(
    ("windows", "wanted"),
    [
        ([_FILM, _FILM], True),
        ([_FILM, _FILM[2:] + _FILM[:2]], True),  # the cadence begins elsewhere
        ([_FILM, _STILL, _FILM], True),
        ([_FILM, _SHOT, _FILM], False),
        ([_FILM, _FILM[:12] + _FILM[14:] + _FILM[:2]], False),  # it was cut after it was telecined
        ([_STILL, _STILL, _FILM], False),  # too little to be certain
        ([_SHOT], False),
        ([], False),
    ],
)
def test_a_film_is_what_is_in_cadence_wherever_it_moves(windows: list[list[tuple[float, float]]], wanted: bool) -> None:
    assert telecined(windows) == wanted


@pytest.mark.parametrize("first", ["top", "bottom"])
def test_the_frames_of_the_film_are_had_back(tmp_path: Path, first: str) -> None:
    film, source, copy = tmp_path / "film.mkv", tmp_path / "source.mkv", tmp_path / "copy.mp4"
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=24000/1001:duration=3")
    laced = f"telecine=first_field={first},setfield={first[0]}ff"
    ffmpeg(*pattern, "-c:v", "ffv1", "-pix_fmt", "yuv420p", film)
    fields = ("-flags", "+ildct+ilme", "-x264-params", f"{first[0]}ff=1:crf=10")
    ffmpeg("-i", film, "-vf", laced, "-c:v", "libx264", *fields, source)
    info = with_telecine(source, probe(source))
    assert info.video.telecined
    assert any("telecine is undone" in change for change in changed(info, Encoding()))
    FfmpegRunner(find_ffmpeg()).run(reencode(source, info, copy, Encoding(crf=5)))
    with av.open(str(film)) as before, av.open(str(copy)) as after:
        wanted, got = (list(container.decode(video=0)) for container in (before, after))
    assert len(got) == len(wanted)
    assert [frame.time for frame in got] == pytest.approx([frame.time for frame in wanted], abs=0.002)
    for one, other in zip(wanted, got, strict=True):
        luma = [np.asarray(frame.to_ndarray(format="gray"), float) for frame in (one, other)]
        assert np.abs(luma[0] - luma[1]).mean() < 3
    assert not with_telecine(source, replace(info, video=replace(info.video, interlaced=False))).video.interlaced
