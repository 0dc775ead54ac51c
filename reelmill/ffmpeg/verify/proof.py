"""The examination of a finished file: one decoding of all of it, and everything that its result is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg.commands.colours import wide
from reelmill.ffmpeg.finding import Finding, FindingKind, in_words, not_usable
from reelmill.ffmpeg.geometry import OF_FILM
from reelmill.ffmpeg.reading.containers.mp4_boxes import faststart
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.decode_report import DecodeReport
from reelmill.ffmpeg.reading.decode_request import DecodeRequest
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.ffmpeg.verify.companions import NOTHING, Companions, companion_faults, companions_of
from reelmill.ffmpeg.verify.content import (
    Content,
    content_of,
    copy_audio_faults,
    film_audio_faults,
    shown_faults,
    whole_segment,
)
from reelmill.ffmpeg.verify.expectation import Expectation, Source, cut_short, differences, kind_faults
from reelmill.ffmpeg.verify.field_order import field_faults
from reelmill.ffmpeg.verify.film_segments import FilmSegment, shown_box
from reelmill.ffmpeg.verify.frames_compared import order_faults
from reelmill.ffmpeg.verify.matches.colours import colour_faults, washed_out
from reelmill.ffmpeg.verify.matches.points_match import points_faults
from reelmill.ffmpeg.verify.source_levels import TrackLevels, layouts_of
from reelmill.ffmpeg.verify.sync import Offset, segment_lags, synchrony, unexplained_holes
from reelmill.ffmpeg.verify.timing import (
    Timing,
    decoded_timing,
    first_fields,
    frame_length,
    packet_timing,
    read_timing,
    time_faults,
    timing_of,
)

_BT709: Final = 1
#: So many errors of decoding are named.
_MOST_NAMED: Final = 3

#: Audio that is out of sync in so many places is so throughout.
_THROUGHOUT: Final = 3
#: Rates that differ by less are the same: containers count frames in different ways.
_SAME_RATE: Final = 0.005
#: By how many frames the film of a telecined source may be off: whole cycles of five are counted.
_FILM_FRAMES: Final = 2
#: Pixels of the shorter side that a copy has at least unless its source nearly has less: the least of video services.
_SMALLEST: Final = 144

#: What a frame seems to be that is another one, shown a little before or after it.
_BESIDE: Final = (FindingKind.COARSE, FindingKind.SHIFTED)

#: Decodes all of a file, and keeps what is wanted of it.
Decoder = Callable[[Path, DecodeRequest], DecodeReport]


@dataclass(frozen=True)
class Proof:
    """What an examination found."""

    info: MediaInfo | None  # None where the file does not open
    report: DecodeReport | None
    findings: tuple[Finding, ...]  # what is wrong
    notes: tuple[Finding, ...] = ()  # what is otherwise than in the source and right, or not promised
    offsets: tuple[Offset, ...] = ()  # of audio, where there is a source
    companions: Companions = field(default=NOTHING, repr=False)
    faststart: bool | None = None  # None for what is no mp4

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify(path: Path, expected: Expectation, name: str | None = None, decode: Decoder = check_whole) -> MediaInfo:
    """Probe and decode all of ``path`` and compare.

    Args:
        path: the finished file.
        expected: what it must be.
        name: what a person knows it by.
        decode: decodes it.

    Returns:
        The facts of the file.

    Raises:
        OutputRejected: with every point in which it differs.
    """
    return require_good(examine(path, expected, decode), name or path.name)


def require_good(proof: Proof, name: str) -> MediaInfo:
    """Reject a file in which an examination has found a fault.

    Args:
        proof: what it found.
        name: what a person knows the file by.

    Returns:
        The facts of the file.

    Raises:
        OutputRejected: with every point in which it differs.
    """
    if proof.info is None or proof.findings:
        reason = f"{name}, just made, was thrown away: {in_words(proof.findings)}."
        raise OutputRejected(reason, proof.findings)
    return proof.info


def verify_intermediate(path: Path, expected: Expectation, name: str) -> MediaInfo:
    """Check that a file that another is made of is there and of the kind it must be; decoding is left to the whole.

    Args:
        path: the file.
        expected: what it must be; only its codec, pixels, size and audio are compared.
        name: what a person knows it by.

    Returns:
        The facts of the file.

    Raises:
        OutputRejected: with every point in which it differs.
    """
    try:
        info = probe(path)
    except InputError as error:
        raise OutputRejected(f"{name}, just made, cannot be used: {error}", (not_usable(error),)) from error
    if faults := tuple(kind_faults(info, expected)):
        raise OutputRejected(f"{name}, just made, cannot be used: {in_words(faults)}.", faults)
    return info


def examine(path: Path, expected: Expectation, decode: Decoder = check_whole) -> Proof:
    """Find everything in which ``path`` is not what it must be; it is decoded once, a source not unless in doubt.

    Args:
        path: any file.
        expected: what it must be.
        decode: decodes it.

    Returns:
        What was found; a file that does not open is a finding, too.
    """
    try:
        info = probe(path)
    except InputError as error:
        return Proof(None, None, (not_usable(error),))
    source = None if expected.source is None else _original(expected.source, path)
    content = content_of(path, expected.segments if source is None else source.segments(info))
    report = decode(path, replace(content.request, points=bool(expected.points)))
    findings = [*_decode_faults(report), *differences(info, report, expected)]
    findings += points_faults(expected.points, report, rough=expected.rough)
    in_front = faststart(path) if "mp4" in info.container else None
    notes = list[Finding]()
    if in_front is False:
        (findings if expected.faststart else notes).append(Finding(FindingKind.INDEX_AT_END))
    if expected.tone_mapped:
        if not info.video.transfer == info.video.matrix == _BT709:
            findings.append(Finding(FindingKind.NO_BT709))
    elif expected.source is None and expected.pixel_format is not None and info.video.hdr is not None:
        findings.append(Finding(FindingKind.HDR_NOT_MAPPED, got=info.video.hdr.upper()))
    if expected.duration is None and expected.source is None:
        findings += _length_faults(info, report)
    if source is None:
        shown = list(shown_faults(path, content, report)) or list(order_faults(content.expected_frames, report.rasters))
        findings += [*shown, *_film_audio_faults(path, info, report, content)]
    if source is not None and expected.size is None:  # a size that was asked for is held to that
        findings += _size_faults(source.source.info, info)
    proof = Proof(info, report, tuple(findings), tuple(notes), faststart=in_front, companions=companions_of(path))
    return proof if source is None else _compare_with_source(path, proof, info, report, source, content)


@dataclass(frozen=True)
class _Original:
    """The source of a copy, its times by its packets, and how loud it is."""

    source: Source
    times: Timing
    heard: TrackLevels

    def segments(self, made: MediaInfo) -> list[FilmSegment]:
        """What the copy shows of it; nothing where it is stretched or turned, since frames cannot be compared then."""
        if any(_shape_faults(self.source.info, made)):
            return []
        track = self.source.info.video
        mapped = (track.hdr is not None and made.video.hdr is None) or wide(track)
        detail = replace(self.source.detail, compared=self.source.detail.compared and not track.interlaced)
        whole = whole_segment(self.source.shown, self.times, mapped=mapped, detail=detail)
        return [replace(segment, box=shown_box(made.video)) for segment in whole]


def _original(source: Source, made: Path) -> _Original:
    layouts = layouts_of(made)[: source.info.audio_tracks]  # a copy may have one more
    read = source.reading
    times, heard = packet_timing(source.path, layouts) if read is None else read_timing(read, source.path, layouts)
    return _Original(source, times, heard)


def _decode_faults(report: DecodeReport) -> Iterator[Finding]:
    yield from (Finding(FindingKind.DAMAGED, text=error) for error in report.errors[:_MOST_NAMED])
    if report.frames == 0:
        yield Finding(FindingKind.NO_FRAMES)
    if not report.ordered:
        yield Finding(FindingKind.DISORDERED)


def _length_faults(info: MediaInfo, report: DecodeReport) -> Iterator[Finding]:
    length, held = info.duration, report.reach
    if length is not None and held is not None and cut_short(length, held):
        yield Finding(FindingKind.CUT_SHORT, got=float(held), wanted=float(length))


def _compare_with_source(
    path: Path, proof: Proof, info: MediaInfo, report: DecodeReport, original: _Original, content: Content
) -> Proof:
    source, wanted = original.source, original.times
    made = _comparable(source.info, wanted, timing_of(report))
    short = _source_faults(source.info, wanted)
    if not short and (len(made.frames) != len(wanted.frames) or unexplained_holes(wanted, made)):
        wanted = replace(
            decoded_timing(source.path), reaches=wanted.reaches
        )  # packets prove neither frames nor silence
        made = _comparable(source.info, wanted, timing_of(report))
    findings, notes, why = [*proof.findings, *short], [*proof.notes], list[Finding]()
    if wanted.errors:
        notes.append(Finding(FindingKind.SOURCE_DAMAGED, text=wanted.errors[0]))
    else:
        counted, why = _frame_count(source, wanted, made, info)
        notes += why
        findings += [*counted, *([] if why else time_faults(wanted, made, frame_length(source.info)))]
    offsets: tuple[Offset, ...] = ()
    counted_tracks, comparable = _track_count(source, info)
    (notes if comparable else findings).extend(counted_tracks)
    if comparable and not wanted.errors:
        heard, offsets = _audio_faults(path, replace(original, times=wanted), made, content, report)
        findings += heard
    shown = list(shown_faults(path, content, report, late=(late := wanted.first - original.times.first)))
    if why:  # at another rate frames are beside those of the source, and detail moves
        shown = [fault for fault in shown if fault.kind not in _BESIDE]
    countable = len(made.frames) == len(wanted.frames) and _orderable(source.info, late)
    if countable and all(fault.kind in _BESIDE for fault in shown):
        exact = not any(time_faults(wanted, made, 0.0))
        shown = list(order_faults(content.expected_frames, report.rasters, exact=exact)) or shown
    if not shown and not late and _has_frame_a_field(source.info, wanted, report):
        shown = list(field_faults(content.expected_frames, report.rasters))
    findings += [*shown, *_shape_faults(source.info, info)]
    for fault in colour_faults(source.info.video, info.video, tone_mapped=source.tone_mapped):
        converted = fault.kind is FindingKind.MATRIX and content.expected_frames and not shown
        (notes if converted else findings).append(fault)
    findings += [washed] if (washed := washed_out(source.path, source.info, path, info)) else []
    findings += companion_faults(_expected_companions(source), proof.companions)
    unique = tuple(dict.fromkeys(findings))
    return replace(proof, findings=unique, notes=tuple(notes), offsets=offsets)


def _audio_faults(
    path: Path, original: _Original, made: Timing, content: Content, report: DecodeReport
) -> tuple[list[Finding], tuple[Offset, ...]]:
    """What is wrong with when the audio of a copy comes and how loud it is, and how far off it is."""
    source, wanted = original.source.heard, original.times
    found = synchrony(source, wanted, path, made)
    kinds = [fault.kind for fault in found.faults]
    if kinds.count(FindingKind.OUT_OF_SYNC) >= _THROUGHOUT or FindingKind.MUTED in kinds:  # levels say nothing more
        return [*found.faults], found.offsets
    late = FindingKind.OUT_OF_SYNC in kinds
    levels = copy_audio_faults(source, wanted, original.heard, path, content, report)
    more = [fault for fault in levels if not (late and fault.kind is FindingKind.DRIFTING)]
    return [*found.faults, *more[:_MOST_NAMED]], found.offsets


def _film_audio_faults(path: Path, info: MediaInfo, report: DecodeReport, content: Content) -> list[Finding]:
    """What is wrong with the audio of a film; where it comes at another time, levels say nothing more."""
    if report.start is None or not info.audio_tracks:
        return []
    length = frame_length(info)
    lags = list(segment_lags(path, float(report.start), content.segments, length))
    return lags or list(film_audio_faults(path, length, content, report))[:_MOST_NAMED]


def _orderable(info: MediaInfo, late: float) -> bool:
    """Whether a copy's frames can be held to their order; packets at its source's start may hold some that do not."""
    # Fields that became frames are much like those beside them: good copies of film telecined in part were refused.
    return not info.video.interlaced and abs(late) < frame_length(info) / 2


def _has_frame_a_field(info: MediaInfo, wanted: Timing, report: DecodeReport) -> bool:
    """Whether a copy has a frame for each field of its source, whose own frames those are."""
    return info.video.interlaced and not info.video.telecined and report.frames == 2 * len(wanted.frames)


def _track_count(source: Source, info: MediaInfo) -> tuple[list[Finding], bool]:
    """What is to be said of the number of audio tracks, and whether those that are there can be compared."""
    wanted, got = source.info.audio_tracks + source.further_audio, info.audio_tracks
    if got == wanted:
        return [], True
    fewer = not source.exact and 0 < got < wanted  # the first ones were kept
    return [Finding(FindingKind.AUDIO_TRACKS, got, wanted, against_source=True)], fewer


def _comparable(source: MediaInfo, wanted: Timing, made: Timing) -> Timing:
    """A copy's times as they compare with its source's: of one whose fields became frames, the first of each two."""
    return first_fields(wanted, made) if source.video.interlaced else made


def _shape_faults(source: MediaInfo, made: MediaInfo) -> Iterator[Finding]:
    """A copy may be smaller, and is neither stretched nor turned."""
    (width, height), (got_width, got_height) = source.video.display_size, made.video.display_size
    # Sides are whole and even: two pixels more or less are no stretching.
    if abs(width * got_height - height * got_width) > 2 * max(width, height, got_width, got_height):
        shapes = source.video.display_size, made.video.display_size
        yield Finding(FindingKind.SHAPE, got=shapes[1], wanted=shapes[0], against_source=True)


def _size_faults(source: MediaInfo, made: MediaInfo) -> Iterator[Finding]:
    """A copy may be smaller, and still has to be one that somebody would watch."""
    wanted, got = (min(info.video.display_size) for info in (source, made))
    if got < _SMALLEST and 2 * got < wanted:
        shapes = source.video.display_size, made.video.display_size
        yield Finding(FindingKind.TOO_SMALL, got=shapes[1], wanted=shapes[0], against_source=True)


def _expected_companions(source: Source) -> Companions:
    """What the source has, less the subtitle tracks that its facts no longer name as text."""
    read = source.reading
    beside = None if read is None else read.beside
    found = companions_of(source.path, beside, timed=read is None or beside is not None)
    named = source.info.subtitle_codecs
    subtitles = [replace(track, codec=codec) for track, codec in zip(found.subtitles, named, strict=False)]
    return replace(found, subtitles=tuple(subtitles))


def _source_faults(info: MediaInfo, wanted: Timing) -> list[Finding]:
    if info.duration is None or wanted.reaches is None or not wanted.frames:
        return []
    begins = min([wanted.first, *(audio.start for audio in wanted.audio if audio is not None)])
    holds = Fraction(wanted.reaches - min(0.0, begins))  # Matroska's length counts from its clock's zero
    if not cut_short(info.duration, holds):
        return []
    return [Finding(FindingKind.SOURCE_CUT_SHORT, got=float(holds), wanted=float(info.duration))]


def _frame_count(source: Source, wanted: Timing, made: Timing, info: MediaInfo) -> tuple[list[Finding], list[Finding]]:
    """Findings and notes on the number of frames."""
    counted = len(made.frames), len(wanted.frames)
    if len(made.frames) == len(wanted.frames):
        return [], []
    rate, was = info.video.frame_rate, source.info.video.frame_rate
    other = rate is not None and was is not None and abs(rate / was - 1) > _SAME_RATE
    film = source.info.video.telecined
    if film and abs(counted[0] - float(OF_FILM) * counted[1]) > _FILM_FRAMES:
        return [Finding(FindingKind.FRAME_COUNT, *counted, against_source=True)], []
    changed = not wanted.steady or (other and (film or not source.exact))
    if changed and made.steady and rate is not None:
        length = wanted.last - wanted.first
        if abs(made.last - made.first - length) <= 2 / float(rate) + frame_length(source.info):
            return [], [Finding(FindingKind.CONSTANT_RATE, *counted, rate=float(rate), against_source=True)]
    return [Finding(FindingKind.FRAME_COUNT, *counted, against_source=True)], []
