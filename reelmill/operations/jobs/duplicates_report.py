"""Duplicates report: which videos of the library show the same, and which lies within which. Nothing is changed."""

from __future__ import annotations

import uuid
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.similarity.duplicates import Duplicates, find_duplicates
from reelmill.analysis.similarity.hash_file import HashFile
from reelmill.catalogue.videos.searching import VideoFacts
from reelmill.operations.context import Workbench
from reelmill.operations.derived.compared_videos import ComparedVideos
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
    skipped: dict[str, str]  # path -> why it could not be compared; the first thousand

    def every_item(self) -> list[dict[str, Any]]:
        """Each set of the same (``same``: ids, the best first), then each clip within a longer video."""
        sets = [{"same": [str(copy.video_id) for copy in copies]} for copies in self.groups]
        within = [
            {"clip": str(one.clip.video_id), "whole": str(one.whole.video_id), "offset": one.offset, "share": one.share}
            for one in self.clips
        ]
        return [*sets, *within]

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
    videos = ComparedVideos(directory_type)
    with HashFile() as hashes:
        videos.hash_into(hashes, bench, fan_out)
        bench.report.line(f"comparing {plural(len(hashes), 'video')}")
        found = find_duplicates(hashes)
    result = _named(videos, found)
    bench.report.progress(1.0, "done")
    return result


def _named(videos: ComparedVideos, found: Duplicates) -> DuplicatesResult:
    """What was found, with the names of those videos alone."""
    sets = videos.with_exact_copies(found.sets)
    clips = [(videos.hashed[clip.clip], videos.hashed[clip.whole], clip) for clip in found.clips]
    facts = videos.each_facts({place for places in (*sets, *(clip[:2] for clip in clips)) for place in places})
    copies = {place: _copy(video) for place, video in facts.items()}
    there = (tuple(copies[place] for place in same if place in copies) for same in sets)
    return DuplicatesResult(
        videos=len(videos.hashed) + sum(map(len, videos.exact.values())),
        groups=tuple(same for same in there if len(same) > 1),
        clips=tuple(
            ContainedClip(
                clip=copies[clip], whole=copies[whole], offset=float(known.offset), share=round(known.share, 3)
            )
            for clip, whole, known in clips
            if clip in copies and whole in copies
        ),
        skipped=dict(sorted(videos.skipped.items())),
    )


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
