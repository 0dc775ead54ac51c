"""Stretches of a video as a video of its own.

A film of more than a minute is made in pieces of about 30 s, between stretches, which are kept until it is published: a
run that is killed costs the piece it was at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.analysis.frames import begun
from reelmill.catalogue.models import Video
from reelmill.ffmpeg import build, joining, montage
from reelmill.ffmpeg.chunks import CHUNK_SECONDS
from reelmill.ffmpeg.cost import Cost, cost_of_all
from reelmill.ffmpeg.montage import Span
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.transcoder import Encoded
from reelmill.ffmpeg.verify import Expectation, verify_part
from reelmill.operations.parts import Parts, part_key
from reelmill.operations.publish import Product, publish
from reelmill.operations.workbench import Opened, Workbench
from reelmill.report import Part, Report

_IN_SOFTWARE: Final = "libx264"
#: A film of so many pieces is made by one command: little is lost with it.
_IN_ONE_GO: Final = 2
_PIECE: Final = Path("piece")


def cut(
    bench: Workbench,
    taken: Opened,
    spans: Sequence[Span],
    h264: build.H264,
    folder: Path,
    product: Product,
    report: Report,
) -> tuple[Video, Cost]:
    """Cut ``spans`` out frame-exactly, join them in their order, publish; answers with the record and its cost.

    Args:
        bench: what to work with.
        taken: the video.
        spans: start and end of each, in seconds, none overlapping.
        h264: how to encode.
        folder: a workspace.
        product: what it becomes; its expectation is filled in here.
        report: where the encode's progress goes.

    Raises:
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    film = _Film(bench, taken, spans, h264, folder, report)
    with Parts(bench, product.recipe, film.keys) as parts:
        staged, spent = film.in_pieces(parts) if film.keys else film.in_one_go()
        made = publish(bench, staged, replace(product, expected=of_one(taken.info, film.length, sum(film.counts))))
    read = taken.path.stat().st_size
    steps = [(step, step.energy) for step in spent]
    return made, cost_of_all(steps, film.length, bytes_in=read, bytes_out=made.size)


def grouped(counts: Sequence[int], least: Fraction) -> list[slice]:
    """Groups of neighbouring stretches, each of ``least`` frames or more (pure); the last may have fewer."""
    groups, first, frames = list[slice](), 0, 0
    for place, count in enumerate(counts):
        frames += count
        if frames >= least or place == len(counts) - 1:
            groups.append(slice(first, place + 1))
            first, frames = place + 1, 0
    return groups


class _Film:
    """The making of one film of stretches."""

    def __init__(
        self,
        bench: Workbench,
        taken: Opened,
        spans: Sequence[Span],
        h264: build.H264,
        folder: Path,
        report: Report,
    ) -> None:
        self._bench, self._taken, self._spans = bench, taken, spans
        self._h264, self._folder, self._report = h264, folder, report
        self._rate = montage.rate_of(taken.info)
        self.counts = montage.frames_of(spans, self._rate)
        self.length = sum((end - start for start, end in spans), Fraction(0))
        self._begins = begun(taken.path, [start for start, _ in spans])
        groups = grouped(self.counts, CHUNK_SECONDS * self._rate)
        self._groups = groups if len(groups) > _IN_ONE_GO else []
        self.keys = [part_key(bench, taken.video, taken.path, self._line(one, _PIECE, h264)) for one in self._groups]

    def in_one_go(self) -> tuple[Path, list[Encoded]]:
        """All by one command; answers with the file and what it cost."""
        taken, staged = self._taken, self._folder / "output.mp4"
        encoded = self._bench.transcoder.encode(
            lambda way: montage.joined(taken.path, taken.info, self._spans, staged, way, self._begins),
            self._h264, self._report, self.length,
        )  # fmt: skip
        return staged, [encoded]

    def in_pieces(self, parts: Parts) -> tuple[Path, list[Encoded]]:
        """Piece by piece; answers with the file and what each step cost."""
        pieces = [self._piece(parts, number) for number in range(len(self._groups))]
        film, heard, staged = (self._folder / name for name in ("pictures.mp4", "sounds.ffconcat", "output.mp4"))
        paths, spent = [path for path, _ in pieces], [encoded for _, encoded in pieces]
        joining.join(paths, joining.Timing.even(self._rate, sum(self.counts)), joining.DELAY, film)
        if self._taken.info.audio_tracks:
            lengths = [sum(self.counts[one]) / self._rate for one in self._groups]
            heard.write_text(joining.listed(paths, lengths), encoding="utf-8")
        line = joining.finish(film, heard if self._taken.info.audio_tracks else None, staged)
        spent.append(self._bench.transcoder.metered(line, _IN_SOFTWARE, Part(self._report, 0.95, 1), self.length))
        return staged, spent

    def _piece(self, parts: Parts, number: int) -> tuple[Path, Encoded]:
        one, count = self._groups[number], len(self._groups)
        share = Part(self._report, 0.95 * number / count, 0.95 * (number + 1) / count)
        length = sum(self.counts[one]) / self._rate
        name = f"piece {number + 1} of {count}"

        def encode(target: Path) -> Encoded:
            encoded = self._bench.transcoder.encode(lambda way: self._line(one, target, way), self._h264, share, length)
            heard = 1 if self._taken.info.audio_tracks else 0
            expected = Expectation(size=build.web_size(self._taken.info), audio_codec=None, audio_tracks=heard)
            verify_part(target, expected, name)
            return encoded

        return parts.made(self.keys[number], name, encode)

    def _line(self, one: slice, target: Path, way: build.H264) -> Sequence[str]:
        taken = self._taken
        return montage.piece(taken.path, taken.info, self._spans[one], self.counts[one], target, way, self._begins[one])


def of_one(info: MediaInfo, length: Fraction, frames: int) -> Expectation:
    """What a film of stretches of one video must be (pure).

    Args:
        info: the video's facts.
        length: of the film, in seconds.
        frames: of the film.
    """
    return Expectation(
        duration=length,
        frames=frames,
        size=build.web_size(info),
        audio_tracks=1 if info.audio_tracks else 0,
        sounds_throughout=True,
        tone_mapped=info.video.hdr is not None,
    )
