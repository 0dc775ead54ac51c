from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.demo_clips import DEMO_CLIPS, DemoClip, Scene, command, draw_clip, draw_clips, tiny_clip
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("samples")
    return {path.name: path for path in draw_clips(folder, FfmpegRunner(find_ffmpeg()))}


@pytest.mark.parametrize("clip", DEMO_CLIPS, ids=lambda clip: clip.name)
class TestDemoSamples:
    def test_what_comes_out_is_what_was_described(self, drawn: dict[str, Path], clip: DemoClip) -> None:
        path = drawn[clip.name]
        info, report = probe(path), check_whole(path)
        assert (info.video.width, info.video.height) == (clip.width, clip.height)
        assert info.audio_tracks == 1
        assert info.video.frame_rate is not None
        assert abs(info.video.frame_rate - clip.rate) < Fraction(1, 100)
        assert report.clean, report.errors
        assert report.ordered
        assert report.frames == sum(clip.frames)
        assert report.content is not None
        assert abs(report.content - clip.duration) < Fraction(1, 5)

    def test_every_cut_is_one_and_every_scene_moves(self, drawn: dict[str, Path], clip: DemoClip) -> None:
        change = _changes(drawn[clip.name])
        cuts = [sum(clip.frames[:count]) for count in range(1, len(clip.scenes))]
        for cut in cuts:
            calm = np.median(change[cut - 10 : cut - 1])
            assert change[cut - 1] > 25, f"{clip.name}: no cut at frame {cut}"
            assert change[cut - 1] > 1.5 * calm  # a scrolling texture changes much from frame to frame
        for scene, start, frames in zip(clip.scenes, [0, *cuts], clip.frames, strict=True):
            assert (change[start : start + frames - 1] > 0).mean() > 0.5, f"{scene.image} stands still"

    def test_every_scene_has_its_own_tone(self, drawn: dict[str, Path], clip: DemoClip) -> None:
        for scene, start in zip(clip.scenes, (Fraction(0), *clip.cuts), strict=True):
            heard = _loudest_tone(drawn[clip.name], float(start) + scene.seconds / 2)
            assert abs(heard - scene.tone) < 5


def _changes(path: Path) -> NDArray[np.float64]:
    """How much each frame differs from the one before it: mean of the absolute differences, 0 to 255."""
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
        samples = [
            block.to_ndarray()[0]
            for frame in container.decode(audio=0)
            if frame.time is not None and at <= frame.time < at + 1
            for block in resampler.resample(frame)
        ]
    wave = np.concatenate(samples)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(spectrum.argmax() * 8000 / len(wave))


def test_the_demo_library_is_a_mixed_one() -> None:
    assert len({clip.name for clip in DEMO_CLIPS}) == len(DEMO_CLIPS) >= 8
    assert len({Path(clip.name).suffix for clip in DEMO_CLIPS}) == 5
    assert {clip.width > clip.height for clip in DEMO_CLIPS} == {True, False}
    assert all(16 <= clip.duration <= 41 for clip in DEMO_CLIPS)
    assert all(len(clip.scenes) >= 3 for clip in DEMO_CLIPS)


def test_cuts_and_duration_are_exact() -> None:
    clip = DemoClip("a.mp4", 64, 64, Fraction(30000, 1001), (Scene("clock", 1, 440), Scene("bars", 2, 220)))
    assert clip.frames == (30, 60)
    assert clip.cuts == (Fraction(1001, 1000),)
    assert clip.duration == Fraction(3003, 1000)


def test_command_is_pure_and_names_the_target_as_a_file() -> None:
    clip = DEMO_CLIPS[0]
    arguments = command(clip, Path("-x:y.mp4"))
    assert arguments == command(clip, Path("-x:y.mp4"))
    assert arguments[-1] == "file:-x:y.mp4"


@pytest.mark.parametrize(
    ("name", "codec", "probed"),
    [("a.mp4", "libx264", "h264"), ("a.webm", "libvpx", "vp8"), ("a.avi", "mpeg4", "mpeg4")],
)
def test_tiny(tmp_path: Path, name: str, codec: str, probed: str) -> None:
    path = draw_clip(tmp_path, tiny_clip(name, codec=codec, size=(160, 120)))
    info = probe(path)
    assert (info.video.codec, info.video.width, info.video.height) == (probed, 160, 120)
    assert info.audio_tracks == 1
    assert check_whole(path).frames == 25


def test_tiny_without_audio(tmp_path: Path) -> None:
    path = draw_clip(tmp_path, tiny_clip("silent.mkv", seconds=2, rate=Fraction(10), audio=False))
    assert probe(path).audio_tracks == 0
    assert check_whole(path).frames == 20
