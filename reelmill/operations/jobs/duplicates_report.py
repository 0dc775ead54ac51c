"""Duplicates report: which videos of the library show the same, and which lies within which. Nothing is changed."""

from __future__ import annotations

import uuid
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.similarity.duplicates import find_duplicates
from reelmill.catalogue import searching
from reelmill.catalogue.engine import session
from reelmill.catalogue.searching import VideoFacts
from reelmill.operations.context import Workbench
from reelmill.operations.derived.perceptual_hash_cache import perceptual_hashes
from reelmill.operations.result_card import ItemTable, ResultCard, ResultImage
from reelmill.parallel import FanOut, in_threads
from reelmill.wording import clock, in_bytes, plural

#: Rows of the result card that have an image: they travel in the artifact.
_ILLUSTRATED: Final = 24


class Copy(BaseModel):
    """One video of several that show the same."""

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
    groups: tuple[tuple[Copy, ...], ...]  # encodes of the same video each, the largest frame first
    clips: tuple[ContainedClip, ...]  # of encodes of the same video one stands for all
    skipped: dict[str, str]  # path -> why it could not be compared

    def result_card(self) -> ResultCard:
        """The result for people: a row for each video that shows what another does."""
        same = [(copy, f"same: set {number}") for number, copies in enumerate(self.groups, 1) for copy in copies]
        within = [(one.clip, f"clip: at {clock(one.offset)} of {one.whole.path}") for one in self.clips]
        rows = [*same, *within]
        found = f"{plural(len(self.groups), 'set')} of the same, {plural(len(self.clips), 'clip')} of longer ones"
        return ResultCard(
            title=f"{plural(self.videos, 'video')} compared: {found if rows else 'no duplicates found'}",
            notes=("nothing was changed", *(f"{path} is not compared: {why}" for path, why in self.skipped.items())),
            table=ItemTable(
                header=("video", "size", "frame", "length", "what"),
                rows=tuple(_row(copy, what) for copy, what in rows),
                images=tuple(_image(copy) for copy, _ in rows[:_ILLUSTRATED]),
            ),
        )


def duplicates_report(
    bench: Workbench, *, directory_type: str | None = None, fan_out: FanOut = in_threads
) -> DuplicatesResult:
    """Find encodes of the same video and clips of longer ones, by what they look like.

    Args:
        bench: what to work with.
        directory_type: compare the videos of one directory type only; None compares all but what our own jobs made,
            of which it is known what it shows.
        fan_out: computes the perceptual hashes that are missing, here or elsewhere.

    Returns:
        What was compared, and what shows the same.

    Raises:
        NotMounted: the whole library is away.
    """
    with session() as opened:
        videos = (
            searching.valid_originals(opened)
            if directory_type is None
            else searching.valid_videos(opened, directory_type)
        )
    hashes, failed = perceptual_hashes(bench, videos, fan_out=fan_out)
    # Best first, so that the best stands for all that show the same.
    compared = sorted((video for video in videos if video.id in hashes), key=_rank)
    found = find_duplicates([hashes[video.id] for video in compared])
    result = DuplicatesResult(
        videos=len(compared),
        groups=tuple(tuple(_copy(compared[member]) for member in same) for same in found.sets),
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
    bench.report.progress(1.0, "done")
    return result


def _rank(video: VideoFacts) -> tuple[int, int, str]:
    """Large frames first, then large files."""
    return -(video.width or 0) * (video.height or 0), -video.size, video.path


def _copy(video: VideoFacts) -> Copy:
    return Copy(
        video_id=video.id,
        path=video.path,
        size=video.size,
        width=video.width,
        height=video.height,
        duration=video.duration,
    )


def _row(copy: Copy, what: str) -> tuple[str, ...]:
    frame = f"{copy.width}x{copy.height}" if copy.width and copy.height else ""
    return copy.path, in_bytes(copy.size), frame, clock(copy.duration or 0), what


def _image(copy: Copy) -> ResultImage:
    return ResultImage(copy.path, copy.path, ((copy.duration or 0) / 4,), small=True)
