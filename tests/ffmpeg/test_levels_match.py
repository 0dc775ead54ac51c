"""What the levels of two audio tracks say: pure judgement, and the meter it stands on."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.audio.audio_levels import Levels
from reelmill.ffmpeg.reading.audio.audio_samples import samples_of
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_request import DecodeRequest
from reelmill.ffmpeg.verify.matches.levels_match import level_faults
from tests.clips import ffmpeg
from tests.refusals import data_of

Curve = NDArray[np.float64]

_STEPS = 300
_TIME = np.arange(_STEPS) / 10
#: Levels of two channels in dB that take turns, in a room that is never quite still.
_LEFT, _RIGHT = -20 + 6 * np.sin(_TIME), -20 + 6 * np.cos(0.7 * _TIME)
_NOISE = np.random.default_rng(2).normal(0, 0.5, (2, _STEPS))
_ROOM, _NOTHING = np.full(_STEPS, -70.0), np.full(_STEPS, -120.0)


def _levels(*channels: Curve, names: tuple[str, ...] = ("FL", "FR")) -> Levels:
    return Levels("stereo", names, 0, tuple(array("f", 10 ** (one / 10)) for one in channels))


def _between(curve: Curve, begin: float, end: float, level: float = -120) -> Curve:
    return np.where((begin <= _TIME) & (end > _TIME), level, curve)


def _about(value: float) -> Any:
    return pytest.approx(value, abs=0.01)


_SOURCE = (_LEFT, _RIGHT)
#: A copy's channels, by how much it was to be changed, what is found.
_CASES: dict[str, tuple[tuple[Curve, ...], float | None, list[dict[str, Any]]]] = {
    "the same": (_SOURCE, 0, []),
    "coded": ((_LEFT + _NOISE[0], _RIGHT + _NOISE[1]), 0, []),
    "half a step late": ((np.interp(_TIME - 0.05, _TIME, _LEFT), np.interp(_TIME - 0.05, _TIME, _RIGHT)), 0, []),
    "levelled by a person": ((_LEFT - 9, _RIGHT - 9), 0, []),
    "made louder": ((_LEFT + 18, _RIGHT + 18), 18, []),
    "muted": (
        (_between(_LEFT, 11, 20), _between(_RIGHT, 11, 20)),
        0,
        [{"kind": "muted", "at": _about(11), "until": _about(20)}],
    ),
    "silent": ((_NOTHING, _NOTHING), 0, [{"kind": "silent"}]),
    "too quiet": ((_LEFT - 40, _RIGHT - 40), 0, [{"kind": "quieter", "got": _about(-40), "limit": 30}]),
    "rather quiet": ((_LEFT - 15, _RIGHT - 15), 0, [{"kind": "quieter", "got": _about(-15), "limit": 12}]),
    "not made louder": (_SOURCE, 18, [{"kind": "quieter", "got": _about(-18), "limit": 12}]),
    "swapped": ((_RIGHT, _LEFT), 0, [{"kind": "swapped_channels", "channels": ["left", "right"]}]),
    "a dead channel": ((_LEFT, _NOTHING), 0, [{"kind": "dead_channel", "channels": ["right"]}]),
    "one channel muted": (
        (_between(_LEFT, 5, 8), _RIGHT),
        0,
        [{"kind": "muted_channel", "channels": ["left"], "at": _about(5), "until": _about(8)}],
    ),
    "a click of silence": ((_between(_LEFT, 5, 5.2), _between(_RIGHT, 5, 5.2)), 0, []),
}


@pytest.mark.parametrize("name", _CASES)
def test_a_copy(name: str) -> None:
    channels, gain, found = _CASES[name]
    faults = level_faults((_levels(*_SOURCE), 0.0), (_levels(*channels), 0.0), 30.0, 0.0, gain)
    assert [data_of(fault) for fault in faults] == found


def test_what_was_silent_may_be_so() -> None:
    for quiet in (_NOTHING, _ROOM):
        assert not list(level_faults((_levels(quiet, quiet), 0.0), (_levels(_NOTHING, _NOTHING), 0.0), 30, 0))


def test_of_less_than_a_step_nothing_is_reported() -> None:
    assert not list(level_faults((_levels(*_SOURCE), 0.0), (_levels(_NOTHING, _NOTHING), 0.0), 0.05, 0))


def test_channels_of_other_names_are_compared_together_only() -> None:
    other = _levels(_RIGHT, _LEFT, names=("BL", "FC"))
    assert not list(level_faults((_levels(*_SOURCE), 0.0), (other, 0.0), 30.0, 0.0))


def test_times_are_those_of_people() -> None:
    late = Levels("stereo", ("FL", "FR"), 50, tuple(array("f", 10 ** (one / 10)) for one in _SOURCE))
    muted = _levels(*(_between(one, 11, 20) for one in _SOURCE))
    (found,) = level_faults((late, 5.0), (muted, 0.0), 30.0, 2.0)
    assert data_of(found) == {"kind": "muted", "at": _about(13), "until": _about(22)}


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_u8", "pcm_f32le", "pcm_s24le", "flac", "aac"])
def test_the_meter(tmp_path: Path, codec: str) -> None:
    """A sine at half of full scale has a power of an eighth; the other channel is silent, and both after a second."""
    path = tmp_path / "tone.mkv"
    tone = "aevalsrc=0.5*sin(2000*PI*t)*lt(t\\,1)|0:s=48000:d=2"
    ffmpeg("-f", "lavfi", "-i", "color=s=32x32:r=10:d=2", "-f", "lavfi", "-i", tone, "-c:a", codec, path)
    (found,) = check_whole(path, DecodeRequest(levels=True)).levels
    assert found is not None
    assert (found.layout, found.channels) == ("stereo", ("FL", "FR"))
    left, right = found.at(0.0, 20)
    assert left[1:9] == pytest.approx([0.125] * 8, rel=0.05)
    assert left[12:].max() < 1e-6
    assert right[1:].max() < 1e-4  # 8 bits have a zero of their own
    (mixed,) = check_whole(path, DecodeRequest(levels=True, layouts=("mono",))).levels
    assert mixed is not None
    assert mixed.channels == ("FC",)
    half, more = mixed.at(0.0, 20)[0, 2:8] / 0.125, 1.05  # a quarter, or half where ffmpeg need not fear clipping
    assert half.min() > 0.25 / more
    assert half.max() < 0.5 * more


@pytest.mark.parametrize(("codec", "layout"), [("alac", "7.1(wide)"), ("pcm_s16le", "7.1"), ("alac", "mono")])
def test_the_meter_hears_each_of_many_channels(tmp_path: Path, codec: str, layout: str) -> None:
    """Eight planes are as many as a frame has room for; what stands behind them is no audio."""
    path, channels = tmp_path / "many.mkv", 1 if layout == "mono" else 8
    tones = "|".join(f"{(n + 1) / 10}*sin(2000*PI*t)" for n in range(channels))
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc={tones}:s=48000:d=0.5:c={layout}", "-c:a", codec, path)
    with av.open(str(path)) as container:
        rows = np.concatenate([samples_of(frame) for frame in container.decode(audio=0)], axis=1)
    assert len(rows) == channels
    assert np.abs(rows).max(axis=1) == pytest.approx([(n + 1) / 10 for n in range(channels)], abs=0.01)


def test_the_meter_follows_a_track_whose_layout_changes(tmp_path: Path) -> None:
    tracks = []
    for layout, channels in (("5.1", 6), ("stereo", 2)):
        tones = "|".join(["0.3*sin(2000*PI*t)"] * channels)
        tracks.append(tmp_path / f"{channels}.ac3")
        ffmpeg("-f", "lavfi", "-i", f"aevalsrc={tones}:s=48000:d=0.6:c={layout}", tracks[-1])
    (tmp_path / "both.ac3").write_bytes(b"".join(track.read_bytes() for track in tracks))
    video_graph, path = "color=s=32x32:r=10:d=1.2", tmp_path / "both.mkv"
    ffmpeg("-f", "lavfi", "-i", video_graph, "-i", tmp_path / "both.ac3", "-c:a", "copy", path)
    (found,) = check_whole(path, DecodeRequest(levels=True, layouts=("mono",))).levels
    assert found is not None
    assert found.at(0.0, 12)[0, 1:11].min() > 0.001
