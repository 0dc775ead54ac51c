"""Scene extraction: the scenes of a video, exact, with a picture of each, and a file of each if asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.transitions import VERSION, Span, scenes
from reelmill.catalogue.models import Video
from reelmill.fan_out import FanOut, threads
from reelmill.ffmpeg.copying import shown
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.verify import Expectation
from reelmill.layout import CLIPS, THUMBNAILS
from reelmill.operations import previews, room
from reelmill.operations.analysis import transitions_of
from reelmill.operations.cut import cut
from reelmill.operations.durable import fsync, place
from reelmill.operations.publish import Product, existing
from reelmill.operations.workbench import Workbench, fingerprint, open_video, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

#: Parts of the work: finding the scenes, and, of a job that makes files, the pictures after it.
_FOUND: Final = 0.5
_PICTURED: Final = 0.6


class Scene(BaseModel):
    """One scene; times are seconds of the source."""

    model_config = ConfigDict(frozen=True)

    start: float
    end: float
    picture: str  # path of a JPEG of its middle, relative to the media root
    file: str | None = None  # path of a video of its own


class SceneResult(BaseModel):
    """What was found."""

    model_config = ConfigDict(frozen=True)

    source: str
    scenes: tuple[Scene, ...]
    cuts: int
    fades: int
    contact_sheet: str  # path of a JPEG
    seconds: float  # wall time of this run


def scene_extract(bench: Workbench, video_id: str, *, files: bool = False, fan_out: FanOut = threads) -> SceneResult:
    """Find the scenes of a video and show them.

    Args:
        bench: what to work with.
        video_id: which video.
        files: make a video of each, too.
        fan_out: runs the search of each range, here or elsewhere.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        GpuBusy, FfmpegFailed, Stalled, DiskFull, OutputRejected: an encode went wrong; the files before it stand.
    """
    started = time.monotonic()
    taken = open_video(bench, video_id)
    video, source, info = taken.video, taken.path, taken.info
    found = transitions_of(bench, video, source, info, fan_out)
    begin, length = shown(source)
    spans = scenes(found, begin, begin + length)
    bench.report.progress(_FOUND, f"{len(spans)} scenes")
    pictures, contact_sheet = _pictures(bench, video, source, spans)
    made = _files(bench, video, source, info, spans) if files else [None] * len(spans)
    bench.report.line(f"output: {contact_sheet}")
    bench.report.progress(1.0, "done")
    return SceneResult(
        source=video.path,
        scenes=tuple(
            Scene(start=float(first), end=float(end), picture=picture, file=file)
            for (first, end), picture, file in zip(spans, pictures, made, strict=True)
        ),
        cuts=len(found.cuts),
        fades=len(found.fades),
        contact_sheet=contact_sheet,
        seconds=time.monotonic() - started,
    )


def _pictures(bench: Workbench, video: Video, source: Path, spans: Sequence[Span]) -> tuple[list[str], str]:
    """Paths of a picture for each scene and of all on one sheet; those made before are kept."""
    key = recipe("scenes", [fingerprint(video, source)], analysis=VERSION)
    prefix = f"{THUMBNAILS}/{video.id}-{key[:8]}"
    pictures = [f"{prefix}-scene-{number:04}.jpg" for number in range(1, len(spans) + 1)]
    contact_sheet = f"{prefix}-scenes.jpg"
    middles = [float((first + end) / 2) for first, end in spans]
    with workspace(bench.root, key, bench.report) as folder:
        for path, at in zip(pictures, middles, strict=True):
            if not (bench.root.path / path).exists():
                _keep(bench, folder, path, previews.of_video(source, at))
        if not (bench.root.path / contact_sheet).exists():
            _keep(bench, folder, contact_sheet, previews.sheet(source, middles))
    return pictures, contact_sheet


def _keep(bench: Workbench, folder: Path, path: str, jpeg: bytes) -> None:
    staged = folder / PurePosixPath(path).name
    staged.write_bytes(jpeg)
    fsync(staged)
    place(staged, bench.root.path / path)


def _files(bench: Workbench, video: Video, source: Path, info: MediaInfo, spans: Sequence[Span]) -> list[str]:
    bench.transcoder.require_tone_mapping(info)
    h264 = bench.transcoder.h264()
    whole, done, paths = sum(end - first for first, end in spans), Fraction(0), []
    for number, (first, end) in enumerate(spans, 1):
        before, done = done, done + end - first
        bounds = [_PICTURED + (1 - _PICTURED) * float(at / whole) for at in (before, done)]
        key = recipe("scene", [fingerprint(video, source)], start=str(first), end=str(end), **h264.options())
        with workspace(bench.root, key, bench.report) as folder:
            made = existing(bench, key)
            if made is None:
                bench.disk.require(room.montage(info, end - first, h264, bench.chunk_seconds))
                product = Product(
                    path=f"{CLIPS}/{PurePosixPath(video.filename).stem} scene {number:04}.mp4",
                    recipe=key,
                    expected=Expectation(),
                    title=f"{video.title} (scene {number})",
                    source_video_id=video.id,
                    details={"start": float(first), "end": float(end)},
                )
                staged, share = folder / "output.mp4", Part(bench.report, *bounds)
                made, _, _ = cut(bench, source, info, [(first, end)], h264, staged, product, share)
        paths.append(made.path)
    return paths
