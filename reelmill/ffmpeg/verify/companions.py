"""What comes with video and audio: text subtitles and chapters, and whether a copy kept them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from av.container import InputContainer
from av.error import FFmpegError

from reelmill.ffmpeg.commands.filters import TEXT_SUBTITLES
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import open_media

#: How far a chapter or a line of a subtitle may be off, in seconds.
_NEAR: Final = 0.1
#: Bytes that mov_text writes where nothing is shown: a length of zero.
_NOTHING: Final = 2
#: Letters of a language code that an mp4 can hold (ISO 639-2).
_LETTERS: Final = 3
_UNKNOWN: Final = "und"


@dataclass(frozen=True)
class Subtitle:
    """One subtitle track."""

    codec: str
    language: str | None
    lines: tuple[float, ...]  # when each is shown, in seconds from the start of the file

    @property
    def text(self) -> bool:
        """Whether it is text; else it is made of images."""
        return self.codec in TEXT_SUBTITLES


@dataclass(frozen=True)
class Chapter:
    """One chapter, in seconds from the start of the file."""

    start: float
    end: float
    title: str


@dataclass(frozen=True)
class Companions:
    """What comes with a video."""

    subtitles: tuple[Subtitle, ...]
    chapters: tuple[Chapter, ...]


NOTHING: Final = Companions((), ())


def companions_of(path: Path, beside: Path | None = None, *, timed: bool = True) -> Companions:
    """Read them. Files with subtitles are read through; nothing is decoded.

    Args:
        path: the file.
        beside: one that has the packets of its subtitle tracks, or of none of them; None: they are read from itself.
        timed: whether it is to be read when lines are shown.

    Returns:
        All.

    Raises:
        FileMissing, NotAVideo, InputError: a file does not open.
    """
    with open_media(path) as container:
        start = (container.start_time or 0) / 1_000_000
        chapters = tuple(_chapter(chapter, start) for chapter in container.chapters())
        streams = container.streams.subtitles
        lines = _lines(container) if streams and timed and beside is None else []
        if streams and timed and beside is not None:
            with open_media(beside) as copied:
                lines = _lines(copied)
        lines += [[]] * (len(streams) - len(lines))
        found = zip(streams, lines, strict=False)
        subtitles = tuple(
            Subtitle(_codec(one), one.language, tuple(at - start for at in times)) for one, times in found
        )
    return Companions(subtitles, chapters)


def _lines(container: InputContainer) -> list[list[float]]:
    """When lines are shown, of each subtitle track of a file, in seconds on its clock."""
    streams = container.streams.subtitles
    lines: dict[int, list[float]] = {stream.index: [] for stream in streams}
    try:
        for packet in demuxed(container, streams) if streams else ():
            if packet.pts is not None and packet.time_base is not None and packet.size > _NOTHING:
                lines[packet.stream.index].append(float(packet.pts * packet.time_base))
    except FFmpegError:  # what can be read was; whether the file is whole is for decoding to find
        pass
    return list(lines.values())


def _chapter(found: Any, start: float) -> Chapter:
    begin, end = (float(found[side] * found["time_base"]) - start for side in ("start", "end"))
    return Chapter(begin, end, found["metadata"].get("title", ""))


def _codec(stream: Any) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def companion_faults(source: Companions, made: Companions) -> Iterator[Finding]:
    """What of a source's text subtitles and chapters its copy lacks (pure).

    Subtitles that are images cannot be kept and are not required, nor are chapters that make no sense: out of order,
    before the start, or without length.

    Yields:
        Each of them.
    """
    wanted = [track for track in source.subtitles if track.text]
    got = [track for track in made.subtitles if track.text]
    if len(wanted) != len(got):
        yield Finding(FindingKind.SUBTITLE_TRACKS, got=len(got), wanted=len(wanted), against_source=True)
    else:
        for number, (one, other) in enumerate(zip(wanted, got, strict=True), 1):
            yield from _track_faults(number, one, other)
    if _sane(source.chapters):
        yield from _chapter_faults(source.chapters, made.chapters)


def _track_faults(number: int, wanted: Subtitle, got: Subtitle) -> Iterator[Finding]:
    language = wanted.language or _UNKNOWN
    if len(language) == _LETTERS and language != (got.language or _UNKNOWN):
        yield Finding(
            FindingKind.SUBTITLE_LANGUAGE, got=got.language or _UNKNOWN, wanted=language, track=number,
            against_source=True,
        )  # fmt: skip
    if wanted.lines and not got.lines:
        yield Finding(FindingKind.SUBTITLE_EMPTY, track=number)
    strays = [line for line in got.lines if not _has_near(sorted(wanted.lines), line)]
    if strays:
        yield Finding(FindingKind.SUBTITLE_LINE, track=number, at=strays[0], limit=_NEAR)


def _has_near(times: list[float], time: float) -> bool:
    place = bisect_left(times, time - _NEAR)
    return place < len(times) and times[place] <= time + _NEAR


def _sane(chapters: tuple[Chapter, ...]) -> bool:
    starts = [chapter.start for chapter in chapters]
    return all(b > a for a, b in pairwise(starts)) and all(0 <= c.start < c.end for c in chapters)


def _chapter_faults(wanted: tuple[Chapter, ...], got: tuple[Chapter, ...]) -> Iterator[Finding]:
    if len(got) != len(wanted):
        yield Finding(FindingKind.CHAPTERS, got=len(got), wanted=len(wanted), against_source=True)
        return
    for one, other in zip(wanted, got, strict=True):
        if abs(one.start - other.start) > _NEAR:
            yield Finding(
                FindingKind.CHAPTER_TIME, got=other.start, wanted=one.start, limit=_NEAR, text=one.title,
                against_source=True,
            )  # fmt: skip
        elif one.title != other.title:
            yield Finding(FindingKind.CHAPTER_TITLE, got=other.title, wanted=one.title, against_source=True)
