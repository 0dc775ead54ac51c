"""A sequence: whole videos one after the other in one file, copied as they are where they agree, sound levelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.models import Video
from reelmill.errors import InputError, OutputRejected
from reelmill.ffmpeg import build, joining
from reelmill.ffmpeg.copying import Form, NotCopyable, Track, shown, track
from reelmill.ffmpeg.cost import Cost, cost_of_all
from reelmill.ffmpeg.loudness import SILENCE, integrated
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.ffmpeg.verify import Expectation, verify_part
from reelmill.operations import room
from reelmill.operations.parts import Effort, Parts, Pictures, parts_of
from reelmill.operations.publish import Product, publish
from reelmill.operations.workbench import Workbench, fingerprint, recipe
from reelmill.report import Part

#: What every part is levelled to, in LUFS: the middle of what AES TD1008 (2021) asks of streams.
LOUDNESS: Final = -16.0
#: A whisper is not made a shout, in dB.
_MOST_GAIN: Final = 20.0
_LONGEST_SIDE: Final = 1920
_HIGHEST_RATE: Final = Fraction(60)
_USUAL_RATE: Final = Fraction(25)
_BT709: Final = 1
_IN_SOFTWARE: Final = "libx264"


@dataclass(frozen=True)
class Source:
    """A video and what was found of it."""

    video: Video
    path: Path
    info: MediaInfo
    begin: Fraction  # when its first picture is shown, in seconds
    seconds: Fraction  # of pictures
    found: Track | str  # or why it cannot be copied


@dataclass(frozen=True)
class Step:
    """How one video becomes a part."""

    frames: int
    begin: Fraction  # where in the video its sound begins, in seconds
    copied: bool
    why: str


@dataclass(frozen=True)
class Plan:
    """How all become one."""

    form: Form
    delay: int
    steps: tuple[Step, ...]

    def length(self, step: Step) -> Fraction:
        """Seconds of a part."""
        return step.frames / self.form.rate


class Piece(BaseModel):
    """One video in the finished sequence."""

    model_config = ConfigDict(frozen=True)

    source: str
    start: float  # in the sequence, seconds
    duration: float  # seconds
    copied: bool  # its pictures are its own, not encoded again
    why: str
    gain: float | None  # dB its sound was changed by; None without sound


class Pieces(BaseModel):
    """What is kept with the record of a sequence."""

    model_config = ConfigDict(frozen=True)

    pieces: tuple[Piece, ...]


def look(bench: Workbench, video: Video) -> Source:
    """Find out what there is to know of a video that is to be joined to others.

    Raises:
        InputError: it cannot be used.
        CapabilityError: it is HDR and this ffmpeg cannot show it otherwise.
    """
    path = bench.source(video)
    info = probe(path)
    bench.transcoder.require_tone_mapping(info)
    begin, seconds = shown(path)
    if not seconds:
        raise InputError(f"{video.path} does not say when its pictures are shown; re-encode it first.")
    try:
        return Source(video, path, info, begin, seconds, track(path, info))
    except NotCopyable as error:
        return Source(video, path, info, begin, seconds, str(error))


def plan(sources: Sequence[Source], *, copy: bool = True) -> Plan:
    """Decide what all are made into, and which need not be made (pure).

    The form that most seconds have already is everyone's, unless its pictures are less than half as large as usual.

    Args:
        sources: in their order.
        copy: join as they are those that agree.
    """
    tracks = [source.found if copy and isinstance(source.found, Track) else None for source in sources]
    seconds: defaultdict[Form, Fraction] = defaultdict(Fraction)
    for source, found in zip(sources, tracks, strict=True):
        if found is not None:
            seconds[found.form] += source.seconds
    usual = median(width * height for width, height in (build.web_size(source.info) for source in sources))
    worthy = {form: total for form, total in seconds.items() if 2 * form.width * form.height >= usual}
    form = max(worthy, key=lambda form: worthy[form]) if worthy else usual_form(sources)
    agreeing = [found if found is not None and found.form == form else None for found in tracks]
    return Plan(
        form=form,
        delay=max([joining.DELAY, *(found.delay for found in agreeing if found is not None)]),
        steps=tuple(_step(source, found, form) for source, found in zip(sources, agreeing, strict=True)),
    )


def _step(source: Source, agreeing: Track | None, form: Form) -> Step:
    if agreeing is not None:
        return Step(agreeing.frames, source.begin, copied=True, why="it agrees with the others")
    why = source.found if isinstance(source.found, str) else "its size, rate or colours are not those of the others"
    return Step(max(1, round(source.seconds * form.rate)), source.begin, copied=False, why=why)


def usual_form(sources: Sequence[Source]) -> Form:
    """The size and rate that most seconds of ``sources`` have, within what the web shows well (pure)."""
    sizes: defaultdict[tuple[int, int], Fraction] = defaultdict(Fraction)
    rates: defaultdict[Fraction, Fraction] = defaultdict(Fraction)
    for source in sources:
        sizes[build.web_size(source.info)] += source.seconds
        rates[min(source.info.video.frame_rate or _USUAL_RATE, _HIGHEST_RATE)] += source.seconds
    width, height = max(sizes, key=lambda size: sizes[size])
    scale = min(Fraction(1), Fraction(_LONGEST_SIDE, max(width, height)))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
    return Form(width, height, max(rates, key=lambda rate: rates[rate]), _BT709)


def gain(loudness: float) -> float:
    """By how many dB sound of this loudness (LUFS) is changed (pure); silence stays what it is."""
    return 0.0 if loudness <= SILENCE else min(_MOST_GAIN, LOUDNESS - loudness)


def produce(
    bench: Workbench, sources: Sequence[Source], h264: build.H264, folder: Path, product: Product
) -> tuple[Video, Cost, Effort]:
    """Make the sequence in ``folder`` and publish it, its details ``Pieces``; answers with it, its cost and its effort.

    Args:
        bench: what to work with.
        sources: in their order.
        h264: how parts are encoded.
        folder: the workspace of ``product.recipe``.
        product: what it becomes; its expectation and details are filled in here.

    Raises:
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    decided = plan(sources)
    with parts_of(bench, product.recipe, folder) as parts:
        try:
            made, cost = _Film(bench, sources, decided, h264, folder, parts).produce(product)
        except OutputRejected as error:
            if not any(step.copied for step in decided.steps):
                raise
            bench.report.line(f"joined as they are they do not play well ({error}); every part is encoded instead")
            decided = plan(sources, copy=False)
            made, cost = _Film(bench, sources, decided, h264, folder, parts).produce(product)
    return made, cost, parts.effort


class _Film:
    """The making of one sequence; each part adds to its lists."""

    def __init__(
        self,
        bench: Workbench,
        sources: Sequence[Source],
        decided: Plan,
        h264: build.H264,
        folder: Path,
        parts: Parts,
    ) -> None:
        self._bench, self._sources, self._plan, self._h264, self._folder = bench, sources, decided, h264, folder
        self._parts = parts
        self._heard = any(source.info.audio_tracks for source in sources)
        self._length = sum((decided.length(step) for step in decided.steps), Fraction(0))
        self._pictures: list[Path] = []
        self._sounds: list[Path] = []
        self._pieces: list[Piece] = []

    def produce(self, product: Product) -> tuple[Video, Cost]:
        """Make every part, join them, publish."""
        form, report = self._plan.form, self._bench.report
        parts = f"{len(self._sources)} parts of {form.width}x{form.height}"
        report.line(f"{parts} at {float(form.rate):.3f} pictures a second")
        self._bench.disk.require(self._room())
        begin = Fraction(0)
        for source, step in zip(self._sources, self._plan.steps, strict=True):
            begin = self._part(source, step, begin)
        staged = self._join()
        product = replace(
            product,
            expected=Expectation(
                duration=self._length,
                frames=sum(step.frames for step in self._plan.steps),
                size=(form.width, form.height),
                audio_tracks=1 if self._heard else 0,
                sounds_throughout=True,
            ),
            details=Pieces(pieces=tuple(self._pieces)).model_dump(mode="json"),
        )
        made = publish(self._bench, staged, product)
        spent = [(step, step.energy) for step in self._parts.spent]
        read = sum(source.video.size for source in self._sources)
        return made, cost_of_all(spent, self._length, bytes_in=read, bytes_out=made.size)

    def _room(self) -> int:
        form, steps = self._plan.form, list(zip(self._sources, self._plan.steps, strict=True))
        copied = [source.video.size for source, step in steps if step.copied]
        encoded = sum((self._plan.length(step) for _, step in steps if not step.copied), Fraction(0))
        return room.sequence(copied, encoded, self._length, (form.width, form.height), form.rate, self._h264)

    def _part(self, source: Source, step: Step, begin: Fraction) -> Fraction:
        """Make one part that begins at ``begin`` seconds; answers when it ends."""
        end = begin + self._plan.length(step)
        share = Part(self._bench.report, float(0.9 * begin / self._length), float(0.9 * end / self._length))
        self._add_pictures(source, step, share)
        change: float | None = None
        if self._heard:
            samples = round(end * joining.SAMPLE_RATE) - round(begin * joining.SAMPLE_RATE)
            change = self._add_sound(source, step, samples, share)
        done = "joined as it is" if step.copied else f"encoded: {step.why}"
        self._bench.report.line(f"part {len(self._pieces) + 1}: {source.video.path}, {done}")
        self._pieces.append(
            Piece(
                source=source.video.path, start=float(begin), duration=float(end - begin),
                copied=step.copied, why=step.why, gain=change,
            )
        )  # fmt: skip
        return end

    def _add_pictures(self, source: Source, step: Step, share: Part) -> None:
        """Of the video itself where they need not be encoded."""
        if step.copied:
            self._pictures.append(source.path)
            return
        form = self._plan.form
        wanted = Pictures(
            name=f"part {len(self._pieces) + 1}",
            of=recipe("part of a sequence", self._prints(source), form=str(form), frames=step.frames),
            frames=step.frames,
            rate=form.rate,
            graph=lambda first: joining.fitted_to(source.path, source.info, form, first),
            options={"bf": joining.DELAY},
        )
        for piece in self._parts.pictures(wanted, self._h264, share):
            verify_part(piece.path, Expectation(size=(form.width, form.height), audio_tracks=0), wanted.name)
            self._pictures.append(piece.path)

    def _add_sound(self, source: Source, step: Step, samples: int, share: Part) -> float | None:
        """Answers by how many dB it is changed; None where there is none to hear."""

        def make(target: Path) -> dict[str, Any]:
            change = gain(integrated(source.path)) if source.info.audio_tracks else None
            path = None if change is None else source.path
            line = joining.sound(path, target, begin=step.begin, samples=samples, gain=change or 0.0)
            self._parts.metered(line, _IN_SOFTWARE, Part(share, 1, 1), self._plan.length(step))
            return {"frames": 0, "gain": change}

        of = recipe("sound of a sequence", self._prints(source), begin=str(step.begin), samples=samples, to=LOUDNESS)
        made = self._parts.whole(of, f"the sound of part {len(self._pieces) + 1}", make)
        self._sounds.append(made.path)
        change: float | None = made.facts["gain"]
        return change

    def _prints(self, source: Source) -> list[dict[str, Any]]:
        return [fingerprint(source.video, source.path)]

    def _join(self) -> Path:
        film, heard, staged = (self._folder / name for name in ("pictures.mp4", "sounds.ffconcat", "output.mp4"))
        timing = joining.Timing.even(self._plan.form.rate, sum(step.frames for step in self._plan.steps))
        joining.join(self._pictures, timing, self._plan.delay, film)
        if self._heard:
            lengths = [self._plan.length(step) for step in self._plan.steps]
            heard.write_text(joining.listed(self._sounds, lengths), encoding="utf-8")
        arguments = joining.finish(film, heard if self._heard else None, staged)
        share = Part(self._bench.report, 0.9, 0.95)
        self._parts.metered(arguments, _IN_SOFTWARE, share, self._length)
        return staged
