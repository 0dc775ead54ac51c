"""Is a GIF what it should be? Its facts, and its frames held against those of its video, by one decoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg.commands.gif import GifSegment, Step
from reelmill.ffmpeg.finding import Finding, FindingKind, in_words, not_usable
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.decode_request import NO_REQUEST, DecodeRequest
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify.content import Content, shown_faults
from reelmill.ffmpeg.verify.detail_asked import NOT_COMPARED, OF_GIF
from reelmill.ffmpeg.verify.film_segments import FilmSegment
from reelmill.ffmpeg.verify.frames_compared import expected_frames

#: How the looping of a GIF is written: the extension's name, a block of three bytes, 0 times meaning for ever.
_FOREVER: Final = b"NETSCAPE2.0\x03\x01\x00\x00\x00"
_HEADER: Final = 1024  # bytes within which it stands: screen, colour table, extension
_CODEC: Final = "gif"


@dataclass(frozen=True)
class GifFacts:
    """What is in a GIF, by decoding it."""

    codec: str
    width: int  # pixels
    height: int
    frames: int
    duration: Fraction  # seconds
    forever: bool


def read_gif(path: Path) -> GifFacts:
    """Decode all of a GIF that was made before.

    Args:
        path: the file.

    Returns:
        What is in it.

    Raises:
        OutputRejected: it does not decode.
    """
    return _decoded(path, NO_REQUEST)[0]


def verify_gif(path: Path, segment: GifSegment, step: Step, name: str) -> GifFacts:
    """Decode all of a new GIF and compare it with its video.

    Args:
        path: the file.
        segment: what it is to show.
        step: its size and rate.
        name: of the video, for people.

    Returns:
        What is in it.

    Raises:
        OutputRejected: with every point in which it differs.
    """
    content = _wanted(segment)
    made, report = _decoded(path, content.request)
    faults = [*_facts_faults(made, segment.frames(step.fps), step), *shown_faults(path, content, report)]
    if faults:
        raise OutputRejected(f"The GIF of {name}, just made, was thrown away: {in_words(faults)}.", faults)
    return made


def _wanted(segment: GifSegment) -> Content:
    """What a GIF is compared with; it has no audio."""
    begin, video = float(segment.start), segment.info.video
    shown = FilmSegment(
        segment.source, begin, begin + float(segment.length), at=0.0, mapped=video.hdr is not None, heard=False,
        detail=NOT_COMPARED if video.interlaced else OF_GIF,
    )  # fmt: skip
    return Content((shown,), tuple(expected_frames((shown,))), ())


def _decoded(path: Path, request: DecodeRequest) -> tuple[GifFacts, DecodeReport]:
    try:
        info, report = probe(path), check_whole(path, request)
    except InputError as error:
        reason = f"{path.name} is not a GIF; remove it and run the job again: {error}"
        raise OutputRejected(reason, (not_usable(error),)) from error
    if report.video_length is None or not report.clean:
        damage = (
            Finding(FindingKind.DAMAGED, text=report.errors[0]) if report.errors else Finding(FindingKind.NO_FRAMES)
        )
        raise OutputRejected(f"{path.name} does not decode; remove it and run the job again.", (damage,))
    with path.open("rb") as file:
        forever = _FOREVER in file.read(_HEADER)
    video = info.video
    return GifFacts(video.codec, video.width, video.height, report.frames, report.video_length, forever), report


def _facts_faults(made: GifFacts, frames: int, step: Step) -> Iterator[Finding]:
    """What is wrong with a GIF by its facts (pure)."""
    if made.codec != _CODEC:
        yield Finding(FindingKind.CODEC, got=made.codec, wanted=_CODEC)
    if made.frames != frames:
        yield Finding(FindingKind.FRAME_COUNT, got=made.frames, wanted=frames)
    sizes = (made.width, made.height), (step.width, step.height)
    if sizes[0] != sizes[1]:
        yield Finding(FindingKind.SIZE, *sizes)
    held, wanted, limit = float(made.duration), frames / step.fps, 1 / step.fps
    if abs(made.duration - Fraction(frames, step.fps)) > Fraction(1, step.fps):
        kind = FindingKind.TOO_SHORT if held < wanted else FindingKind.TOO_LONG
        yield Finding(kind, got=held, wanted=wanted, limit=limit)
    if not made.forever:
        yield Finding(FindingKind.NO_LOOP)
