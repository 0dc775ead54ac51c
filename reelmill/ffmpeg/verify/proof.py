"""The examination of a finished file: one decoding of all of it, and everything that is held against what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.ffmpeg.tally import DecodeReport
from reelmill.ffmpeg.verify.boxes import faststart
from reelmill.ffmpeg.verify.colours import colour_faults, washed_out
from reelmill.ffmpeg.verify.companions import NOTHING, Companions, companion_faults, companions_of
from reelmill.ffmpeg.verify.expectation import Expectation, Source, cut_short, differences, kind_faults
from reelmill.ffmpeg.verify.sync import Offset, synchrony, unexplained_holes
from reelmill.ffmpeg.verify.timing import Timing, decoded, frame, promised, time_faults, timing

_BT709: Final = 1
#: So many errors of decoding are named.
_NAMED: Final = 3

#: Decodes all of a file.
Decode = Callable[[Path], DecodeReport]


@dataclass(frozen=True)
class Proof:
    """What an examination found."""

    info: MediaInfo | None  # None where the file does not open
    report: DecodeReport | None
    findings: tuple[str, ...]  # what is wrong, a clause each
    notes: tuple[str, ...] = ()  # what is otherwise than in the source, and why that is right
    offsets: tuple[Offset, ...] = ()  # of sound, where there is a source
    companions: Companions = field(default=NOTHING, repr=False)
    faststart: bool | None = None  # None for what is no mp4

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify(path: Path, expected: Expectation, name: str | None = None, decode: Decode = check_whole) -> MediaInfo:
    """Probe and decode all of ``path`` and compare.

    Args:
        path: the finished file.
        expected: what it must be.
        name: what a person knows it by.
        decode: decodes it.

    Raises:
        OutputRejected: with every point in which it differs.
    """
    proof = examine(path, expected, decode)
    if proof.info is None or proof.findings:
        faults = "; ".join(finding.rstrip(".") for finding in proof.findings)
        raise OutputRejected(f"{name or path.name}, just made, was thrown away: {faults}.")
    return proof.info


def verify_part(path: Path, expected: Expectation, name: str) -> MediaInfo:
    """Whether a file on the way to another is there and of the kind it must be; decoding is left to the whole.

    Args:
        path: the part.
        expected: what it must be; only its codec, pixels, size and sounds are looked at.
        name: what a person knows it by.

    Raises:
        OutputRejected: with every point in which it differs.
    """
    try:
        info = probe(path)
    except InputError as error:
        raise OutputRejected(f"{name}, just made, cannot be used: {error}") from error
    if faults := list(kind_faults(info, expected)):
        raise OutputRejected(f"{name}, just made, cannot be used: {'; '.join(faults)}.")
    return info


def examine(path: Path, expected: Expectation, decode: Decode = check_whole) -> Proof:
    """Find everything in which ``path`` is not what it must be; it is decoded once, a source not unless in doubt.

    Args:
        path: any file.
        expected: what it must be.
        decode: decodes it.
    """
    try:
        info = probe(path)
    except InputError as error:
        return Proof(None, None, (str(error),))
    report = decode(path)
    findings = [*_whole(report), *differences(info, report, expected)]
    in_front = faststart(path) if "mp4" in info.container else None
    if expected.faststart and in_front is False:
        findings.append("its index stands at the end, so that no player can start before all of it has come")
    if expected.tone_mapped:
        findings += [] if info.video.transfer == info.video.matrix == _BT709 else ["it does not declare BT.709"]
    elif expected.source is None and expected.pixel_format is not None and info.video.hdr is not None:
        findings.append(f"it declares HDR ({info.video.hdr.upper()})")
    if expected.duration is None and expected.source is None:
        findings += _promise(info, report)
    proof = Proof(info, report, tuple(findings), faststart=in_front, companions=companions_of(path))
    return proof if expected.source is None else _against(path, proof, info, report, expected.source)


def _whole(report: DecodeReport) -> Iterator[str]:
    yield from report.errors[:_NAMED]
    if report.frames == 0:
        yield "no picture decodes"
    if not report.ordered:
        yield "its pictures go back in time"


def _promise(info: MediaInfo, report: DecodeReport) -> Iterator[str]:
    length, held = info.duration, report.reach
    if length is not None and held is not None and cut_short(length, held):
        yield f"it promises {float(length):.1f} s and holds {float(held):.1f} s"


def _against(path: Path, proof: Proof, info: MediaInfo, report: DecodeReport, source: Source) -> Proof:
    made, wanted = timing(report), promised(source.path)
    short = _source_short(source.info, wanted)
    if not short and (len(made.pictures) != len(wanted.pictures) or unexplained_holes(wanted, made)):
        wanted = replace(decoded(source.path), reaches=wanted.reaches)  # packets prove neither pictures nor silence
    findings, notes = [*proof.findings, *short], list[str]()
    if wanted.errors:
        notes.append(
            f"the source is damaged ({wanted.errors[0]}), so that pictures and times cannot be counted against it"
        )
    else:
        counted, why = _counted(source.info, wanted, made, info)
        notes += why
        findings += [*counted, *([] if why else time_faults(wanted, made, frame(source.info)))]
    offsets: tuple[Offset, ...] = ()
    if info.audio_tracks != source.info.audio_tracks:
        findings.append(f"{info.audio_tracks} sound tracks where the source has {source.info.audio_tracks}")
    elif not wanted.errors:
        found = synchrony(source.path, wanted, path, made)
        findings, offsets = [*findings, *found.faults], found.offsets
    findings += _shape(source.info, info)
    findings += colour_faults(source.info.video, info.video, tone_mapped=source.tone_mapped)
    findings += [flat] if (flat := washed_out(source.path, source.info, path, info)) else []
    findings += companion_faults(_asked_for(source), proof.companions)
    unique = tuple(dict.fromkeys(findings))
    return replace(proof, findings=unique, notes=tuple(notes), offsets=offsets)


def _shape(source: MediaInfo, made: MediaInfo) -> Iterator[str]:
    """A copy may be smaller, and is neither stretched nor turned."""
    (width, height), (got_width, got_height) = source.video.display_size, made.video.display_size
    # Sides are whole and even: two pixels more or less are no stretching.
    if abs(width * got_height - height * got_width) > 2 * max(width, height, got_width, got_height):
        yield f"it is shown as {got_width}x{got_height}, the source as {width}x{height}"


def _asked_for(source: Source) -> Companions:
    """What the source has, less the subtitle tracks that its facts no longer name as text."""
    found = companions_of(source.path)
    named = source.info.subtitle_codecs
    kept = [replace(track, codec=codec) for track, codec in zip(found.subtitles, named, strict=False)]
    return replace(found, subtitles=tuple(kept))


def _source_short(info: MediaInfo, wanted: Timing) -> list[str]:
    if info.duration is None or wanted.reaches is None or not wanted.pictures:
        return []
    begins = min([wanted.first, *(sound.start for sound in wanted.sounds if sound is not None)])
    holds = Fraction(wanted.reaches - min(0.0, begins))  # Matroska's length counts from its clock's zero
    if not cut_short(info.duration, holds):
        return []
    return [f"the source is cut short: it promises {float(info.duration):.1f} s and holds {float(holds):.1f} s"]


def _counted(source: MediaInfo, wanted: Timing, made: Timing, info: MediaInfo) -> tuple[list[str], list[str]]:
    """Findings and notes on the number of pictures."""
    counts = f"{len(made.pictures)} pictures where the source has {len(wanted.pictures)}"
    if len(made.pictures) == len(wanted.pictures):
        return [], []
    rate = info.video.frame_rate
    if not wanted.steady and made.steady and rate is not None:
        length = wanted.last - wanted.first
        if abs(made.last - made.first - length) <= 2 / float(rate) + frame(source):
            return [], [f"{counts}: its variable rate was made a constant {float(rate):.3f} a second"]
    return [counts], []
