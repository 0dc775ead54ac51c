"""Thumbnail: one upright JPEG of a video, kept under ``thumbnails/``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import utc_now
from reelmill.errors import OutputRejected, UserError
from reelmill.ffmpeg import build
from reelmill.ffmpeg.decode import shown_at
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.layout import THUMBNAILS
from reelmill.operations.durable import fsync, place
from reelmill.operations.storyboard import StoryboardResult, make_storyboard
from reelmill.operations.workbench import Workbench, fingerprint, open_video, recipe
from reelmill.operations.workspace import workspace

#: Where the default picture is taken, as a part of the video: past titles, before endings.
_DEFAULT_AT: Final = Fraction(1, 4)
#: The markers around a JPEG (ITU-T T.81, table B.1): SOI and EOI.
_BEGINS: Final = b"\xff\xd8"
_ENDS: Final = b"\xff\xd9"


class ThumbnailResult(BaseModel):
    """The picture that was made, or found."""

    model_config = ConfigDict(frozen=True)

    path: str  # relative to the media root
    source: str
    at: float  # seconds that were asked for
    exact: bool  # False: the keyframe nearest before ``at``
    width: int
    height: int
    storyboard: StoryboardResult | None = None


def thumbnail(
    bench: Workbench,
    video_id: str,
    *,
    timestamp: float | None = None,
    width: int = 640,
    storyboard: bool = False,
) -> ThumbnailResult:
    """Make the picture, and point the video's record at it.

    Args:
        bench: what to work with.
        video_id: which video.
        timestamp: seconds; None takes the keyframe nearest before 25 % of the video.
        width: pixels.
        storyboard: also make the sheets of small pictures that players show over their timeline.

    Raises:
        UnknownVideo, FileMissing, InputError: the video cannot be read.
        UserError: the timestamp lies outside the video.
    """
    taken = open_video(bench, video_id)
    video, source, info = taken.video, taken.path, taken.info
    at, exact = _when(video.path, info, timestamp)
    key = recipe("thumbnail", [fingerprint(video, source)], at=str(at), exact=exact, width=width)
    relative = f"{THUMBNAILS}/{video.id}-{key[:8]}.jpg"
    final = bench.root.path / relative
    with workspace(bench.root, key, bench.report) as folder:
        if not final.exists():
            _make(bench, source, info, folder / "still.jpg", at, width, exact)
            place(folder / "still.jpg", final)
        shown_width, shown_height = _size(final)
    with session() as opened:
        video = queries.get_video(opened, video_id)
        video.thumbnail_path, video.updated_at = relative, utc_now()
        opened.add(video)
    bench.report.line(f"output: {relative}, {final.stat().st_size} bytes")
    board = make_storyboard(bench, video, source, info) if storyboard else None
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
        raise UserError(f"There is no picture at {timestamp:g} s: {name} is {length}.")
    return at, True


def _make(bench: Workbench, source: Path, info: MediaInfo, target: Path, at: Fraction, width: int, exact: bool) -> None:
    bench.transcoder.require_tone_mapping(info)
    if exact:
        at = shown_at(source, at)
    bench.transcoder.run(build.still(source, info, target, at=at, width=width, keyframe=not exact), bench.report)
    if not target.exists() and not exact:  # no keyframe is shown where an edit list begins past it
        at = shown_at(source, at)
        bench.transcoder.run(build.still(source, info, target, at=at, width=width, keyframe=False), bench.report)
    if not target.exists():
        raise OutputRejected(f"ffmpeg made no picture of {source.name} at {float(at):.3f} s.")
    found, _ = _size(target)
    if found != width:
        raise OutputRejected(f"The picture of {source.name}, just made, is {found} pixels wide, not {width}.")
    fsync(target)


def _size(picture: Path) -> tuple[int, int]:
    """Width and height, by decoding the picture.

    Raises:
        OutputRejected: it does not decode, or is no JPEG, or half of one.
    """
    data = picture.read_bytes()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if pixels is None:
        raise OutputRejected(f"The finished picture {picture.name} does not decode.")
    # A decoder shows what is there of half a picture, and any other kind of picture too.
    if not (data.startswith(_BEGINS) and data.rstrip(b"\0").endswith(_ENDS)):
        raise OutputRejected(f"The finished picture {picture.name} is no whole JPEG.")
    height, width = pixels.shape[:2]
    return width, height
