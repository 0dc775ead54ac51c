"""GIF: a stretch of a video as an animated picture that fits a size limit, kept under ``gifs/``."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.errors import InputError, OutputRejected, UserError
from reelmill.ffmpeg import gif
from reelmill.ffmpeg.decode import check_whole, shown_at
from reelmill.ffmpeg.gif import Step, Stretch
from reelmill.ffmpeg.probe import MediaInfo, probe
from reelmill.layout import GIFS
from reelmill.operations.durable import fsync, place
from reelmill.operations.workbench import Workbench, fingerprint, open_video, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part, Report

_MB: Final = 1_000_000  # bytes
#: An attempt is ended at so many times the limit: what it would have come to can be told by then.
_ENOUGH: Final = 3
#: How the looping of a GIF is written: the extension's name, a block of three bytes, 0 times meaning for ever.
_FOREVER: Final = b"NETSCAPE2.0\x03\x01\x00\x00\x00"
_CODEC: Final = "gif"
_HEADER: Final = 1024  # bytes within which it stands: screen, colour table, extension


class GifResult(BaseModel):
    """The GIF that was made, or found."""

    model_config = ConfigDict(frozen=True)

    path: str  # relative to the media root
    source: str
    width: int  # pixels
    height: int
    fps: float  # pictures a second
    frames: int
    duration: float  # seconds
    size: int  # bytes
    reused: bool  # an earlier run had made it


@dataclass(frozen=True)
class _Made:
    """What is in a GIF, by decoding it."""

    codec: str
    width: int
    height: int
    frames: int
    duration: Fraction  # seconds
    forever: bool


def stretch(name: str, length: Fraction | None, start: float, duration: float) -> tuple[Fraction, Fraction]:
    """Start and length of what can be shown, in seconds: a stretch that runs over the end is cut there (pure).

    Args:
        name: of the video, for people.
        length: of the video in seconds; None where it does not say.
        start: wanted, in seconds.
        duration: wanted, in seconds.

    Raises:
        UserError: the video has nothing there.
    """
    begin = Fraction(start).limit_denominator(1_000_000)
    wanted = Fraction(duration).limit_denominator(1_000_000)
    if begin < 0 or (length is not None and begin >= length):
        long = "of unknown length" if length is None else f"{float(length):.2f} s long"
        raise UserError(f"There is nothing to show at {start:g} s: {name} is {long}.")
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
    """Make the GIF; the same stretch with the same settings is made once.

    Args:
        bench: what to work with.
        video_id: which video.
        start: seconds from its beginning.
        duration: seconds; less where the video ends before.
        width: pixels at most; never more than the video has.
        fps: pictures a second at most.
        max_mb: megabytes (a million bytes) at most; width and rate are lowered until it fits.

    Raises:
        UnknownVideo, FileMissing, InputError: the video cannot be read.
        UserError: it has nothing at ``start``, or does not fit ``max_mb`` however small.
        FfmpegFailed, Stalled, DiskFull, OutputRejected: it went wrong; nothing was published.
    """
    taken = open_video(bench, video_id)
    video, source, info = taken.video, taken.path, taken.info
    bench.transcoder.require_tone_mapping(info)
    begin, length = stretch(video.path, info.video.duration or info.duration, start, duration)
    if length < Fraction(duration).limit_denominator(1_000_000):
        bench.report.line(f"{video.path} ends {float(length):.2f} s after that: the GIF is so long")
    asked = {"start": start, "duration": duration, "width": width, "fps": fps, "max_mb": max_mb}
    key = recipe("compile_gif", [fingerprint(video, source)], **asked)
    relative = f"{GIFS}/{video.id}-{key[:8]}.gif"
    final = bench.root.path / relative
    with workspace(bench.root, key, bench.report) as folder:
        reused = final.exists()
        if not reused:
            bench.disk.require(round(_ENOUGH * max_mb * _MB))  # the most an attempt takes
            part = Stretch(begin, length, shown_at(source, begin))
            work = _Work(source, info, part, video.path, folder)
            _make(bench, work, gif.ladder(info, width, fps), round(max_mb * _MB))
            place(work.film, final)
        made = _look(final)
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

    source: Path
    info: MediaInfo
    stretch: Stretch
    name: str
    folder: Path

    @property
    def film(self) -> Path:
        return self.folder / "film.gif"


def _make(bench: Workbench, work: _Work, steps: tuple[Step, ...], limit: int) -> None:
    """Encode, smaller and smaller, until it fits; verified and on the disk."""
    step, done = steps[0], 0.0
    while (size := _encode(bench, Part(bench.report, done, (1 + done) / 2), work, step, limit)) > limit:
        takes = f"{work.name}: {float(work.stretch.length):g} s of it take {size / _MB:.2f} MB"
        following = gif.smaller(steps, step, size, limit)
        if following is None:
            raise UserError(
                f"{takes} even as {step}, and {limit / _MB:g} MB are allowed; "
                "ask for a shorter stretch, or for a larger max_mb."
            )
        bench.report.line(f"{takes} as {step}, and {limit / _MB:g} MB are allowed: stepping down to {following}")
        step, done = following, (1 + done) / 2
    _verify(work, step)
    fsync(work.film)


def _encode(bench: Workbench, report: Report, work: _Work, step: Step, limit: int) -> int:
    """Both passes; answers with the bytes of the whole, estimated where it was so many that ffmpeg was stopped."""
    colours = work.folder / "palette.png"
    given = work.source, work.info, work.stretch, step
    bench.transcoder.run(gif.palette(*given, colours), Part(report, 0.0, 0.4), work.stretch.length)
    stop = _ENOUGH * limit
    work.film.unlink(missing_ok=True)  # of the attempt before
    command = gif.film(*given, colours, work.film, stop=stop)
    finished = bench.transcoder.run(command, Part(report, 0.4, 1.0), work.stretch.length)
    if not work.film.exists():
        raise OutputRejected(f"ffmpeg made no GIF of {work.name}, and says it went well.")
    size, frames, wanted = work.film.stat().st_size, finished.last.frames, work.stretch.frames(step.fps)
    return size * wanted // max(1, frames) if size >= stop and frames < wanted else size


def _verify(work: _Work, step: Step) -> None:
    made, wanted = _look(work.film), work.stretch.frames(step.fps)
    faults = [] if made.codec == _CODEC else [f"its codec is {made.codec}, not {_CODEC}"]
    if made.frames != wanted:
        faults.append(f"{made.frames} pictures where {wanted} were encoded")
    if (made.width, made.height) != (step.width, step.height):
        faults.append(f"it is {made.width}x{made.height}, not {step.width}x{step.height}")
    if abs(made.duration - Fraction(wanted, step.fps)) > Fraction(1, step.fps):
        faults.append(f"it lasts {float(made.duration):.2f} s, not {wanted / step.fps:.2f} s")
    if not made.forever:
        faults.append("it does not loop")
    if faults:
        raise OutputRejected(f"The GIF of {work.name}, just made, was thrown away: {'; '.join(faults)}.")


def _look(path: Path) -> _Made:
    """Decode all of a GIF.

    Raises:
        OutputRejected: it does not decode.
    """
    try:
        info, report = probe(path), check_whole(path)
    except InputError as error:
        raise OutputRejected(f"{path.name} is not a GIF; remove it and run the job again: {error}") from error
    if report.span is None or not report.clean:
        raise OutputRejected(f"{path.name} does not decode; remove it and run the job again.")
    with path.open("rb") as file:
        forever = _FOREVER in file.read(_HEADER)
    return _Made(info.video.codec, info.video.width, info.video.height, report.frames, report.span, forever)
