"""Audio and subtitles copied out of a source: what is encoded of the copy is what is encoded of the source."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands.chunk_commands import audio_and_subtitles
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable, read_index
from reelmill.ffmpeg.reading.probe import open_media, probe
from reelmill.ffmpeg.reading.source_reading import PacketTimes, source_reading
from reelmill.ffmpeg.remux.companion_copy import index_and_companions
from reelmill.ffmpeg.verify.companions import companions_of
from reelmill.ffmpeg.verify.source_levels import layouts_of
from reelmill.ffmpeg.verify.timing import packet_timing, read_timing
from tests.clips import ffmpeg
from tests.conftest import REAL_MEDIA
from tests.patched import joined_flash, same_time, with_lost_packets

#: Seconds that the last packet of a track may be short of, which Matroska counts apart.
_TAIL = 0.022
_FRAMES = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=2")
_CLICKS = "aevalsrc='if(lt(mod(t,0.5),0.1),0.5*sin(2*PI*700*t),0.01*sin(2*PI*90*t))':s={rate}:d=2"
#: What players show of an audio track.
_LABELS = (
    "-metadata:s:a:0",
    "language=deu",
    "-metadata:s:a:0",
    "title=Kommentar",
    "-disposition:a:0",
    "default+comment",
)
_TEXT = "1\n00:00:00,200 --> 00:00:00,900\nOne\n\n2\n00:00:01,200 --> 00:00:01,700\nTwo\n"


def _made(folder: Path, name: str, *options: str, rate: int = 48_000, late: float = 0.0) -> Path:
    """A clip whose audio begins so many seconds after its first frame, or before it."""
    target = folder / name
    heard = ("-itsoffset", f"{late:g}", "-f", "lavfi", "-i", _CLICKS.format(rate=rate))
    ffmpeg(*_FRAMES, *heard, "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", *_LABELS, *options, target)
    return target


def _with_texts(folder: Path, name: str, *options: str) -> Path:
    (folder / "a.srt").write_text(_TEXT)
    target = folder / name
    heard = ("-f", "lavfi", "-i", _CLICKS.format(rate=48_000), "-i", str(folder / "a.srt"))
    mapped = ("-map", "0", "-map", "1", "-map", "2", "-metadata:s:s:0", "language=spa", "-disposition:s:0", "forced")
    ffmpeg(*_FRAMES, *heard, "-c:v", "libx264", "-preset", "ultrafast", *mapped, *_LABELS, *options, target)
    return target


#: A source of each kind of which companions are copied.
_SOURCES: dict[str, Any] = {
    "mp4": lambda folder: _made(folder, "a.mp4"),
    "mp4, late": lambda folder: _made(folder, "a.mp4", late=0.7),
    "mp4, early": lambda folder: _made(folder, "a.mp4", "-movflags", "+faststart", late=-0.3),
    "mp4, texts": lambda folder: _with_texts(folder, "a.mp4", "-c:s", "mov_text"),
    "mov, 44100": lambda folder: _made(folder, "a.mov", "-c:a", "alac", rate=44_100),
    "mkv": lambda folder: _made(folder, "a.mkv"),
    "mkv, opus, late": lambda folder: _made(folder, "a.mkv", "-c:a", "libopus", late=0.7),
    "mkv, texts": lambda folder: _with_texts(folder, "a.mkv", "-c:a", "ac3"),
    "flv": lambda folder: _made(folder, "a.flv", "-c:a", "aac", rate=44_100),
    "flv, swf": lambda folder: _made(folder, "a.flv", "-c:v", "flv1", "-c:a", "adpcm_swf", rate=44_100),
    "ts": lambda folder: _made(folder, "a.ts", "-c:a", "aac"),
    "ts, late": lambda folder: _made(folder, "a.ts", "-c:a", "mp2", rate=44_100, late=0.7),
    "ts, early": lambda folder: _made(folder, "a.ts", "-c:a", "aac", late=-0.7),
    "ts, lost packets of audio": lambda folder: with_lost_packets(_made(folder, "a.ts", "-c:a", "aac"), 0x101),
    "mpg": lambda folder: _made(folder, "a.mpg", "-c:v", "mpeg2video", "-c:a", "ac3"),
    "avi": lambda folder: _made(folder, "a.avi", "-c:v", "mpeg4", "-c:a", "mp3", rate=44_100),
    "avi, pcm": lambda folder: _made(folder, "a.avi", "-c:v", "mpeg4", "-c:a", "pcm_s16le"),
    "avi, late": lambda folder: _made(folder, "a.avi", "-c:v", "mpeg4", "-c:a", "ac3", late=0.7),
    "wmv": lambda folder: _made(folder, "a.wmv", "-c:v", "wmv2", "-c:a", "wmav2"),
    "wmv, late": lambda folder: _made(folder, "a.wmv", "-c:v", "wmv2", "-c:a", "wmav1", late=0.7),
    "ogv": lambda folder: _made(folder, "a.ogv", "-c:v", "libtheora", "-c:a", "libvorbis", rate=44_100),
    "ogv, opus": lambda folder: _made(folder, "a.ogv", "-c:v", "libtheora", "-c:a", "libopus"),
    "mxf": lambda folder: _made(folder, "a.mxf", "-c:v", "mpeg2video", "-c:a", "pcm_s16le"),
    "wtv": lambda folder: _made(folder, "a.wtv", "-c:v", "mpeg2video", "-c:a", "mp2"),
}


def _packets(command: Sequence[str], made: Path) -> list[tuple[int, Fraction, bytes]]:
    """What a command writes: each packet with its track and time."""
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *command], check=True)
    with av.open(str(made)) as container:
        return [
            (packet.stream_index, packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.pts is not None and packet.time_base is not None and packet.size
        ]


@pytest.mark.parametrize("kind", sorted(_SOURCES))
def test_what_is_encoded_of_the_copy_is_what_is_encoded_of_the_source(tmp_path: Path, kind: str) -> None:
    source = _SOURCES[kind](tmp_path)
    info, copy, made = probe(source), tmp_path / "copied", tmp_path / "made.mp4"
    index, companions = index_and_companions(source, info, copy)
    assert index == read_index(source)
    assert companions is not None
    wanted = _packets(audio_and_subtitles(source, info, made, Encoding()), made)
    assert len(wanted) > 80
    # Where audio alone is taken from a broadcast, ffmpeg begins with that, however late it is.
    late = companions.later if kind.startswith("ts") else Fraction(0)
    found = _packets(audio_and_subtitles(copy, info, made, Encoding(), companions.later), made)
    assert [(track, data) for track, _, data in found] == [(track, data) for track, _, data in wanted]
    for (_, at, _), (_, expected, _) in zip(found, wanted, strict=True):
        assert abs(at - expected - late) <= (Fraction(1, 40_000) if late else 0)


def _labels(path: Path) -> list[tuple[str | None, str, int]]:
    with open_media(path) as container:
        tracks = [*container.streams.audio, *container.streams.subtitles]
        return [(one.language, one.metadata.get("title", ""), int(one.disposition)) for one in tracks]


@pytest.mark.parametrize("kind", sorted(_SOURCES))
def test_a_copy_keeps_what_players_show_of_tracks(tmp_path: Path, kind: str) -> None:
    source, copy = _SOURCES[kind](tmp_path), tmp_path / "copied"
    assert index_and_companions(source, probe(source), copy)[1] is not None
    assert _labels(copy) == _labels(source)


@pytest.mark.parametrize("kind", sorted(_SOURCES))
def test_a_proof_finds_in_the_copy_what_it_finds_in_the_source(tmp_path: Path, kind: str) -> None:
    source = _SOURCES[kind](tmp_path)
    taken = PacketTimes()
    index, companions = index_and_companions(source, probe(source), tmp_path / "copied", taken)
    assert companions is not None
    reading = source_reading(index, taken, companions)
    assert reading is not None
    layouts = layouts_of(source)
    times, levels = read_timing(reading, source, layouts)
    wanted, wanted_levels = packet_timing(source, layouts)
    assert times.frames.tolist() == wanted.frames.tolist()
    assert (times.start, times.errors) == (wanted.start, wanted.errors)
    assert times.reaches == pytest.approx(wanted.reaches, abs=0.0001)
    assert len(times.audio) == len(wanted.audio) == 1
    for ours, theirs in zip(times.audio, wanted.audio, strict=True):
        assert ours is not None
        assert theirs is not None
        assert ours.start == pytest.approx(theirs.start, abs=0.0001)
        assert ours.end == pytest.approx(theirs.end, abs=_TAIL)
        assert ours.hole == pytest.approx(theirs.hole, abs=0.0001)
    for found, expected in zip(levels.levels, wanted_levels.levels, strict=True):
        assert found is not None
        assert expected is not None
        assert found.begin == pytest.approx(expected.begin, abs=0.0001)
    assert companions_of(source, companions.path) == companions_of(source)


@pytest.mark.parametrize("name", ["bbb_2500ms_mpeg2.ts", "sample_h264.flv", "multi_audio_subs.mkv", "friday.mp4"])
def test_real_ones_are_copied_as_they_are(tmp_path: Path, name: str) -> None:
    source = REAL_MEDIA / name
    if not source.exists():
        pytest.skip("real media are not here")
    info, copy, made = probe(source), tmp_path / "copied", tmp_path / "made.mp4"
    companions = index_and_companions(source, info, copy)[1]
    assert companions is not None
    assert copy.stat().st_size < source.stat().st_size
    wanted = _packets(audio_and_subtitles(source, info, made, Encoding()), made)
    assert _packets(audio_and_subtitles(copy, info, made, Encoding(), companions.later), made) == wanted


def test_what_cannot_be_copied_as_it_is_is_not(tmp_path: Path) -> None:
    """An mp4 of fragments has no tables, and decoders of some audio need what only its own container tells them."""
    for source in (
        _made(tmp_path, "a.mp4", "-movflags", "+frag_keyframe"),
        _made(tmp_path, "a.avi", "-c:v", "mpeg4", "-c:a", "wmav2"),
        _made(tmp_path, "b.avi", "-c:v", "mpeg4", "-c:a", "adpcm_ima_wav"),
        _made(tmp_path, "a.vob", "-c:v", "mpeg2video", "-c:a", "pcm_dvd"),
    ):
        index, companions = index_and_companions(source, probe(source), tmp_path / "copied")
        assert index == read_index(source)
        assert companions is None


def test_the_copy_of_an_mp4_is_little_more_than_its_audio(tmp_path: Path) -> None:
    source = _made(tmp_path, "a.mp4", "-vf", "noise=alls=60:allf=t", "-qp", "2")
    copy = tmp_path / "copied"
    assert index_and_companions(source, probe(source), copy)[1] is not None
    with open_media(source) as container:
        heard = sum(packet.size for packet in container.demux(audio=0))
    assert copy.stat().st_size < heard + 20_000 < source.stat().st_size


def test_bytes_behind_the_last_box_are_no_harm(tmp_path: Path) -> None:
    source = _made(tmp_path, "a.mp4")
    with source.open("ab") as file:
        file.write(bytes([0, 0, 0, 1, 0x67, 0x42, 0, 0x1E]))
    index, companions = index_and_companions(source, probe(source), tmp_path / "copied")
    assert companions is not None
    assert isinstance(index, Index)
    assert len(index.times) == 50


def test_text_without_audio_is_copied(tmp_path: Path) -> None:
    source = _with_texts(tmp_path, "a.mkv", "-an")
    companions = index_and_companions(source, probe(source), tmp_path / "copied")[1]
    assert companions is not None
    found = companions_of(source, companions.path)
    assert found == companions_of(source)
    assert found.subtitles[0].lines == pytest.approx((0.2, 1.2))


def test_all_is_copied_of_what_has_no_index(tmp_path: Path) -> None:
    """Two frames at one time, after which the others count for nothing, and the audio behind them all the same."""
    source = tmp_path / "a.mkv"
    early = "setpts='if(eq(N,3),2,N)/25/TB'"
    ffmpeg(*_FRAMES, "-f", "lavfi", "-i", "sine=d=2", "-vf", early, "-fps_mode", "passthrough", "-c:v", "ffv1", source)
    taken = PacketTimes()
    index, companions = index_and_companions(source, probe(source), tmp_path / "copied", taken)
    assert isinstance(index, NotCuttable)
    assert companions is not None
    reading = source_reading(index, taken, companions)
    assert reading is not None
    times, wanted = read_timing(reading, source, (None,))[0], packet_timing(source, (None,))[0]
    assert len(times.frames) == 50
    assert times.frames == wanted.frames
    (ours,), (theirs,) = times.audio, wanted.audio
    assert ours is not None
    assert theirs is not None
    assert (ours.start, ours.hole) == (theirs.start, theirs.hole)
    assert ours.end == pytest.approx(theirs.end, abs=_TAIL)


def test_nothing_is_known_of_what_was_not_read_to_its_end() -> None:
    assert source_reading(NotCuttable("it cannot be read to its end"), PacketTimes(), None) is None


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_nothing_is_copied_of_audio_with_a_second_header(tmp_path: Path, rate: int) -> None:
    """Containers have one, and what comes behind another would decode wrongly; one like the first is written twice."""
    parts = [_made(tmp_path, f"{rate}.flv", "-c:a", "aac", rate=rate) for rate in (44_100, rate)]
    source = joined_flash(tmp_path / "both.flv", *parts, after=2.5)
    assert index_and_companions(source, probe(source), tmp_path / "copied")[1] is None


def test_packets_of_an_mp4_are_not_taken_for_read_where_its_tables_are(tmp_path: Path) -> None:
    """Two of its frames are shown at one time, so that it has no index."""
    source = same_time(_made(tmp_path, "a.mp4", "-bf", "2"))
    taken = PacketTimes()
    index, companions = index_and_companions(source, probe(source), tmp_path / "copied", taken)
    assert str(index) == "two of its frames are to be shown at the same time"
    assert source_reading(index, taken, companions) is None
