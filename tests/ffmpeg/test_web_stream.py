"""The stream of a web copy: keyframes by time, profile and level, one parameter set, and a ceiling that chunks keep."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.codecs import WEB, VideoEncoder
from reelmill.ffmpeg.commands import chunk_commands, concat, web_copy
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.levels import HIGHEST, level_for
from reelmill.ffmpeg.planning.chunk_plan import plan
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.packet_index import read_index
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import clip, generated
from tests.ffmpeg.golden import info

_FAST = Encoding(preset="ultrafast", max_kbit=2000)


class _Stream(NamedTuple):
    profile: str
    level: int
    parameters: bytes
    keyframes: list[float]
    packets: list[tuple[float, int]]  # when each is decoded, and its bits


def _stream(path: Path) -> _Stream:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        packets = [packet for packet in container.demux(video) if packet.size]
        base = float(video.time_base or 0)
        begin = min(packet.pts or 0 for packet in packets)
        return _Stream(
            profile=video.codec_context.profile or "",
            level=video.codec_context.level,
            parameters=bytes(video.codec_context.extradata or b""),
            keyframes=sorted(((packet.pts or 0) - begin) * base for packet in packets if packet.is_keyframe),
            packets=[((packet.dts or 0) * base, 8 * packet.size) for packet in packets],
        )


def _encoded(source: Path, target: Path, encoding: Encoding) -> _Stream:
    FfmpegRunner(find_ffmpeg()).run(web_copy.reencode(source, probe(source), target, encoding))
    return _stream(target)


def _in_chunks(source: Path, folder: Path, encoding: Encoding, length: int) -> tuple[_Stream, list[Path]]:
    index, facts = read_index(source), probe(source)
    chunks, made, delays = plan(index, facts, length=Fraction(length)), list[Path](), list[int]()
    for chunk in chunks:
        made.append(folder / f"{chunk.number}.mp4")
        command = chunk_commands.encode_chunk((source, facts), chunk, made[-1], encoding, index.time_base)
        FfmpegRunner(find_ffmpeg()).run(command)
        delays.append(chunk_commands.check_chunk(made[-1], chunk, index.time_base))
    joined = folder / "joined.mp4"
    concat.join(made, concat.Timing(index.time_base, index.times, index.hold), max(delays), joined)
    return _stream(joined), made


@pytest.mark.parametrize("rate", [5, 200])
def test_a_keyframe_stands_every_two_seconds_at_any_frame_rate(tmp_path: Path, rate: int) -> None:
    source = clip(tmp_path / "a.mkv", seconds=5, size="64x48", rate=rate, sound=0, gop=1000)
    assert _encoded(source, tmp_path / "b.mp4", _FAST).keyframes == pytest.approx([0, 2, 4], abs=0.01)


def test_chunks_have_the_keyframes_of_one_go_and_one_parameter_set(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", seconds=9, size="160x90", rate=10, sound=0, gop=30)
    encoding = replace(_FAST, preset="medium")
    chunked, made = _in_chunks(source, tmp_path, encoding, 3)
    assert len(made) == 3
    assert chunked.keyframes == pytest.approx([0, 2, 3, 4, 6, 8], abs=0.01)
    whole = _encoded(source, tmp_path / "whole.mp4", encoding)
    assert set(whole.keyframes) <= set(chunked.keyframes)
    assert chunked.parameters == whole.parameters
    # Nothing but frames and their messages is in the packets: ISO/IEC 14496-15 keeps parameter sets out of "avc1".
    with av.open(str(tmp_path / "joined.mp4")) as container:
        for packet in container.demux(container.streams.video[0]):
            assert not {7, 8} & set(_unit_kinds(bytes(packet)))


def _unit_kinds(data: bytes) -> list[int]:
    kinds, place = [], 0
    while place + 4 < len(data):
        kinds.append(data[place + 4] & 0x1F)
        place += 4 + int.from_bytes(data[place : place + 4], "big")
    return kinds


def test_chunks_keep_the_ceiling_where_they_meet(tmp_path: Path) -> None:
    """A decoder's buffer of two seconds at the ceiling, full at the start, never runs out of bits."""
    kbit = 150
    source = generated(
        tmp_path / "a.mkv", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=24,noise=alls=70:allf=t",
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "20", "-g", "40", "-pix_fmt", "yuv420p"),
    )  # fmt: skip
    stream, made = _in_chunks(source, tmp_path, Encoding(preset="ultrafast", max_kbit=kbit), 4)
    assert len(made) == 6
    assert sum(bits for _, bits in stream.packets) > 0.8 * kbit * 1000 * 24  # the ceiling is what holds it
    size = fullness = 2 * kbit * 1000.0
    for (at, bits), (after, _) in pairwise([*stream.packets, (stream.packets[-1][0], 0)]):
        fullness -= bits
        assert fullness > -0.03 * size, at
        fullness = min(size, fullness + (after - at) * kbit * 1000)


@given(
    st.sampled_from(WEB.encoders),
    st.lists(st.tuples(st.integers(2, 40), st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=8),
)
def test_whatever_chunks_spend_of_their_ceilings_the_whole_keeps_its_own(
    row: VideoEncoder, chunks: list[tuple[int, int, int]]
) -> None:
    """Of each chunk: its seconds, and the bits a second that it would take, in ceilings, at first and in the end."""
    way, ticks = Encoding(encoder=row.name, max_kbit=1000), 10  # a second
    held = 0.9 * 2_000_000
    for number, (seconds, *wishes) in enumerate(chunks):
        ceiling = way.chunk_ceiling(Fraction(seconds), first=number == 0)
        rate, size = int(ceiling["maxrate"]), int(ceiling["bufsize"])
        own = float(ceiling.get("rc_init_occupancy", 0.9 * size))
        for tick in range(seconds * ticks):
            bits = min(own, wishes[2 * tick // (seconds * ticks)] * 1_000_000 / ticks)
            own = min(size, own - bits + rate / ticks)
            held -= bits
            assert held > -100
            held = min(2_000_000, held + 1_000_000 / ticks)


@pytest.mark.parametrize(
    ("size", "rate", "kbit", "level"),
    [
        ((160, 90), 5, 2000, 21),
        ((1280, 720), 30, 2000, 31),
        ((1280, 720), 60, 2000, 32),
        ((1920, 1080), 30, 2000, 40),
        ((1920, 1080), 30, 25_000, 41),
        ((1920, 1080), 60, 2000, 42),
        ((3840, 2160), 30, 2000, 51),
        ((1920, 1080), 120, 2000, 51),
    ],
)
def test_the_level_is_the_lowest_that_holds_the_stream(size: tuple[int, int], rate: int, kbit: int, level: int) -> None:
    found = level_for(size, Fraction(rate), kbit, 2 * kbit)
    assert found.number == level
    assert found.holds(size, Fraction(rate))


@pytest.mark.parametrize("preset", ["ultrafast", "veryslow"])
def test_a_slow_preset_does_not_raise_the_level(tmp_path: Path, preset: str) -> None:
    """16 frames of reference at 1080p would be level 5.1."""
    source = clip(tmp_path / "a.mkv", seconds=0.1, size="1920x1080", rate=30, sound=0)
    found = _encoded(source, tmp_path / "b.mp4", replace(_FAST, preset=preset))
    assert found.level == 40
    assert found.profile == ("Constrained Baseline" if preset == "ultrafast" else "High")


@pytest.mark.parametrize(
    ("size", "rate", "lines", "copy"),
    [
        ((1920, 1080), 30, 1080, (1920, 1080)),
        ((3840, 2160), 30, 1080, (1920, 1080)),
        ((2160, 3840), 30, 1080, (1080, 1920)),
        ((4096, 1716), 24, 1080, (1920, 804)),
        ((1440, 1080), 30, 720, (960, 720)),
        ((320, 240), 30, 1080, (320, 240)),
        ((161, 121), 30, 1080, (162, 122)),
        ((3840, 2160), 30, 0, (3840, 2160)),
        ((7680, 4320), 30, 0, (3840, 2160)),  # level 6 else
        ((3840, 2160), 60, 0, (2560, 1440)),  # level 5.2 else
        ((3840, 2160), 120, 0, (1920, 1080)),
        ((20_000, 100), 10, 0, (3840, 20)),
    ],
)
def test_a_copy_fits_its_lines_and_the_level(
    size: tuple[int, int], rate: int, lines: int, copy: tuple[int, int]
) -> None:
    facts = info(width=size[0], height=size[1], frame_rate=Fraction(rate))
    assert web_size(facts, lines) == copy
    assert HIGHEST.holds(copy, Fraction(rate))
