"""What is found wrong with a broadcast: clocks that jump, and not tracks that pause."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.audio.channel_watch import channels
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.remux.mending import Fault, fault_of, mended
from reelmill.ffmpeg.remux.packet_copy import copy_packets
from reelmill.ffmpeg.remux.time_line import TICKS, TimeLine
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.report import NullReport
from tests.clips import clip, ffmpeg, in_one_track
from tests.patched import joined, joined_flash

#: Packets in the order of a file: of which track, and when.
_ORDERS: dict[str, tuple[list[tuple[int, float]], bool]] = {
    "one pauses": ([(0, 0), (1, 0), *((0, n / 2) for n in range(1, 40)), (1, 19)], True),
    "both leap": ([(0, 0), (1, 0), (0, 1), (1, 1), (0, 500), (1, 500), (0, 501), (1, 501)], False),
    "they leap and come back": ([(0, 0), (1, 0), (0, 500), (1, 500), (0, 50), (1, 50), (0, 51), (1, 51)], False),
    "they lie a second apart": ([(0, 0), (1, 0), (0, 0.9), (0, 20), (1, 20.5)], False),
}


@pytest.mark.parametrize("name", _ORDERS)
def test_a_track_that_pauses_is_no_clock_that_jumps(name: str) -> None:
    order, pauses = _ORDERS[name]
    line = TimeLine()
    for number, time in order:
        line.shift(number, round(time * TICKS), 0)
    assert line.jumped != pauses


def test_a_broadcast_whose_audio_pauses_is_left_as_it_is(tmp_path: Path) -> None:
    held = ("-af", "aselect=not(between(t\\,1\\,13))")
    source = clip(tmp_path / "pause.ts", seconds=14, rate=5, options=held)
    assert fault_of(source, probe(source)) is None
    again = joined(tmp_path / "joined.ts", clip(tmp_path / "a.ts"), clip(tmp_path / "b.ts"))
    assert fault_of(again, probe(again)) is Fault.JUMPS


def test_a_track_that_never_comes_makes_no_video_late(tmp_path: Path) -> None:
    """Recorders list every track of a channel, and some send nothing on one."""
    twice = ("-map", "0:v", "-map", "0:v", "-map", "0:a", "-c", "copy", "-bsf:v:1", "noise=drop=1")
    ffmpeg("-i", clip(tmp_path / "a.mp4", seconds=2), *twice, tmp_path / "a.ts")
    assert fault_of(tmp_path / "a.ts", probe(tmp_path / "a.ts")) is None


def test_packets_that_come_before_the_one_before_are_copied_behind_it(tmp_path: Path) -> None:
    """As a container holds them whose recordings overlap a little where they were joined."""
    options = ("-c:a", "mp2", "-ar", "48000")
    first = clip(tmp_path / "a.ts", codec="mpeg2video", seconds=2, options=options)
    later = ("-output_ts_offset", "1.99")
    again = clip(tmp_path / "b.ts", codec="mpeg2video", size="320x240", seconds=2, options=(*options, *later))
    source, target = joined(tmp_path / "both.ts", first, again), tmp_path / "copied.mkv"
    info = probe(source)
    copy_packets(source, info, target, "matroska", lambda packet: [packet] if packet.size else [])
    assert _packets_of(target) == _packets_of(source)


def _packets_of(path: Path) -> dict[str, int]:
    """How many packets each kind of track has."""
    with av.open(str(path)) as container:
        return dict(Counter(packet.stream.type for packet in container.demux() if packet.size))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [*(("ts", codec) for codec in ("ac3", "eac3", "dca", "mp2", "aac")), ("mpg", "ac3"), ("mpg", "mp2")],
)
def test_where_recordings_were_joined_nothing_is_missing_and_a_hole_stays(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    options = ("-c:a", codec, "-strict", "-2", "-ar", "48000", "-ac", "2", "-metadata:s:a:0", "language=deu")
    silent = ("-af", "aselect=not(between(t\\,1\\,2.5))")
    first = clip(tmp_path / f"a.{suffix}", codec="mpeg2video", seconds=2, options=options)
    holed = clip(tmp_path / f"b.{suffix}", codec="mpeg2video", seconds=4, options=(*options, *silent))
    source = joined(tmp_path / f"both.{suffix}", first, holed)
    info = probe(source)
    assert fault_of(source, info) is Fault.JUMPS
    mended(Transcoder(), (source, info), Fault.JUMPS, tmp_path / "mended", NullReport())
    audio, video = (_packets(tmp_path / "mended", kind) for kind in ("audio", "video"))
    if suffix == "ts":  # a program stream has no languages
        assert _language(tmp_path / "mended") == "deu"
    assert len(audio) == sum(len(_packets(one, "audio")) for one in (first, holed))
    assert len(video) == 150
    holes = [(begin, after) for (begin, hold), (after, _) in pairwise(audio) if after - begin - hold > 0.05]
    assert [after - begin for begin, after in holes] == [pytest.approx(1.5, abs=0.1)]
    assert holes[0][0] - video[0][0] == pytest.approx(3, abs=0.15)
    assert max(after - begin for (begin, _), (after, _) in pairwise(video)) < 0.1


def _language(path: Path) -> str | None:
    with av.open(str(path)) as container:
        return container.streams.audio[0].language


def test_frames_with_new_times_leave_the_language_of_the_audio(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.ts", seconds=2, options=["-metadata:s:a:0", "language=deu", "-c:a", "aac"])
    ffmpeg("-i", whole, "-c", "copy", "-bsf:v", "setts=ts=TS:pts=PTS+10000/TB*eq(N\\,30)", tmp_path / "ahead.ts")
    source = tmp_path / "ahead.ts"
    mended(Transcoder(), (source, probe(source)), Fault.AHEAD, tmp_path / "mended", NullReport())
    assert _language(tmp_path / "mended") == "deu"


def _packets(path: Path, kind: str) -> list[tuple[float, float]]:
    """When each packet of a track is shown or heard, and for how long."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        found = [
            (float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base))
            for packet in container.demux(stream)
            if packet.pts is not None
        ]
    return sorted(found)


_WIDE = ("-vf", "setsar=4/3")


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video", "libx265"])
@pytest.mark.parametrize(
    ("size", "options", "inner"),
    [("160x120", _WIDE, (160, 90)), ("120x160", (), (90, 120)), ("320x240", (), None), ("160x120", (), None)],
    ids=["wider", "turned", "larger", "the same"],
)
def test_frames_of_another_shape_are_boxed(
    tmp_path: Path, codec: str, size: str, options: tuple[str, ...], inner: tuple[int, int] | None
) -> None:
    more = ("-x265-params", "log-level=error") if codec == "libx265" else ()
    first = clip(tmp_path / "a.ts", codec=codec, sound=0, options=more)
    other = clip(tmp_path / "b.ts", codec=codec, sound=0, size=size, options=[*options, *more])
    source = joined(tmp_path / "it's [1], 2;3:4.ts", first, other)
    info = probe(source)
    assert fault_of(source, info) is Fault.JUMPS  # the clock starts again
    made = tmp_path / "mended"
    mended(Transcoder(), (source, info), Fault.JUMPS, made, NullReport())
    with av.open(str(made)) as container:
        frames = [np.asarray(frame.to_ndarray(format="gray"), np.uint8) for frame in container.decode(video=0)]
    assert len(frames) == 50
    if codec == "mpeg2video" and size == "320x240":  # of which libavcodec would give up a frame
        assert {frame.shape for frame in frames} == {(120, 160)}
        assert not any(_bars(frame).any() for frame in frames)
        return
    if inner is None:
        assert fault_of(made, probe(made)) is None
        return
    assert {frame.shape for frame in frames} == {(120, 160)}
    assert not _bars(frames[10]).any()
    width, height = inner
    bars = np.ones((120, 160), bool)
    down, across = (120 - height) // 2, (160 - width) // 2
    bars[down : 120 - down, across : 160 - across] = False
    assert np.mean(_bars(frames[40]) == bars) > 0.93  # a row or column at the edge may be either


def _bars(frame: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where whole rows or columns are black."""
    black = frame < 24
    rows, columns = np.all(black, axis=1, keepdims=True), np.all(black, axis=0, keepdims=True)
    return np.asarray(rows | columns, np.bool_)


def test_the_shape_of_a_file_is_looked_for_where_its_clock_is_right(tmp_path: Path) -> None:
    wide = ("-vf", "setsar=4/3", "-output_ts_offset", "1")
    parts = (clip(tmp_path / "a.ts", sound=0), clip(tmp_path / "b.ts", sound=0, options=wide))
    source = joined(tmp_path / "both.ts", *parts)
    assert fault_of(source, probe(source)) is Fault.SHAPES


def test_a_recorded_call_in_which_a_phone_is_turned_is_boxed(tmp_path: Path) -> None:
    parts = (clip(tmp_path / "a.ts", sound=0), clip(tmp_path / "b.ts", sound=0, size="120x160"))
    whole, plain = in_one_track(tmp_path / "turned.mkv", *parts), in_one_track(tmp_path / "plain.mkv", parts[0])
    texts = tmp_path / "a.srt"
    texts.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    source = tmp_path / "call, 'it'.mkv"
    ffmpeg("-i", whole, "-i", texts, "-map", "0", "-map", "1", "-c", "copy", source)
    assert fault_of(source, probe(source)) is Fault.SHAPES
    assert fault_of(plain, probe(plain)) is None
    made = mended(Transcoder(), (source, probe(source)), Fault.SHAPES, tmp_path / "mended", NullReport())
    assert (made.video.display_size, made.subtitle_codecs) == ((160, 120), ("subrip",))
    with av.open(str(tmp_path / "mended")) as container:
        frames = [np.asarray(frame.to_ndarray(format="gray"), np.uint8) for frame in container.decode(video=0)]
    assert len(frames) == 50
    assert _bars(frames[40])[60, :30].all()
    assert not _bars(frames[40])[60, 40:120].any()
    assert fault_of(tmp_path / "mended", made) is None


@pytest.mark.parametrize("codec", ["ac3", "eac3", "aac"])
def test_audio_that_changes_its_channels_gets_them_all_and_loses_nothing(tmp_path: Path, codec: str) -> None:
    parts = [
        clip(tmp_path / f"{n}.ts", options=["-c:a", codec, "-ac", count, "-output_ts_offset", str(n)])
        for n, count in enumerate(("1", "2", "6"))
    ]
    source = joined(tmp_path / "changing.ts", *parts)
    info = probe(source)
    assert fault_of(source, info) is Fault.CHANNELS
    made = mended(Transcoder(), (source, info), Fault.CHANNELS, tmp_path / "mended", NullReport())
    assert [(track.codec, track.layout) for track in made.audio] == [("flac", "5.1")]
    heard = []
    with av.open(str(source)) as before, av.open(str(tmp_path / "mended")) as after:
        samples = [sum(frame.samples for frame in container.decode(audio=0)) for container in (before, after)]
        after.seek(0)
        for frame in after.decode(audio=0):
            loud = np.abs(frame.to_ndarray().reshape(-1, 6).astype(float)).mean(axis=0) > 2**24
            heard.append("".join(f"{one.name} " for one, on in zip(frame.layout.channels, loud, strict=True) if on))
    assert samples[0] == samples[1]
    quarters = [heard[len(heard) * part // 12] for part in (2, 6, 10)]
    assert quarters == ["FC ", "FL FR ", "FC "]  # of 5.1, a tone of one channel is in the middle


@pytest.mark.parametrize("codec", ["aac", "ac3", "eac3", "mp2"])
def test_the_header_of_each_packet_has_its_channels(tmp_path: Path, codec: str) -> None:
    for layout, count in (("mono", 1), ("stereo", 2), ("3.0", 3), ("quad(side)", 4), ("5.1(side)", 6)):
        if codec == "mp2" and count > 2:
            continue
        shape = layout.removesuffix("(side)") if codec == "aac" and count == 6 else layout
        if codec == "aac" and count == 4:
            continue  # of no configuration of a header
        target = tmp_path / f"{codec}{count}.ts"
        clip(target, seconds=0.2, options=["-c:a", codec, "-af", f"aformat=channel_layouts={shape}"])
        with av.open(str(target)) as container:
            found = {channels(codec, bytes(packet)[:8]) for packet in container.demux(audio=0) if packet.size}
        assert found == {count}


@pytest.mark.parametrize("headers", ["in frames", "beside frames", "none"])
def test_the_shape_of_a_flash_video_without_an_index_is_looked_for_in_all_of_it(tmp_path: Path, headers: str) -> None:
    """Its packets have new parameter sets in them, or the container has them beside, as where a stream began anew.

    Of codecs without any, frames here and there are decoded.
    """
    sizes = ("160x120", "120x160")
    if headers == "in frames":
        parts = [clip(tmp_path / f"{n}.ts", seconds=15, sound=0, size=size) for n, size in enumerate(sizes)]
        source = tmp_path / "turned.flv"
        ffmpeg("-i", in_one_track(tmp_path / "turned.mkv", *parts), "-c", "copy", source)
    else:
        codec, options = ("libx264", ()) if headers == "beside frames" else ("flv1", ("-bf", "0"))
        parts = [
            clip(tmp_path / f"{n}.flv", seconds=15, sound=0, size=size, codec=codec, options=options)
            for n, size in enumerate(sizes)
        ]
        source = joined_flash(tmp_path / "turned.flv", *parts, after=15.0)
    assert fault_of(source, probe(source)) is Fault.SHAPES
    assert fault_of(parts[0], probe(parts[0])) is None
