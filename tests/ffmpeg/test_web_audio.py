"""The audio tracks of a web copy: one or two channels at rates that browsers play, and nothing of the film-maker's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.stream import Disposition

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands.web_audio import audio_filters
from reelmill.ffmpeg.commands.web_copy import reencode, remux
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.audio.audio_jitter import jitter, with_jitter
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.reading.tracks import AudioTrack
from reelmill.ffmpeg.verify import Expectation, Source, verify
from tests.clips import clip, ffmpeg, generated

_VIDEO = ("-f", "lavfi", "-i", "color=gray:s=64x48:r=10:d=2")
_FAST = Encoding(preset="ultrafast")


def _copy(source: Path, encoding: Encoding = _FAST) -> Path:
    target = source.with_name("copy.mp4")
    FfmpegRunner(find_ffmpeg()).run(reencode(source, with_jitter(source, probe(source)), target, encoding))
    return target


def _power(container: InputContainer, track: int) -> list[float]:
    """Mean square of each channel of an audio track, in dB."""
    frames = [frame.to_ndarray() for frame in container.decode(audio=track)]
    samples = np.concatenate(frames, axis=1)[:, 4800:-4800].astype(float)
    return [float(10 * np.log10(np.mean(channel**2) + 1e-12)) for channel in samples]


def _channel_alone(path: Path, layout: str, name: str, rate: int = 48_000) -> Path:
    """A film of which one channel sounds at -20 dB, the others being silent."""
    named = "5.1" if layout == "6c" else layout
    tone = f"aevalsrc=0.1414*sin(2*PI*440*t):s={rate}:d=2,pan={named}|{name}=c0"
    kept = path.with_suffix(".mkv" if layout == "6c" else ".mov")  # Matroska does not say which channel is which
    return generated(kept, *_VIDEO, "-f", "lavfi", "-i", tone, "-c:v", "mpeg4", "-c:a", "pcm_s24le")


@pytest.mark.parametrize(
    ("layout", "channel", "left", "right"),
    [
        ("5.1", "FC", -23, -23),  # as loud in two as it was in one
        ("5.1(side)", "FC", -23, -23),
        ("7.1", "FC", -23, -23),
        ("5.1", "FL", -20, -120),
        ("5.1", "BR", -120, -23),
        ("7.1", "SL", -23, -120),
        ("5.1", "LFE", -120, -120),
        ("6c", "FC", -23, -23),  # not named
        ("7.1.4", "FC", -23, -23),
        ("7.1.4", "TBL", -23, -120),
    ],
)
def test_more_channels_are_mixed_into_two_and_the_dialogue_stays_as_loud(
    tmp_path: Path, layout: str, channel: str, left: float, right: float
) -> None:
    with av.open(str(_copy(_channel_alone(tmp_path / "a", layout, channel)))) as made:
        assert [stream.layout.name for stream in made.streams.audio] == ["stereo"]
        for power, wanted in zip(_power(made, 0), (left, right), strict=True):
            assert power == pytest.approx(wanted, abs=0.7) if wanted > -100 else power < -60


def test_all_channels_at_once_do_not_clip(tmp_path: Path) -> None:
    tone = "aevalsrc=0.9*sin(2*PI*440*t):s=48000:d=2,pan=5.1|FL=c0|FR=c0|FC=c0|BL=c0|BR=c0"
    options = ("-c:v", "ffv1", "-c:a", "pcm_f32le")
    source = generated(tmp_path / "a.mkv", *_VIDEO, "-f", "lavfi", "-i", tone, *options)
    with av.open(str(_copy(source))) as made:
        assert max(float(np.abs(frame.to_ndarray()).max()) for frame in made.decode(audio=0)) < 1.0


def test_a_track_of_5_1_comes_in_addition_where_it_is_asked_for(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    tone = "aevalsrc=0.1414*sin(2*PI*440*t):s=48000:d=2"
    ffmpeg(
        *_VIDEO, "-f", "lavfi", "-i", f"{tone},pan=7.1|FC=c0", "-f", "lavfi", "-i", tone, "-map", "0", "-map", "1",
        *("-map", "2", "-c:v", "ffv1", "-c:a", "pcm_f32le", "-metadata:s:a:0", "language=deu"), source,
    )  # fmt: skip
    info, copy = probe(source), _copy(source, Encoding(preset="ultrafast", surround=True))
    with av.open(str(copy)) as made:
        assert [stream.layout.name for stream in made.streams.audio] == ["stereo", "mono", "5.1"]
        assert [stream.language for stream in made.streams.audio] == ["deu", "und", "deu"]
        powers = _power(made, 2)
        assert powers[2] == pytest.approx(-20, abs=0.7)  # the centre is where it was
        assert max(powers[:2] + powers[3:]) < -60
    verify(copy, Expectation(frames=20, audio_tracks=3, source=Source(source, info, further_audio=1)))


def test_high_rates_are_reduced_and_holes_are_filled(tmp_path: Path) -> None:
    source = _channel_alone(tmp_path / "a", "stereo", "FL", rate=96_000)
    with av.open(str(_copy(source))) as made:
        assert made.streams.audio[0].rate == 48_000
    holed = tmp_path / "holed.mkv"
    tone = "sine=f=440:d=2,aselect=not(between(t\\,0.8\\,1.2))"
    ffmpeg(*_VIDEO, "-f", "lavfi", "-i", tone, "-c:v", "ffv1", "-c:a", "pcm_s16le", holed)
    with av.open(str(_copy(holed))) as made:
        packets = [packet for packet in made.demux(made.streams.audio[0]) if packet.size]
        ends = [(packet.pts or 0) + (packet.duration or 0) for packet in packets]
        assert ends[:-1] == [packet.pts for packet in packets[1:]]
        assert float(sum(packet.duration or 0 for packet in packets) * (packets[0].time_base or 0)) >= 1.95


def test_two_channels_at_a_usual_rate_are_left_as_they_are() -> None:
    assert audio_filters(AudioTrack(0, "aac")) == ["aresample=async=1:min_hard_comp=0.008"]


@pytest.mark.parametrize("encoded", [True, False])
def test_a_copy_says_what_it_is_and_nothing_of_whoever_filmed_it(tmp_path: Path, encoded: bool) -> None:
    source = tmp_path / "phone.mov"
    ffmpeg(
        "-i", clip(tmp_path / "a.mp4", sound=2), "-map", "0", "-c", "copy", "-movflags", "use_metadata_tags",
        *("-metadata", "title=Feier", "-metadata", "comment=for Ann", "-metadata", "location=+48.20+016.37/"),
        *("-metadata", "com.apple.quicktime.make=Phones"),
        *("-metadata", "com.apple.quicktime.location.ISO6709=+48.2+16/"),
        *("-metadata:s:v", "handler_name=Phone 12", "-metadata:s:a:1", "language=fra"),
        *("-disposition:a:0", "0", "-disposition:a:1", "default"), source,
    )  # fmt: skip
    info, target = probe(source), tmp_path / "copy.mp4"
    command = reencode(source, info, target, _FAST) if encoded else remux(source, info, target)
    FfmpegRunner(find_ffmpeg()).run(command)
    bytes_of_it = target.read_bytes()
    for told in (b"Ann", b"48.2", b"Phone"):
        assert told not in bytes_of_it
    with av.open(str(target)) as made:
        assert made.metadata["title"] == "Feier"
        assert [stream.language for stream in made.streams.audio] == ["und", "fra"]
        defaults = [bool(stream.disposition & Disposition.default) for stream in made.streams.audio]
        assert defaults == [False, True]


@pytest.mark.parametrize(
    ("lengths", "starts", "wanted"),
    [
        ([20] * 6, [0, 20, 40, 60, 80, 100], 0),
        ([20] * 6, [0, 20, 52, 60, 92, 100], 12),  # late, and in time again
        ([20] * 6, [0, 20, 40, 100, 120, 140], 0),  # a hole stays
        ([20] * 6, [0, 20, 40, 60, 30, 50], 0),  # and so does a step back, where recordings join
        ([21] * 60, [round(n * 64 / 3) for n in range(60)], 0),  # durations in whole milliseconds
        ([0] * 3, [0, 20, 30], 0),  # unknown
    ],
)
def test_jitter_is_what_does_not_last(lengths: list[int], starts: list[int], wanted: int) -> None:
    packets = [(Fraction(start, 1000), Fraction(length, 1000)) for start, length in zip(starts, lengths, strict=True)]
    assert jitter(packets) * 1000 == wanted


#: Times that are off by up to 10 ms, back and forth, without going back.
_SHAKEN = "setts=ts='max(PREV_OUTPTS+1\\,TS+(mod(N*7919\\,21)-10)*0.001/TB)'"


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libopus", "mkv"), ("libmp3lame", "mkv"), ("aac", "mkv"), ("aac", "flv"), ("aac", "mp4")]
)
@pytest.mark.parametrize("shaken", [False, True])
def test_times_that_jitter_are_no_holes(tmp_path: Path, codec: str, suffix: str, *, shaken: bool) -> None:
    rate = "44100" if suffix == "flv" else "48000"
    plain = clip(tmp_path / f"plain.{suffix}", seconds=4, options=["-c:a", codec, "-ar", rate, "-b:a", "64k"])
    source = tmp_path / f"shaken.{suffix}"
    ffmpeg("-i", plain, "-c", "copy", *(("-bsf:a", _SHAKEN) if shaken else ()), source)
    found = []
    for one in (plain, source):
        with av.open(str(_copy(one))) as made:
            found.append(np.concatenate([frame.to_ndarray() for frame in made.decode(audio=0)], axis=1)[0])
    samples = min(map(len, found))
    assert abs(len(found[0]) - len(found[1])) <= 1024
    quiet = np.abs(found[1][4800 : samples - 4800]) < 1e-4
    assert not np.lib.stride_tricks.sliding_window_view(quiet, 96).all(axis=1).any()  # 2 ms of silence in a tone


def test_a_hole_is_filled_where_nothing_jitters(tmp_path: Path) -> None:
    source = tmp_path / "hole.mkv"
    held = ("-af", "aselect=not(between(t\\,1\\,1.04))")
    clip(source, seconds=3, options=["-c:a", "pcm_s16le", *held])
    with av.open(str(_copy(source))) as made:
        found = np.concatenate([frame.to_ndarray() for frame in made.decode(audio=0)], axis=1)[0]
    assert len(found) / 44100 == pytest.approx(3, abs=0.03)
