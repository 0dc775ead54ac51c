"""Scene extraction: the scenes of a video, exact, with an image of each, and a file of each if asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.scenes.transitions import VERSION, Interval
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import AssetKind
from reelmill.catalogue.videos import scenes
from reelmill.ffmpeg.verify import Expectation
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.readable import ReadableVideo, open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived import asset_rows, scene_images
from reelmill.operations.derived.analysis_cache import transitions_of
from reelmill.operations.derived.asset_rows import Role
from reelmill.operations.derived.image_names import image_name
from reelmill.operations.derived.scored_video import scene_rows, scenes_shown
from reelmill.operations.films.film_result import FilmOutput
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.segments import cut
from reelmill.operations.once import files_once, once
from reelmill.operations.publishing.publish import Product
from reelmill.operations.publishing.sources import require_held
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard, ResultImage
from reelmill.parallel import FanOut, in_threads
from reelmill.queue.job_type import JobType
from reelmill.report import Share
from reelmill.storage.media_root import CLIPS, THUMBNAILS
from reelmill.wording import clock, in_seconds, plural

JOB_TYPE: Final = JobType(folder=CLIPS)

#: Parts of the work: finding the scenes, and, of a job that makes files, the images after it.
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

    def result_card(self) -> ResultCard:
        """The result for people: a row for each scene."""
        scenes_found = plural(len(self.scenes), "scene")
        return ResultCard(
            title=f"{self.source} has {scenes_found}: {plural(self.cuts, 'cut')} and {plural(self.fades, 'fade')}",
            rows=(("contact sheet", self.contact_sheet), ("time", in_seconds(self.seconds))),
            table=ItemTable(
                ("from", "to", "file"),
                tuple((clock(one.start), clock(one.end), one.file or one.picture) for one in self.scenes),
            ),
            images=(ResultImage(self.contact_sheet, f"{scenes_found} of {self.source}"),),
        )


def scene_extract(bench: Workbench, video_id: str, *, files: bool = False, fan_out: FanOut = in_threads) -> SceneResult:
    """Find the scenes of a video and show them.

    Args:
        bench: what to work with.
        video_id: which video.
        files: make a video of each, too.
        fan_out: runs the search of each range, here or elsewhere.

    Returns:
        The scenes, and where their images and videos are.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: an encode went wrong; the files before it
            stand.
    """
    started = time.monotonic()
    opened = open_video(bench, video_id)
    found = transitions_of(bench, opened.video, opened.path, opened.info, fan_out)
    ranges = scenes_shown(opened.path, found)
    bench.report.progress(_FOUND, plural(len(ranges), "scene"))
    images, contact_sheet = _images(bench, opened, ranges)
    paths = _videos(bench, opened, ranges) if files else [None] * len(ranges)
    bench.report.line(f"output: {contact_sheet}")
    bench.report.progress(1.0, "done")
    rows = scene_rows(opened.video, opened.content.file_id, ranges)
    for row, image in zip(rows, images, strict=True):
        row.image = image
    require_held(bench.root, [opened.content])
    with session() as catalogue:
        scenes.record(catalogue, opened.video.id, rows)
    return SceneResult(
        source=opened.video.path,
        scenes=tuple(
            Scene(start=float(first), end=float(end), picture=image, file=path)
            for (first, end), image, path in zip(ranges, images, paths, strict=True)
        ),
        cuts=len(found.cuts),
        fades=len(found.fades),
        contact_sheet=contact_sheet,
        seconds=time.monotonic() - started,
    )


def _images(bench: Workbench, opened: ReadableVideo, ranges: Sequence[Interval]) -> tuple[list[str], str]:
    """Paths of an image of each scene's middle and of all on one contact sheet; those made before stay."""
    key = recipe("scenes", [opened.content], analysis=VERSION)
    prefix = image_name(bench, opened.video, opened.content, key, THUMBNAILS, "-scene-0001.jpg")
    images = [f"{prefix}-scene-{number:04}.jpg" for number in range(1, len(ranges) + 1)]
    contact_sheet = f"{prefix}-scenes.jpg"
    middles = [float((first + end) / 2) for first, end in ranges]

    writers: dict[str, Callable[[Path], None]] = {
        path: partial(scene_images.write_image, opened.path, at) for path, at in zip(images, middles, strict=True)
    }
    files_once(bench, key, {**writers, contact_sheet: partial(scene_images.write_sheet, opened.path, middles)})
    roles = {path: Role(AssetKind.SCENE_IMAGE, number) for number, path in enumerate(images, 1)}
    roles[contact_sheet] = Role(AssetKind.CONTACT_SHEET)
    asset_rows.record(opened.video, asset_rows.rows(bench, opened.video, opened.content, key, roles))
    return images, contact_sheet


def _videos(bench: Workbench, opened: ReadableVideo, ranges: Sequence[Interval]) -> list[str]:
    """Paths of a video of each scene."""
    bench.transcoder.require_tone_mapping(opened.info)
    whole, done, paths = sum(end - first for first, end in ranges), Fraction(0), []
    for number, (first, end) in enumerate(ranges, 1):
        before, done = done, done + end - first
        bounds = [_PICTURED + (1 - _PICTURED) * float(at / whole) for at in (before, done)]
        paths.append(_video(bench, opened, number, (first, end), Share(bench.report, *bounds)))
    return paths


def _video(bench: Workbench, opened: ReadableVideo, number: int, time_range: Interval, report: Share) -> str:
    (first, end), video, encoding = time_range, opened.video, bench.transcoder.default_encoding()
    key = recipe("scene", [opened.content], encoding, start=str(first), end=str(end))
    product = Product(
        path=f"{JOB_TYPE.folder}/{PurePosixPath(video.filename).stem} scene {number:04}.mp4",
        recipe=key,
        expected=Expectation(),
        title=f"{video.title} (scene {number})",
        sources=(SourceSegment.whole(video),),
        details={"start": float(first), "end": float(end)},
    )

    def make_film(folder: Path) -> FilmOutput:
        return cut(FilmWork(bench, encoding, folder, product), opened, [time_range], report)

    room = size_estimates.montage(opened.info, end - first, encoding, bench.chunk_seconds)
    return once(bench, key, make_film, FilmOutput, to=product.destination, room=room).video.path
