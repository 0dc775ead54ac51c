"""GIF: a segment of a video as an animated image that fits a size limit, kept under ``gifs/``."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.models import AssetKind
from reelmill.errors import OutputRejected, WrongParameter
from reelmill.ffmpeg.commands import gif
from reelmill.ffmpeg.commands.gif import GifSegment, Step
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.verify.gif_proof import GifFacts, read_gif, verify_gif
from reelmill.operations.chunk_store.readable import open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived import asset_rows
from reelmill.operations.derived.asset_rows import Role
from reelmill.operations.derived.image_names import image_name
from reelmill.operations.moment import reached
from reelmill.operations.once import files_once
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ResultCard, ResultImage
from reelmill.queue.job_type import JobType
from reelmill.report import Report, Share
from reelmill.storage import file_mark
from reelmill.storage.media_root import GIFS
from reelmill.wording import in_bytes, in_seconds, plural

JOB_TYPE: Final = JobType(folder=GIFS)

#: Which way of making it; part of the recipe.
_VERSION: Final = "own-matrix-1"

_MB: Final = 1_000_000  # bytes
#: An attempt is ended at so many times the limit: what it would have come to can be estimated by then.
_ENOUGH: Final = 3


class GifResult(BaseModel):
    """The GIF that was made, or found."""

    model_config = ConfigDict(frozen=True)

    path: str  # relative to the media root
    source: str
    width: int  # pixels
    height: int
    fps: float  # frames a second
    frames: int
    duration: float  # seconds
    size: int  # bytes
    reused: bool  # an earlier run had made it

    def result_card(self) -> ResultCard:
        """The result for people."""
        gif_facts = f"{self.path}, {in_seconds(self.duration)}, {in_bytes(self.size)}"
        made = "was made before" if self.reused else "was made"
        return ResultCard(
            title=f"A GIF of {self.source} {made}: {gif_facts}",
            rows=(
                ("made", self.path),
                ("frames", f"{plural(self.frames, 'frame')} of {self.width}x{self.height}, {self.fps:g} a second"),
                ("size", in_bytes(self.size)),
            ),
            notes=("an earlier run had made it and it is still good",) if self.reused else (),
            images=(ResultImage(self.path, f"{self.path}, half-way", (self.duration / 2,)),),
        )


def visible_range(name: str, length: Fraction | None, start: float, duration: float) -> tuple[Fraction, Fraction]:
    """Start and length of what can be shown, in seconds: a time range that runs over the end is cut there (pure).

    Args:
        name: of the video, for people.
        length: of the video in seconds; None where it is unknown.
        start: wanted, in seconds.
        duration: wanted, in seconds.

    Returns:
        Start and length.

    Raises:
        WrongParameter: the video has nothing there.
    """
    begin = Fraction(start).limit_denominator(1_000_000)
    wanted = Fraction(duration).limit_denominator(1_000_000)
    if begin < 0 or (length is not None and begin >= length):
        long = "of unknown length" if length is None else f"{float(length):.2f} s long"
        raise WrongParameter(f"There is nothing to show at {start:g} s: {name} is {long}.", "start", start)
    return begin, wanted if length is None else min(wanted, length - begin)


def compile_gif(
    bench: Workbench,
    video_id: str,
    *,
    start: float = 0.0,
    duration: float = 5.0,
    width: int = 480,
    fps: int = 12,
    max_mb: float = 8.0,
) -> GifResult:
    """Make the GIF; the same segment with the same settings is made once.

    Args:
        bench: what to work with.
        video_id: which video.
        start: seconds from its beginning.
        duration: seconds; less where the video ends before.
        width: pixels at most; never more than the video has.
        fps: frames a second at most.
        max_mb: megabytes (a million bytes) at most; width and rate are lowered until it fits.

    Returns:
        The GIF, made now or found made.

    Raises:
        UnknownVideo, FileMissing, InputError: the video cannot be read.
        UserError: it has nothing at ``start``, or does not fit ``max_mb`` however small.
        FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    opened = open_video(bench, video_id)
    video, source, info = opened.video, opened.path, opened.info
    bench.transcoder.require_tone_mapping(info)
    whole = info.video.duration or info.duration
    begin, length = visible_range(video.path, whole, start, duration)
    if length < Fraction(duration).limit_denominator(1_000_000):
        bench.report.line(f"{video.path} ends {float(length):.2f} s after that: the GIF is so long")
    settings = {"start": start, "duration": duration, "width": width, "fps": fps, "max_mb": max_mb}
    key = recipe("compile_gif", [opened.content], None, version=_VERSION, **settings)
    relative = f"{image_name(bench, video, opened.content, key, JOB_TYPE.folder, '.gif')}.gif"
    final, written = bench.root.path / relative, list[GifFacts]()

    def write(target: Path) -> None:
        seek_point = reached(video.path, source, begin, whole)
        if seek_point.shown >= begin + length:
            late = f"{video.path} shows its first frame at {float(seek_point.shown):.2f} s"
            raise WrongParameter(f"There is nothing to show from {start:g} s on: {late}.", "start", start)
        segment = GifSegment(source, info, begin, length, seek_point)
        work = _Work(segment, video.path, target)
        written.append(_encode_to_fit(bench, work, gif.ladder(info, width, fps), round(max_mb * _MB)))

    room = round(_ENOUGH * max_mb * _MB)  # the most an attempt takes
    reused = files_once(bench, key, {relative: write}, room=room)
    made = read_gif(final) if reused else written[-1]
    asset_rows.record(video, asset_rows.rows(bench, video, opened.content, key, {relative: Role(AssetKind.GIF)}))
    bench.report.line(f"output: {relative}, {final.stat().st_size} bytes")
    bench.report.progress(1.0, "done")
    return GifResult(
        path=relative,
        source=video.path,
        width=made.width,
        height=made.height,
        fps=round(float(made.frames / made.duration), 2),
        frames=made.frames,
        duration=float(made.duration),
        size=final.stat().st_size,
        reused=reused,
    )


@dataclass(frozen=True)
class _Work:
    """What is shown, and where the work on it is."""

    segment: GifSegment
    name: str
    film: Path


def _encode_to_fit(bench: Workbench, work: _Work, steps: tuple[Step, ...], limit: int) -> GifFacts:
    """Encode, smaller and smaller, until it fits; verified and on the disk."""
    step, done = steps[0], 0.0
    while (
        size := _encode(bench, Share(bench.report, done, (1 + done) / 2), work, step, limit)
    ) > limit - file_mark.ROOM:
        takes = f"{work.name}: {float(work.segment.length):g} s of it take {size / _MB:.2f} MB"
        following = gif.smaller(steps, step, size, limit)
        if following is None:
            raise WrongParameter(
                f"{takes} even as {step}, and {limit / _MB:g} MB are allowed; "
                "ask for a shorter segment, or for a larger max_mb.",
                "max_mb",
                limit / _MB,
            )
        bench.report.line(f"{takes} as {step}, and {limit / _MB:g} MB are allowed: stepping down to {following}")
        step, done = following, (1 + done) / 2
    return verify_gif(work.film, work.segment, step, work.name)


def _encode(bench: Workbench, report: Report, work: _Work, step: Step, limit: int) -> int:
    """Run both passes; the bytes of the whole, estimated where they were so many that ffmpeg was stopped."""
    colours = work.film.with_name("palette.png")
    given = work.segment, step
    bench.transcoder.run(gif.palette(*given, colours), Share(report, 0.0, 0.4), work.segment.length)
    stop = _ENOUGH * limit
    work.film.unlink(missing_ok=True)  # of the attempt before
    command = gif.film(*given, colours, work.film, stop=stop)
    finished = bench.transcoder.run(command, Share(report, 0.4, 1.0), work.segment.length)
    if not work.film.exists():
        gone = Finding(FindingKind.MISSING, text="ffmpeg made none")
        raise OutputRejected(f"ffmpeg made no GIF of {work.name}, and reported no error.", (gone,))
    size, frames, wanted = work.film.stat().st_size, finished.last.frames, work.segment.frames(step.fps)
    return size * wanted // max(1, frames) if size >= stop and frames < wanted else size
