"""Thumbnail: one upright JPEG of a video, kept under ``thumbnails/``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets
from reelmill.catalogue.models import AssetKind
from reelmill.errors import OutputRejected, WrongParameter
from reelmill.ffmpeg.commands.still import still
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.decode import frame_on_show
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.seeking import SeekPoint, seek_points
from reelmill.ffmpeg.verify import ImageSource, require_shown, shown_box
from reelmill.operations.chunk_store.readable import ReadableVideo, open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived import asset_rows
from reelmill.operations.derived.asset_rows import Role
from reelmill.operations.derived.image_names import image_name
from reelmill.operations.derived.storyboard import StoryboardResult, make_storyboard
from reelmill.operations.moment import shown
from reelmill.operations.once import files_once
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ResultCard, ResultImage
from reelmill.queue.job_type import JobType
from reelmill.storage.media_root import THUMBNAILS
from reelmill.wording import plural

JOB_TYPE: Final = JobType(folder=THUMBNAILS)

#: Which way of making it; part of the recipe.
_VERSION: Final = "bt601-1"
#: Where the default image is taken, as a share of the video: past titles, before endings.
_DEFAULT_AT: Final = Fraction(1, 4)
#: The markers around a JPEG (ITU-T T.81, table B.1): SOI and EOI.
_BEGINS: Final = b"\xff\xd8"
_ENDS: Final = b"\xff\xd9"


class ThumbnailResult(BaseModel):
    """The image that was made, or found."""

    model_config = ConfigDict(frozen=True)

    path: str  # relative to the media root
    source: str
    at: float  # seconds that were asked for
    exact: bool  # False: the keyframe nearest before ``at``
    width: int
    height: int
    storyboard: StoryboardResult | None = None

    def result_card(self) -> ResultCard:
        """The result for people."""
        moment = f"{self.at:.2f} s" if self.exact else f"the keyframe before {self.at:.2f} s"
        rows, images = (
            [("made", f"{self.path}, {self.width}x{self.height}"), ("shows", moment)],
            [ResultImage(self.path, f"{self.source} at {self.at:.2f} s")],
        )
        notes: tuple[str, ...] = ()
        if (board := self.storyboard) is not None:
            tiles = f"{plural(board.tiles, 'tile')}, one every {board.interval:g} s"
            rows.append(("storyboard", f"{board.path}, {tiles} on {plural(len(board.sheets), 'sheet')}"))
            images.append(ResultImage(board.sheets[0], tiles))
            notes = (f"{plural(board.missing, 'moment')} of it show the tile before",) if board.missing else ()
        return ResultCard(f"{self.source} has a thumbnail: {self.path}", tuple(rows), notes, images=tuple(images))


def thumbnail(
    bench: Workbench,
    video_id: str,
    *,
    timestamp: float | None = None,
    width: int = 640,
    storyboard: bool = False,
) -> ThumbnailResult:
    """Make the image, and point the video's record at it.

    Args:
        bench: what to work with.
        video_id: which video.
        timestamp: seconds; None takes the keyframe nearest before 25 % of the video.
        width: pixels.
        storyboard: also make the sheets of small images that players show over their timeline.

    Returns:
        The image, made now or found made.

    Raises:
        UnknownVideo, FileMissing, InputError: the video cannot be read.
        UserError: the timestamp lies outside the video.
    """
    opened = open_video(bench, video_id)
    video, source, info = opened.video, opened.path, opened.info
    at, exact = _when(video.path, info, timestamp)
    key = recipe("thumbnail", [opened.content], version=_VERSION, at=str(at), exact=exact, width=width)
    relative = f"{image_name(bench, video, opened.content, key, JOB_TYPE.folder, '.jpg')}.jpg"
    final = bench.root.path / relative
    files_once(bench, key, {relative: lambda target: _write_still(bench, opened, target, at, width, exact)})
    shown_height, shown_width = _pixels(final).shape[:2]
    rows = asset_rows.rows(bench, video, opened.content, key, {relative: Role(AssetKind.THUMBNAIL)})
    (thumbnail_row,) = asset_rows.record(video, rows)
    with session() as catalogue:
        assets.show(catalogue, thumbnail_row)
    bench.report.line(f"output: {relative}, {final.stat().st_size} bytes")
    board = make_storyboard(bench, video, source, info, opened.content) if storyboard else None
    bench.report.progress(1.0, "done")
    return ThumbnailResult(
        path=relative,
        source=video.path,
        at=float(at),
        exact=exact,
        width=shown_width,
        height=shown_height,
        storyboard=board,
    )


def _when(name: str, info: MediaInfo, timestamp: float | None) -> tuple[Fraction, bool]:
    duration = info.video.duration or info.duration
    if timestamp is None:
        return (duration or Fraction(0)) * _DEFAULT_AT, False
    at = Fraction(timestamp).limit_denominator(1_000_000)
    if at < 0 or (duration is not None and at >= duration):
        length = "of unknown length" if duration is None else f"{float(duration):.2f} s long"
        raise WrongParameter(f"There is no frame at {timestamp:g} s: {name} is {length}.", "timestamp", timestamp)
    return at, True


def _write_still(bench: Workbench, opened: ReadableVideo, target: Path, at: Fraction, width: int, exact: bool) -> None:
    source, info, name = opened.path, opened.info, opened.video.filename
    bench.transcoder.require_tone_mapping(info)
    if not exact and _write_keyframe(bench, opened, target, at, width):
        return
    seek_point, frame = (
        shown(name, source, at, info.video.duration or info.duration) if exact else frame_on_show(source, at)
    )
    bench.transcoder.run(still(source, info, seek_point, target, width=width, keyframe=False), bench.report)
    if not target.exists():
        reason = f"ffmpeg made no image of {name} at {float(at):.3f} s."
        raise OutputRejected(reason, (Finding(FindingKind.MISSING, text=reason, at=float(at)),))
    _require_right(opened, target, width, seek_point, frame)


def _write_keyframe(bench: Workbench, opened: ReadableVideo, target: Path, at: Fraction, width: int) -> bool:
    """Write the keyframe before a moment.

    Returns:
        False where that was none, or another: no keyframe is shown where an edit list begins past it, and not every
        container finds the last one.
    """
    source, info = opened.path, opened.info
    (seek_point,) = seek_points(source, [at])
    bench.transcoder.run(still(source, info, seek_point, target, width=width, keyframe=True), bench.report)
    if not target.exists():
        return False
    found, frame = frame_on_show(source, at if seek_point.keyframe is None else seek_point.keyframe)
    try:
        _require_right(opened, target, width, found, frame)
    except OutputRejected:
        target.unlink()
        return False
    return True


def _require_right(opened: ReadableVideo, target: Path, width: int, seek_point: SeekPoint, frame: VideoFrame) -> None:
    """Check a finished image.

    Raises:
        OutputRejected: it is no whole JPEG, of another width, or does not show that frame.
    """
    name, track, pixels = opened.video.filename, opened.info.video, _pixels(target)
    height, found = pixels.shape[:2]
    if found != width:
        reason = f"The image of {name}, just made, is {found} pixels wide, not {width}."
        raise OutputRejected(reason, (Finding(FindingKind.SIZE, got=(found, height), wanted=(width, height)),))
    source = ImageSource.of(frame, float(seek_point.shown), shown_box(track), mapped=track.hdr is not None)
    require_shown(f"The image of {name}", [(pixels, source)])


def _pixels(image: Path) -> NDArray[np.uint8]:
    """Decode a whole JPEG.

    Returns:
        Blue, green and red, shape (height, width, 3).

    Raises:
        OutputRejected: it does not decode, or is no JPEG, or half of one.
    """
    data = image.read_bytes()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if pixels is None:
        raise OutputRejected(f"The finished image {image.name} does not decode.", (Finding(FindingKind.NO_FRAMES),))
    # A decoder shows what is there of half an image, and any other kind of image too.
    if not (data.startswith(_BEGINS) and data.rstrip(b"\0").endswith(_ENDS)):
        reason = f"The finished image {image.name} is no whole JPEG."
        raise OutputRejected(reason, (Finding(FindingKind.DAMAGED, text=reason),))
    return np.asarray(pixels, np.uint8)
