"""Subtitles and chapters come with a re-encode, and odd ones never cost it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from reelmill.ffmpeg.commands.web_copy import reencode
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.trials.subtitles import LEFT_OUT, usable_subtitles
from reelmill.ffmpeg.verify import Expectation, Source, examine, verify
from reelmill.ffmpeg.verify.companions import Chapter, Companions, Subtitle, companion_faults, companions_of
from tests.clips import Notes, clip, ffmpeg
from tests.refusals import rejected

_LINES = """1
00:00:00,200 --> 00:00:00,900
hello

2
00:00:00,200 --> 00:00:01,500
<b>at the same time</b>

3
00:00:05,000 --> 00:00:06,900
long after the last picture
"""
_CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=800
title=One
[CHAPTER]
TIMEBASE=1/1000
START=800
END=2000
title=Zwö ☀
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with a SubRip track in German, an ASS track in French, and two chapters."""
    folder = tmp_path_factory.mktemp("companions")
    (folder / "lines.srt").write_text(_LINES, encoding="utf-8")
    (folder / "chapters.txt").write_text(_CHAPTERS, encoding="utf-8")
    film, path = clip(folder / "film.mp4", seconds=2), folder / "source.mkv"
    ffmpeg(
        *("-i", film, "-i", folder / "lines.srt", "-i", folder / "lines.srt", "-i", folder / "chapters.txt"),
        *("-map", "0", "-map", "1", "-map", "2", "-map_metadata", "3", "-map_chapters", "3", "-c", "copy"),
        *("-c:s:0", "srt", "-c:s:1", "ass", "-metadata:s:s:0", "language=ger", "-metadata:s:s:1", "language=fre", path),
    )
    return path


def _made(source: Path, made: Path) -> tuple[Path, Notes, Source]:
    notes, transcoder = Notes(), Transcoder()
    info = usable_subtitles(transcoder, source, probe(source), made.parent, notes)
    transcoder.run(reencode(source, info, made, Encoding(preset="ultrafast")), notes)
    return made, notes, Source(source, info)


def test_they_are_kept(source: Path, tmp_path: Path) -> None:
    made, notes, against = _made(source, tmp_path / "made.mp4")
    verify(made, Expectation(source=against))
    found = companions_of(made)
    assert [(track.codec, track.language) for track in found.subtitles] == [("mov_text", "ger"), ("mov_text", "fre")]
    assert [track.lines for track in found.subtitles] == [pytest.approx((0.2, 0.2, 5.0), abs=0.001)] * 2
    assert [(chapter.start, chapter.title) for chapter in found.chapters] == [(0.0, "One"), (0.8, "Zwö ☀")]
    assert not notes.said("left out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.mp4"]


_AV = ("-map", "0:v", "-map", "0:a")


@pytest.mark.parametrize(
    ("options", "kind", "track", "got", "wanted"),
    [
        (_AV, FindingKind.SUBTITLE_TRACKS, None, 0, 2),
        ((*_AV, "-map", "0:s:1", "-map", "0:s:0"), FindingKind.SUBTITLE_LANGUAGE, 1, "fre", "ger"),
        (("-map", "0", "-map_chapters", "-1"), FindingKind.CHAPTERS, None, 0, 2),
    ],
)  # fmt: skip
def test_what_is_lost_is_found(
    source: Path, tmp_path: Path, options: tuple[str, ...], kind: FindingKind, track: int | None, got: Any, wanted: Any
) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg("-i", source, *options, "-c", "copy", "-c:s", "mov_text", "-movflags", "+faststart", made)
    found = examine(made, Expectation(source=Source(source, probe(source)))).findings
    assert Finding(kind, got, wanted, track=track, against_source=True) in found
    with rejected(kind):
        verify(made, Expectation(source=Source(source, probe(source))))


def test_subtitles_that_were_moved_are_found(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg(
        *("-i", source, "-itsoffset", "0.5", "-i", source, "-map", "0:v", "-map", "0:a", "-map", "1:s", "-c", "copy"),
        *("-map_chapters", "0", "-c:s", "mov_text", "-movflags", "+faststart", made),
    )
    (first, _) = examine(made, Expectation(source=Source(source, probe(source)))).findings
    assert (first.kind, first.track) == (FindingKind.SUBTITLE_LINE, 1)
    assert first.at == pytest.approx(0.7)


Change = Callable[["av.Packet[Any]"], bytes | None]


def _rewritten(source: Path, target: Path, change: Change, duration: int | None = None) -> Path:
    """A copy whose subtitle lines are changed."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        streams = {stream.index: write.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.size == 0:
                continue
            kept: Any = packet
            if packet.stream.type == "subtitle":
                data = change(packet)
                if data is None:
                    continue
                kept = av.Packet(data)
                kept.pts, kept.dts, kept.time_base = packet.pts, packet.dts, packet.time_base
                kept.duration = packet.duration if duration is None else duration
            kept.stream = streams[packet.stream.index]
            write.mux(kept)
    return target


_ODD: dict[str, tuple[Change, int | None, bool]] = {
    "not UTF-8": (lambda _: b"h\xe4llo \xff\xfe", None, False),
    "zeros": (lambda _: bytes(4), None, False),
    "one line of 70000 letters": (lambda _: b"x" * 70_000, None, False),
    "a line that stands for weeks": (lambda packet: bytes(packet), 10**9, False),
    "no lines at all": (lambda _: None, None, True),
    "lines that stand for no time": (lambda packet: bytes(packet), 0, True),
}


@pytest.mark.parametrize("name", _ODD)
def test_odd_subtitles_never_cost_the_re_encode(source: Path, tmp_path: Path, name: str) -> None:
    change, duration, kept = _ODD[name]
    odd = _rewritten(source, tmp_path / "odd.mkv", change, duration)
    made, notes, against = _made(odd, tmp_path / "made.mp4")
    verify(made, Expectation(frames=50, source=against))
    assert len(companions_of(made).subtitles) == (2 if kept else 0)
    assert notes.said("subtitle track 1 (subrip) is left out: its text cannot be read") is not kept
    assert len(companions_of(made).chapters) in (0, 2)


def test_one_odd_track_does_not_cost_the_other(source: Path, tmp_path: Path) -> None:
    odd = _rewritten(source, tmp_path / "odd.mkv", lambda p: b"\xff\xfe" if p.stream.index == 2 else bytes(p))
    made, notes, against = _made(odd, tmp_path / "made.mp4")
    assert against.info.subtitle_codecs == (LEFT_OUT, "ass")
    verify(made, Expectation(source=against))
    (kept,) = companions_of(made).subtitles
    assert len(kept.lines) == 3
    assert notes.said("subtitle track 1 (subrip) is left out")
    assert not notes.said("subtitle track 2 (ass) is left out")


def test_subtitles_made_of_frames_are_reported_of(source: Path, tmp_path: Path) -> None:
    pictured, film = tmp_path / "pictured.mkv", tmp_path / "film.mkv"
    ffmpeg("-i", source, "-map", "0:v", "-map", "0:a", "-c", "copy", film)
    with av.open(str(film)) as read, av.open(str(pictured), "w") as write:
        streams = {stream.index: write.add_stream_from_template(stream) for stream in read.streams}
        write.add_stream("dvdsub")
        for packet in read.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                write.mux(packet)
    assert probe(pictured).subtitle_codecs == ("dvd_subtitle",)
    made, notes, against = _made(pictured, tmp_path / "made.mp4")
    verify(made, Expectation(source=against))
    assert notes.said("subtitle track 1 (dvd_subtitle) is left out: it is made of images, which an mp4 cannot hold")


def _with(*chapters: Chapter) -> Companions:
    return Companions((), chapters)


_ONE, _TWO = Chapter(0, 1, "One"), Chapter(1, 2, "Two")


@pytest.mark.parametrize(
    ("source_has", "made_has", "found"),
    [
        (_with(_ONE, _TWO), _with(_ONE, _TWO), []),
        (_with(_ONE, _TWO), _with(_ONE), [Finding(FindingKind.CHAPTERS, 1, 2, against_source=True)]),
        (
            _with(_ONE),
            _with(Chapter(0.5, 1, "One")),
            [Finding(FindingKind.CHAPTER_TIME, 0.5, 0, limit=0.1, text="One", against_source=True)],
        ),
        (
            _with(_ONE),
            _with(Chapter(0, 1, "Eins")),
            [Finding(FindingKind.CHAPTER_TITLE, "Eins", "One", against_source=True)],
        ),
        (_with(_TWO, _ONE), _with(), []),  # out of order
        (_with(Chapter(-1, 1, "")), _with(), []),
        (_with(Chapter(1, 1, "")), _with(), []),
        (Companions((Subtitle("hdmv_pgs_subtitle", "eng", ()),), ()), _with(), []),
        (
            Companions((Subtitle("subrip", None, (1.0,)),), ()),
            Companions((Subtitle("mov_text", "und", ()),), ()),
            [Finding(FindingKind.SUBTITLE_EMPTY, track=1)],
        ),
        (  # a line that could not be read is no reason to throw the others away; mp4 has no language of two letters
            Companions((Subtitle("ass", "en", (1.0, 2.0)),), ()),
            Companions((Subtitle("mov_text", "und", (2.0,)),), ()),
            [],
        ),
    ],
)
def test_faults(source_has: Companions, made_has: Companions, found: list[Finding]) -> None:
    assert list(companion_faults(source_has, made_has)) == found
