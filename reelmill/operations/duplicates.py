"""Duplicates report: which videos of the library show the same, and which is a piece of which. Nothing is changed."""

from __future__ import annotations

import base64
import uuid
from fractions import Fraction
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.duplicates import find
from reelmill.analysis.stills import Reader, keyframes
from reelmill.analysis.storyboard import tile_size
from reelmill.analysis.tiles import draw
from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import InputError
from reelmill.fan_out import FanOut, threads
from reelmill.ffmpeg.probe import probe
from reelmill.layout import OUTPUT_TYPES
from reelmill.operations import previews
from reelmill.operations.fingerprint import fingerprints
from reelmill.operations.workbench import Workbench

#: Rows of the table on a run's page that have a picture, and the picture's side in pixels: they travel in the artifact.
_PICTURED: Final = 24
_PICTURE_SIDE: Final = 112
_ROWS: Final = 200


class Copy(BaseModel):
    """One video of a group."""

    model_config = ConfigDict(frozen=True)

    video_id: uuid.UUID
    path: str
    size: int  # bytes
    width: int | None
    height: int | None
    duration: float | None  # seconds


class ContainedClip(BaseModel):
    """One video that lies inside a longer one."""

    model_config = ConfigDict(frozen=True)

    clip: Copy
    whole: Copy
    offset: float  # seconds of the whole at which the clip begins, to a second
    share: float  # of its telling seconds that agree, 0 to 1


class DuplicatesResult(BaseModel):
    """What was found."""

    model_config = ConfigDict(frozen=True)

    videos: int  # compared
    groups: tuple[tuple[Copy, ...], ...]  # the same video, the largest picture first
    clips: tuple[ContainedClip, ...]  # of a group one stands for all
    skipped: dict[str, str]  # path -> why it could not be compared


def duplicates_report(
    bench: Workbench, *, directory_type: str | None = None, fan_out: FanOut = threads
) -> DuplicatesResult:
    """Find encodes of the same video and clips of longer ones, by what they look like.

    Args:
        bench: what to work with.
        directory_type: compare the videos of one directory type only; None compares all but what our own jobs made,
            of which it is known what it shows.
        fan_out: takes the fingerprints that are missing, here or elsewhere.

    Raises:
        NotMounted: the whole library is away.
    """
    with session() as opened:
        videos = queries.valid_videos(opened, directory_type)
    if directory_type is None:
        videos = [video for video in videos if video.directory_type not in OUTPUT_TYPES]
    hashes, failed = fingerprints(bench, videos, directory_type=directory_type, fan_out=fan_out)
    # Best first, so that the best of a group stands for it.
    compared = sorted((video for video in videos if video.id in hashes), key=_rank)
    found = find([hashes[video.id] for video in compared])
    result = DuplicatesResult(
        videos=len(compared),
        groups=tuple(tuple(_copy(compared[member]) for member in group) for group in found.groups),
        clips=tuple(
            ContainedClip(
                clip=_copy(compared[clip.clip]),
                whole=_copy(compared[clip.whole]),
                offset=float(clip.offset),
                share=round(clip.share, 3),
            )
            for clip in found.clips
        ),
        skipped={video.path: failed[video.id] for video in videos if video.id in failed},
    )
    bench.report.line(
        f"{result.videos} videos compared: {len(result.groups)} groups of the same, {len(result.clips)} clips of "
        f"longer ones, {len(result.skipped)} skipped"
    )
    bench.report.progress(1.0, "done")
    return result


def _rank(video: Video) -> tuple[int, int, str]:
    """Large pictures first, then large files."""
    return -(video.width or 0) * (video.height or 0), -video.size, video.path


def _copy(video: Video) -> Copy:
    return Copy(
        video_id=video.id,
        path=video.path,
        size=video.size,
        width=video.width,
        height=video.height,
        duration=video.duration,
    )


def table(bench: Workbench, result: DuplicatesResult) -> str:
    """The result as markdown, with small pictures in its first rows."""
    lines = [f"{result.videos} videos compared. Nothing was changed.", ""]
    rows = [("same", copy, f"group {number}") for number, group in enumerate(result.groups, 1) for copy in group]
    rows += [("clip", found.clip, f"at {_clock(found.offset)} of {_cell(found.whole.path)}") for found in result.clips]
    if not rows:
        return "\n".join([*lines, "No duplicates found."])
    lines += ["| | video | size | picture | length | what |", "|---|---|---|---|---|---|"]
    for number, (kind, copy, what) in enumerate(rows[:_ROWS]):
        picture = _picture(bench, copy) if number < _PICTURED else ""
        size, length = f"{copy.size / 1e6:.1f} MB", _clock(copy.duration or 0)
        lines.append(
            f"| {picture} | {_cell(copy.path)} | {size} | {copy.width}x{copy.height} | {length} | {kind}: {what} |"
        )
    if len(rows) > _ROWS:
        lines += ["", f"{len(rows) - _ROWS} more rows are in the result."]
    return "\n".join(lines)


def _picture(bench: Workbench, copy: Copy) -> str:
    path = bench.root.path / copy.path
    try:
        track = probe(path).video
        with Reader(path, keyframes(path).times) as reader:
            still = reader.at(Fraction(copy.duration or 0) / 4)
    except InputError:  # gone or changed since it was compared
        return ""
    if still is None:
        return ""
    jpeg = previews.encode(draw(still.frame, track, tile_size(*track.display_size)), side=_PICTURE_SIDE)
    return f"![](data:image/jpeg;base64,{base64.b64encode(jpeg).decode()})"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _cell(text: str) -> str:
    """A name as the cell of a table shows it."""
    return "".join(f"\\{letter}" if letter in "\\|`*_[]<>" else letter for letter in text)
