from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.run import FfmpegRunner
from reelmill.ffmpeg.samples import DEMO_SAMPLES, Sample, Scene, command, make_samples, tiny


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("samples")
    return {path.name: path for path in make_samples(folder, FfmpegRunner(find_ffmpeg()))}


@pytest.mark.parametrize("sample", DEMO_SAMPLES, ids=lambda sample: sample.name)
class TestDemoSamples:
    def test_what_comes_out_is_what_was_described(self, drawn: dict[str, Path], sample: Sample) -> None:
        path = drawn[sample.name]
        info, report = probe(path), check_whole(path)
        assert (info.video.width, info.video.height) == (sample.width, sample.height)
        assert info.audio_tracks == 1
        assert info.video.frame_rate is not None
        assert abs(info.video.frame_rate - sample.rate) < Fraction(1, 100)
        assert report.clean, report.errors
        assert report.ordered
        assert report.frames == sum(sample.frames)
        assert report.content is not None
        assert abs(report.content - sample.duration) < Fraction(1, 5)

    def test_every_cut_is_one_and_every_scene_moves(self, drawn: dict[str, Path], sample: Sample) -> None:
        change = _changes(drawn[sample.name])
        cuts = [sum(sample.frames[:count]) for count in range(1, len(sample.scenes))]
        for cut in cuts:
            calm = np.median(change[cut - 10 : cut - 1])
            assert change[cut - 1] > 25, f"{sample.name}: no cut at picture {cut}"
            assert change[cut - 1] > 1.5 * calm  # a scrolling texture changes much from picture to picture
        for scene, start, frames in zip(sample.scenes, [0, *cuts], sample.frames, strict=True):
            assert (change[start : start + frames - 1] > 0).mean() > 0.5, f"{scene.picture} stands still"

    def test_every_scene_has_its_own_tone(self, drawn: dict[str, Path], sample: Sample) -> None:
        for scene, start in zip(sample.scenes, (Fraction(0), *sample.cuts), strict=True):
            heard = _loudest_tone(drawn[sample.name], float(start) + scene.seconds / 2)
            assert abs(heard - scene.tone) < 5


def _changes(path: Path) -> NDArray[np.float64]:
    """How much each picture differs from the one before it: mean of the absolute differences, 0 to 255."""
    with av.open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        small = [
            frame.to_ndarray(width=64, height=64, format="rgb24").astype(np.float64)
            for frame in container.decode(video=0)
        ]
    return np.array([np.abs(after - before).mean() for before, after in pairwise(small)])


def _loudest_tone(path: Path, at: float) -> float:
    """Hertz of the strongest tone in the second from ``at``."""
    with av.open(path) as container:
        resampler = av.AudioResampler("fltp", "mono", 8000)
        parts = [
            part.to_ndarray()[0]
            for frame in container.decode(audio=0)
            if frame.time is not None and at <= frame.time < at + 1
            for part in resampler.resample(frame)
        ]
    wave = np.concatenate(parts)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(spectrum.argmax() * 8000 / len(wave))


def test_the_demo_library_is_a_mixed_one() -> None:
    assert len({sample.name for sample in DEMO_SAMPLES}) == len(DEMO_SAMPLES) >= 8
    assert len({Path(sample.name).suffix for sample in DEMO_SAMPLES}) == 5
    assert {sample.width > sample.height for sample in DEMO_SAMPLES} == {True, False}
    assert all(16 <= sample.duration <= 41 for sample in DEMO_SAMPLES)
    assert all(len(sample.scenes) >= 3 for sample in DEMO_SAMPLES)


def test_cuts_and_duration_are_exact() -> None:
    sample = Sample("a.mp4", 64, 64, Fraction(30000, 1001), (Scene("clock", 1, 440), Scene("bars", 2, 220)))
    assert sample.frames == (30, 60)
    assert sample.cuts == (Fraction(1001, 1000),)
    assert sample.duration == Fraction(3003, 1000)


def test_command_is_pure_and_names_the_target_as_a_file() -> None:
    sample = DEMO_SAMPLES[0]
    arguments = command(sample, Path("-x:y.mp4"))
    assert arguments == command(sample, Path("-x:y.mp4"))
    assert arguments[-1] == "file:-x:y.mp4"


@pytest.mark.parametrize(
    ("name", "codec", "probed"),
    [("a.mp4", "libx264", "h264"), ("a.webm", "libvpx", "vp8"), ("a.avi", "mpeg4", "mpeg4")],
)
def test_tiny(tmp_path: Path, name: str, codec: str, probed: str) -> None:
    path = tiny(tmp_path, name, codec=codec, width=160, height=120)
    info = probe(path)
    assert (info.video.codec, info.video.width, info.video.height) == (probed, 160, 120)
    assert info.audio_tracks == 1
    assert check_whole(path).frames == 25


def test_tiny_without_sound(tmp_path: Path) -> None:
    path = tiny(tmp_path, "quiet.mkv", seconds=2, rate=Fraction(10), audio=False)
    assert probe(path).audio_tracks == 0
    assert check_whole(path).frames == 20
