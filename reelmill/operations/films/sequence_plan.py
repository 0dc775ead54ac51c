"""How videos become one sequence: its form, which of them are joined as they are, and what is made of the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Final

from reelmill.catalogue.models import Video
from reelmill.errors import InputError
from reelmill.ffmpeg.commands import concat
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.audio.audio_jitter import with_jitter
from reelmill.ffmpeg.reading.audio.loudness import SILENCE
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.stream_copy import CopyableTrack, Form, NotCopyable, copyable_track, shown_interval
from reelmill.operations.chunk_store.readable import readable
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import SourceContent, recipe
from reelmill.troubles import Flaw

#: What every segment is levelled to, in LUFS: the middle of what AES TD1008 (2021) asks of streams.
LOUDNESS: Final = -16.0
#: A whisper is not made a shout, in dB.
_MOST_GAIN: Final = 20.0
_LONGEST_SIDE: Final = 1920
_HIGHEST_RATE: Final = Fraction(60)
_USUAL_RATE: Final = Fraction(25)
_BT709: Final = 1


@dataclass(frozen=True)
class SequenceSource:
    """A video that is to be joined to others, with what was read of it."""

    video: Video
    path: Path
    info: MediaInfo
    begin: Fraction  # when its first frame is shown, in seconds
    seconds: Fraction  # of frames
    track: CopyableTrack | str  # or why it cannot be copied
    content: SourceContent  # what it is by


@dataclass(frozen=True)
class SegmentPlan:
    """How one video becomes a segment of the sequence."""

    frames: int
    begin: Fraction  # where in the video its audio begins, in seconds
    copied: bool
    why: str


@dataclass(frozen=True)
class SequencePlan:
    """How all become one."""

    form: Form
    delay: int
    segments: tuple[SegmentPlan, ...]

    @property
    def frames(self) -> int:
        """Of all segments."""
        return sum(segment.frames for segment in self.segments)

    @property
    def length(self) -> Fraction:
        """Seconds of all segments."""
        return self.frames / self.form.rate

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.form.width, self.form.height

    def length_of(self, segment: SegmentPlan) -> Fraction:
        """Seconds of one segment."""
        return segment.frames / self.form.rate


def read_source(bench: Workbench, video: Video) -> SequenceSource:
    """Read what a plan needs to know of a video.

    Args:
        bench: what to work with.
        video: the record.

    Returns:
        The video as a source of a sequence.

    Raises:
        InputError: it cannot be used.
        CapabilityError: it is HDR and this ffmpeg cannot show it otherwise.
    """
    path, info = readable(bench, video, bench.source(video))
    bench.transcoder.require_tone_mapping(info)
    begin, seconds = shown_interval(path)
    if not seconds:
        reason = f"{video.path} does not say when its frames are shown; re-encode it first."
        raise InputError(reason, video.path, Flaw.NO_TIMES)
    track: CopyableTrack | str
    try:
        track = copyable_track(path, info)
    except NotCopyable as error:
        track = str(error)
    content = bench.content(video, path, info.video.number)
    info = with_jitter(path, info)
    return SequenceSource(video, path, info, begin, seconds, track, content)


def plan(sources: Sequence[SequenceSource], *, copy: bool = True) -> SequencePlan:
    """Decide what all are made into, and which need not be made (pure).

    The form that most seconds have already is everyone's, unless its frames are less than half as large as usual.

    Args:
        sources: in their order.
        copy: join as they are those that agree.

    Returns:
        The plan, with a segment for each source.
    """
    tracks = [source.track if copy and isinstance(source.track, CopyableTrack) else None for source in sources]
    seconds: defaultdict[Form, Fraction] = defaultdict(Fraction)
    for source, track in zip(sources, tracks, strict=True):
        if track is not None:
            seconds[track.form] += source.seconds
    usual = median(width * height for width, height in (web_size(source.info) for source in sources))
    worthy = {form: total for form, total in seconds.items() if 2 * form.width * form.height >= usual}
    form = max(worthy, key=lambda form: worthy[form]) if worthy else usual_form(sources)
    agreeing = [track if track is not None and track.form == form else None for track in tracks]
    return SequencePlan(
        form=form,
        delay=max([concat.DELAY, *(track.delay for track in agreeing if track is not None)]),
        segments=tuple(_plan_segment(source, track, form) for source, track in zip(sources, agreeing, strict=True)),
    )


def _plan_segment(source: SequenceSource, agreeing: CopyableTrack | None, form: Form) -> SegmentPlan:
    if agreeing is not None:
        return SegmentPlan(agreeing.frames, source.begin, copied=True, why="it agrees with the others")
    why = source.track if isinstance(source.track, str) else "its size, rate or colours are not those of the others"
    return SegmentPlan(max(1, round(source.seconds * form.rate)), source.begin, copied=False, why=why)


def usual_form(sources: Sequence[SequenceSource]) -> Form:
    """The size and rate that most seconds of ``sources`` have, within what the web shows well (pure)."""
    sizes: defaultdict[tuple[int, int], Fraction] = defaultdict(Fraction)
    rates: defaultdict[Fraction, Fraction] = defaultdict(Fraction)
    for source in sources:
        sizes[web_size(source.info)] += source.seconds
        rates[min(source.info.video.frame_rate or _USUAL_RATE, _HIGHEST_RATE)] += source.seconds
    width, height = max(sizes, key=lambda size: sizes[size])
    scale = min(Fraction(1), Fraction(_LONGEST_SIDE, max(width, height)))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
    return Form(width, height, max(rates, key=lambda rate: rates[rate]), _BT709)


def gain(loudness: float) -> float:
    """By how many dB audio of this loudness (LUFS) is changed (pure); silence stays what it is."""
    return 0.0 if loudness <= SILENCE else min(_MOST_GAIN, LOUDNESS - loudness)


def frames_recipe(content: SourceContent, form: Form, frames: int) -> str:
    """The recipe of the frames of a segment (pure).

    The form is written as earlier versions wrote it: what they have stored is found by this text.

    Args:
        content: of the source.
        form: of the sequence.
        frames: of the segment.

    Returns:
        A hash.
    """
    text = f"Form(width={form.width}, height={form.height}, rate={form.rate!r}, matrix={form.matrix})"
    return recipe("part of a sequence", [content], form=text, frames=frames)


def audio_recipe(content: SourceContent, begin: Fraction, samples: int) -> str:
    """The recipe of the levelled audio of a segment (pure).

    Args:
        content: of the source.
        begin: where in the source the audio begins, in seconds.
        samples: how long it is.

    Returns:
        A hash.
    """
    return recipe("sound of a sequence", [content], begin=str(begin), samples=samples, to=LOUDNESS, holes="filled")
