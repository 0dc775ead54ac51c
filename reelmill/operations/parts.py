"""The parts of a film that is put together: each made once, found by the next try, dropped when the film is published.

They are pieces of the chunk store: pictures in pieces of ``Workbench.chunk_seconds``, sound and small copies whole. A
hash of what it depends on names each, so that another job that needs the same finds it, too. A film that is one piece
long is encoded in one go: nothing of it could be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from reelmill.errors import FfmpegFailed, OutputRejected
from reelmill.ffmpeg import build, joining, pieces
from reelmill.ffmpeg.binary import version
from reelmill.ffmpeg.transcoder import Encoded
from reelmill.operations.store import Piece, Store
from reelmill.operations.tidying import always, tidy
from reelmill.operations.workbench import Workbench, recipe
from reelmill.operations.workspace import held
from reelmill.report import Part, Report
from reelmill.settings import get_settings

_SOFTWARE: Final = "libx264"
#: Whoever claims what another is about to drop waits a moment.
_CLAIMING: Final = "claims of the chunk store"
#: Of a film's making, in the progress bar.
_PICTURED: Final = 0.9
_HEARD: Final = 0.95


class Effort(BaseModel):
    """How much of a film was encoded in this run; the result of a job that makes one says it."""

    model_config = ConfigDict(frozen=True)

    chunks: int = 0  # pieces with pictures that were needed
    chunks_reused: int = 0  # of which an earlier run, that was cut short, had made so many
    frames_encoded: int = 0  # in this run


@dataclass(frozen=True)
class Pictures:
    """Pictures at an even rate that are to be encoded."""

    name: str  # as people see it
    of: str  # a recipe of what is seen
    frames: int
    rate: Fraction
    graph: Callable[[int], Any]  # filtered, from the picture of that number on
    options: Mapping[str, Any] = field(default_factory=dict)  # more of the encoder's


@dataclass(frozen=True)
class Film:
    """Pictures and their sound, and how both are made in one go."""

    pictures: Pictures
    sound: Any | None  # filtered; None: it is silent
    whole: Callable[[build.H264, Path], Sequence[str]]
    heard: Mapping[str, Any] = field(default_factory=dict)  # more options of the sound's encoder


class Parts:
    """Those of one job, while it is in its workspace."""

    def __init__(self, bench: Workbench, key: str, folder: Path):
        self.spent: list[Encoded] = []
        self._bench, self._recipe, self._folder = bench, key, folder
        self._store, self._build = Store(bench.root), version(bench.transcoder.ffmpeg)
        self._claimed: set[str] = set()
        self._counts = {"chunks": 0, "chunks_reused": 0, "frames_encoded": 0}

    @property
    def effort(self) -> Effort:
        """So far."""
        return Effort(**self._counts)

    def whole(self, of: str, name: str, make: Callable[[Path], dict[str, Any]]) -> Piece:
        """A part that is made at once.

        Args:
            of: a recipe of all it depends on but the ffmpeg.
            name: as people see it.
            make: writes the file and answers with what to note of it; ``frames`` among that counts as encoded.

        Raises:
            FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong.
        """
        key = recipe("part", [], of=of, build=self._build)
        self._claim([key])
        found = self._store.find(key)
        if found is not None:
            self._bench.report.line(f"{name} was made before")
            self._count(found, reused=True)
            return found
        made = self._folder / f"{key}.part"
        facts = make(made)
        pieces.check_opens(made, name)
        kept = self._store.keep(key, made, facts)
        self._count(kept, reused=False)
        return kept

    def pictures(self, wanted: Pictures, h264: build.H264, report: Report) -> list[Piece]:
        """The pieces of ``wanted`` in their order; ``facts["delay"]`` says how many pictures each reads ahead.

        Raises:
            GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; pieces that were written stay.
        """
        try:
            return self._pictures(wanted, h264, report)
        except FfmpegFailed as error:
            h264 = self._bench.transcoder.instead(error, h264, report)
        return self._pictures(wanted, h264, report)

    def _pictures(self, wanted: Pictures, h264: build.H264, report: Report) -> list[Piece]:
        spans = pieces.spans(wanted.frames, self._each(wanted.rate))
        options = {**h264.options(), **wanted.options}
        options.pop("threads", None)
        keys = [
            recipe("piece", [], of=wanted.of, span=span, rate=str(wanted.rate), build=self._build, **options)
            for span in spans
        ]
        self._claim(keys)
        found = [self._store.find(key) for key in keys]
        there = [piece for piece in found if piece is not None]
        if there:
            self._bench.report.line(f"{wanted.name}: {len(there)} of {len(spans)} pieces were made before")
        for first, end in missing(found):
            ends = [spans[first][0] / wanted.frames, spans[end - 1][1] / wanted.frames]
            run = _Run(self, wanted, spans[first:end], keys[first:end], self._folder, self._each(wanted.rate))
            found[first:end] = run.encode(h264, Part(report, *ends))
        for piece in there:
            self._count(piece, reused=True)
        return [piece for piece in found if piece is not None]

    def film(self, film: Film, h264: build.H264, staged: Path, report: Report) -> None:
        """Make a whole film at ``staged``.

        Raises:
            GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; pieces that were written stay.
        """
        pictures, transcoder = film.pictures, self._bench.transcoder
        length = pictures.frames / pictures.rate
        if len(pieces.spans(pictures.frames, self._each(pictures.rate))) == 1:
            encoded = transcoder.encode(lambda way: film.whole(way, staged), h264, report, length)
            self.spent.append(encoded)
            self._counts["chunks"] += 1
            self._counts["frames_encoded"] += encoded.last.frames
            return
        made = self.pictures(pictures, h264, Part(report, 0, _PICTURED))
        sound = None if film.sound is None else self._sound(film, Part(report, _PICTURED, _HEARD)).path
        joined = self._folder / "pictures.mp4"
        timing = joining.Timing.even(pictures.rate, pictures.frames)
        joining.join([piece.path for piece in made], timing, max(piece.facts["delay"] for piece in made), joined)
        line = pieces.together(joined, sound, staged)
        self.metered(line, _SOFTWARE, Part(report, _HEARD, 1), length)
        joined.unlink(missing_ok=True)

    def _sound(self, film: Film, report: Report) -> Piece:
        def make(target: Path) -> dict[str, Any]:
            line = pieces.heard(film.sound, target, **film.heard)
            self.metered(line, _SOFTWARE, report, film.pictures.frames / film.pictures.rate)
            return {"frames": 0}

        return self.whole(recipe("sound", [], of=film.pictures.of), "the sound", make)

    def keep(self, key: str, made: Path, facts: dict[str, Any]) -> Piece:
        """Take a piece of pictures that was just written."""
        kept = self._store.keep(key, made, facts)
        self._count(kept, reused=False)
        return kept

    def metered(self, line: Sequence[str], encoder: str, report: Report, length: Fraction) -> Encoded:
        """Run an encode; what it cost counts."""
        self.spent.append(self._bench.transcoder.metered(line, encoder, report, length))
        return self.spent[-1]

    def settle(self) -> None:
        """Drop what nobody else has claimed."""
        if self._claimed:
            with held(_CLAIMING, self._bench.report):
                others = (claim.keys for claim in self._store.claims() if claim.recipe != self._recipe)
                self._store.drop(self._claimed.difference(*others))
                self._store.release(self._recipe)

    def _each(self, rate: Fraction) -> int:
        return max(1, round(self._bench.chunk_seconds * rate))

    def _claim(self, keys: Sequence[str]) -> None:
        """What an earlier try claimed stays claimed, so that nothing of it goes before it is asked for."""
        begun = bool(self._claimed)
        with held(_CLAIMING, self._bench.report):
            if not begun:
                earlier = (claim.keys for claim in self._store.claims() if claim.recipe == self._recipe)
                self._claimed.update(*earlier)
            self._claimed.update(keys)
            self._store.claim(self._recipe, self._bench.run_id, sorted(self._claimed))
        if not begun:
            tidy(self._bench.root, get_settings().chunk_store_bytes, always, self._bench.report)

    def _count(self, piece: Piece, *, reused: bool) -> None:
        frames = piece.facts["frames"]
        if frames:
            self._counts["chunks"] += 1
            self._counts["chunks_reused" if reused else "frames_encoded"] += 1 if reused else frames


@contextmanager
def parts_of(bench: Workbench, key: str, folder: Path) -> Iterator[Parts]:
    """The parts of the job with the recipe ``key``, which holds the workspace ``folder``.

    They are dropped at the end, and where what was made of them is not as it should be; after any other error they stay
    for the next try.
    """
    parts = Parts(bench, key, folder)
    try:
        yield parts
    except OutputRejected:  # whichever is bad, none is used again
        parts.settle()
        raise
    parts.settle()


def missing(found: Sequence[Piece | None]) -> list[tuple[int, int]]:
    """Runs of pieces that are not there (pure): the first of each, and the one after its last."""
    runs: list[tuple[int, int]] = []
    for number, piece in enumerate(found):
        if piece is None and runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        elif piece is None:
            runs.append((number, number + 1))
    return runs


@dataclass(frozen=True)
class _Run:
    """One encoder at work on pieces that follow one another; each is taken as soon as it is whole."""

    parts: Parts
    wanted: Pictures
    spans: Sequence[tuple[int, int]]
    keys: Sequence[str]
    folder: Path
    each: int
    made: list[Piece] = field(default_factory=list)

    def encode(self, h264: build.H264, report: Report) -> list[Piece]:
        """All of them."""
        wanted, first, end = self.wanted, self.spans[0][0], self.spans[-1][1]
        for span in self.spans:  # of an encoder that this one stands in for
            self._file(span).unlink(missing_ok=True)
        line = pieces.written(
            wanted.graph(first), self.spans, wanted.rate, self.each, self.folder, h264, **wanted.options
        )
        self.parts.metered(line, h264.encoder, _Taking(report, self), (end - first) / wanted.rate)
        self.take(len(self.spans))
        return self.made

    def take(self, count: int) -> None:
        """Bring the first ``count`` pieces into the store."""
        for span, key in list(zip(self.spans, self.keys, strict=True))[len(self.made) : count]:
            name = f"{self.wanted.name}, pictures {span[0] + 1} to {span[1]}"
            made, frames = self._file(span), span[1] - span[0]
            facts = {"frames": frames, "delay": pieces.check(made, frames, name)}
            self.made.append(self.parts.keep(key, made, facts))

    def whole(self) -> int:
        """How many are written whole: each that another has followed."""
        begun = (number for number, span in enumerate(self.spans) if number and self._file(span).exists())
        return max(begun, default=0)

    def _file(self, span: tuple[int, int]) -> Path:
        return pieces.piece(self.folder, span[0], self.each)


class _Taking(Part):
    """Takes what is written at each progress."""

    def __init__(self, whole: Report, run: _Run):
        super().__init__(whole, 0, 1)
        self._run = run

    def progress(self, fraction: float, text: str = "") -> None:
        """See ``Report.progress``."""
        self._run.take(self._run.whole())
        super().progress(fraction, text)
