"""The signals of clips whose content is known."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reelmill.analysis.frames.time_ranges import TimeRange
from reelmill.analysis.scoring.audio_signals import SILENCE
from reelmill.analysis.scoring.scoring import scores
from reelmill.analysis.scoring.signals import Signals, join, measure
from reelmill.errors import PlatformError
from reelmill.ffmpeg.reading.seeking import seek_points
from tests.clips import clip, ffmpeg, promising
from tests.refusals import refused


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds each: a still grey frame in silence, moving bars with a loud tone, black, a slow red fade."""
    path = tmp_path_factory.mktemp("story") / "story.mp4"
    scenes = ["color=gray:s=160x120:r=25:d=5", "testsrc2=s=160x120:r=25:d=5",
             "color=black:s=160x120:r=25:d=5", "color=red:s=160x120:r=25:d=5"]  # fmt: skip
    sound = "aevalsrc='if(between(t,5,10),0.5*sin(880*t),0)':d=20"
    inputs = [argument for scene in scenes for argument in ("-f", "lavfi", "-i", scene)]
    joined = "[0][1][2][3]concat=n=4[v]"
    ffmpeg(*inputs, "-f", "lavfi", "-i", sound, "-filter_complex", joined, "-map", "[v]", "-map", "4:a",
           "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", path)  # fmt: skip
    return path


def _measured(path: Path, seconds: int, step: int) -> Signals:
    return join([measure(TimeRange(str(path), first, min(first + step, seconds))) for first in range(0, seconds, step)])


def _assert_equal(split: Signals, whole: Signals) -> None:
    for field in fields(Signals):
        # An audio decoder that starts elsewhere rounds the last bit of a float differently.
        leeway = 0.01 if field.name in ("loudness", "pauses", "voicing") else 0
        np.testing.assert_allclose(
            getattr(split, field.name), getattr(whole, field.name), rtol=0, atol=leeway, err_msg=field.name
        )


def test_signals_show_what_is_there(story: Path) -> None:
    signals = _measured(story, 20, 20)
    assert len(signals) == 20
    assert signals.motion[1:5].max() < 0.01 < signals.motion[6:10].min()
    assert signals.brightness[10:15].max() < 20 < signals.brightness[0:5].min()
    assert signals.sharpness[6:10].min() > 100 * signals.sharpness[0:5].max()
    assert signals.colourfulness[15:].min() > signals.colourfulness[0:5].max() + 20
    assert signals.loudness[6:9] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.5)
    assert signals.loudness[[0, 1, 2, 12, 17]].max() < -60
    assert scores(signals)[6:9].min() > scores(signals)[[1, 2, 3, 11, 12, 13]].max()
    assert np.flatnonzero(signals.black).tolist() == [10, 11, 12, 13, 14]
    assert np.flatnonzero(signals.frozen).tolist() == [1, 2, 3, 4, 11, 12, 13, 14, 16, 17, 18, 19]
    assert not signals.silent[5:10].any()
    assert signals.silent[[1, 2, 3, 12, 17]].all()
    blue, green, red = signals.looks[17].reshape(16, 3).T
    assert red.min() > 0.9
    assert max(blue.max(), green.max()) < 0.1
    assert not signals.faces.any()


@pytest.mark.parametrize("step", [1, 3, 7, 19])
def test_the_split_into_ranges_changes_nothing(story: Path, step: int) -> None:
    _assert_equal(_measured(story, 20, step), _measured(story, 20, 20))


def test_no_audio_is_silence_everywhere(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=2:s=160x120", tmp_path / "mute.mp4")
    assert (_measured(tmp_path / "mute.mp4", 2, 2).loudness == SILENCE).all()


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_eight_channels_are_heard(tmp_path: Path, codec: str) -> None:
    """As many planes as a frame has room for."""
    tones = "|".join(["0.5*sin(880*PI*t)"] * 8)
    path = tmp_path / "surround.mkv"
    video_graph, sound = "testsrc2=d=2:s=160x120:r=10", f"aevalsrc={tones}:d=2:s=48000:c=7.1"
    ffmpeg(*("-f", "lavfi", "-i", video_graph, "-f", "lavfi", "-i", sound),
           *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", codec, path))  # fmt: skip
    assert _measured(path, 2, 2).loudness == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1.5)


def test_a_slide_show_keeps_its_last_frame(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=white:d=10:r=1/5:s=160x120", "-c:v", "libx264", tmp_path / "slides.mp4")
    assert _measured(tmp_path / "slides.mp4", 10, 10).brightness.min() > 200


@pytest.mark.parametrize("step", [3, 7])
def test_a_slide_show_is_not_black_where_a_range_begins_between_slides(tmp_path: Path, step: int) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=20:r=1/5:s=160x120", "-c:v", "libx264", tmp_path / "slides.mp4")
    _assert_equal(_measured(tmp_path / "slides.mp4", 20, step), _measured(tmp_path / "slides.mp4", 20, 20))
    assert _measured(tmp_path / "slides.mp4", 20, step).brightness.min() > 50


@pytest.mark.parametrize(("name", "codec"), [("a.ts", "mpeg2video"), ("a.mpg", "mpeg2video"), ("h.ts", "libx264")])
def test_a_file_without_an_index_splits_anywhere(tmp_path: Path, name: str, codec: str) -> None:
    clip(tmp_path / name, seconds=12, codec=codec, gop=40, options=["-bf", "2"])
    whole = _measured(tmp_path / name, 12, 12)
    for step in (1, 7):
        _assert_equal(_measured(tmp_path / name, 12, step), whole)


def test_the_frame_on_show_is_found_without_decoding(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=20:r=1/5:s=160x120", "-c:v", "libx264", tmp_path / "slides.mp4")
    found_points = seek_points(tmp_path / "slides.mp4", [Fraction(n) for n in (0, 4, 5, 7, 12, 19)])
    assert [seek_point.shown for seek_point in found_points] == [0, 0, 5, 5, 10, 15]
    clip(tmp_path / "a.ts", seconds=6, gop=40, options=["-bf", "2"])
    (found,) = seek_points(tmp_path / "a.ts", [Fraction(31, 10)])
    assert 0 <= Fraction(31, 10) - found.shown < Fraction(1, 25)


def test_what_a_container_only_promises_is_not_there(tmp_path: Path) -> None:
    path = promising(clip(tmp_path / "short.mkv", seconds=4), tmp_path / "long.mkv", seconds=200)
    signals = _measured(path, 200, 60)
    assert signals.shown[:4].all()
    assert 4 <= signals.content <= 5
    _assert_equal(_measured(path, 200, 7), signals)
    assert len(signals.until(4)) == 4


def test_what_an_earlier_version_measured_is_refused_and_not_joined() -> None:
    """As a node of before there were title cards sends it: unpickling calls no constructor."""
    old = Signals(**{field.name: np.zeros(2, np.float32) for field in fields(Signals)})
    del vars(old)["title_card"]
    with refused(PlatformError):
        join([old])


def test_black_blurred_and_title_card_seconds_count_little() -> None:
    same = np.linspace(0.2, 1, 20, dtype=np.float32)
    plain = Signals(
        motion=same,
        sharpness=np.full(20, 100, np.float32),
        brightness=np.full(20, 128, np.float32),
        colourfulness=same,
        loudness=np.linspace(-40, -10, 20, dtype=np.float32),
        pauses=same,
        voicing=same,
        shown=np.ones(20, np.float32),
        stir=same,
        dark=np.zeros(20, np.float32),
        faces=np.zeros(20, np.float32),
        title_card=np.zeros(20, np.float32),
        looks=np.zeros((20, 48), np.float32),
    )
    usual = scores(plain)
    sharpness, dark, shown, titles = (
        getattr(plain, name).copy() for name in ("sharpness", "dark", "shown", "title_card")
    )
    sharpness[17], dark[18], shown[19], titles[15] = 5, 1, 0, 1
    marred = scores(replace(plain, sharpness=sharpness, dark=dark, shown=shown, title_card=titles))
    assert marred[17] < 0.7 * marred[16]
    assert marred[18] < 0.2 * usual[18]
    assert marred[19] == 0
    assert marred[15] < 0.2 * usual[15]
    assert marred[15] < marred[14] < 0.7 * marred[13]  # the cut to the title card falls into it


@pytest.mark.real_media
@pytest.mark.parametrize(
    ("name", "share"),
    [("asl_eat.mkv", 1.0), ("asl_again.mkv", 0.5), ("bottle-detection.mp4", 0.0), ("flower.mp4", 0.0)],
)
def test_faces_are_counted_where_they_are(real_media: Path, name: str, share: float) -> None:
    found = _measured(real_media / name, 2, 2).faces > 0
    assert found.mean() == 0 if share == 0 else found.mean() >= share


@pytest.mark.real_media
@pytest.mark.parametrize(
    "name",
    [
        "friday.mp4",
        "flower.webm",
        "video_with_rectangular_samples.mp4",
        "chaplin.mp4",
        "bbb_2500ms_mpeg2.ts",  # seeks land late
        "interlaced_480i.mpg",
        "cursed-vfr.mp4",  # a frame of 1.6 s
        "fixture2.3gp",  # audio without times
        "testWMV_WMV2.wmv",
        "truncated_faststart.mp4",  # an index of more than there is
    ],
)
def test_real_audio_and_frames_split_anywhere(real_media: Path, name: str) -> None:
    _assert_equal(_measured(real_media / name, 9, 2), _measured(real_media / name, 9, 9))
