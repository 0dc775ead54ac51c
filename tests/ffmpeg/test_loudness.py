from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.ffmpeg.reading.audio.loudness import SILENCE, integrated_loudness
from tests.clips import clip, ffmpeg, overwritten


def _tone(path: Path, volume: str, layout: str) -> Path:
    ffmpeg("-f", "lavfi", "-i", "color=s=16x16:d=6", "-f", "lavfi",
           "-i", f"sine=frequency=997:duration=6:sample_rate=48000,volume={volume}dB,aformat=channel_layouts={layout}",
           "-c:v", "libx264", "-c:a", "pcm_s16le", "-shortest", path)  # fmt: skip
    return path


def test_the_reference_tone_of_the_standard(tmp_path: Path) -> None:
    # EBU Tech 3341, case 1: 1 kHz in both channels at -23 dBFS reads -23 LUFS. ffmpeg's sine peaks at -18.06 dBFS.
    assert integrated_loudness(_tone(tmp_path / "a.mkv", "-1.93", "stereo")) == pytest.approx(-23, abs=0.2)


def test_a_video_without_audio_and_one_of_silence_are_silent(tmp_path: Path) -> None:
    assert integrated_loudness(clip(tmp_path / "mute.mp4", sound=0)) == SILENCE
    assert integrated_loudness(_tone(tmp_path / "still.mkv", "-120", "mono")) <= SILENCE


def test_damage_does_not_end_the_measuring(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mp4", seconds=3)
    assert integrated_loudness(overwritten(whole, tmp_path / "b.mp4", at=0.5, count=300)) == pytest.approx(
        integrated_loudness(whole), abs=1.5
    )
