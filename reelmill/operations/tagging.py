"""Tagging: words for a video from what it shows and sounds like."""

from __future__ import annotations

import time
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.ranges import FanOut, threads
from reelmill.analysis.tags import tags
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import VideoTag
from reelmill.catalogue.tagging import set_found, tags_of
from reelmill.operations.analysis import signals_of, transitions_of
from reelmill.operations.workbench import Workbench, open_video

#: Which analysis named the tags.
BACK_END: Final = "classical signals"


class TagFound(BaseModel):
    """One tag of a video."""

    model_config = ConfigDict(frozen=True)

    name: str
    confidence: float  # 0 to 1
    by_person: bool
    evidence: dict[str, Any]


class TagResult(BaseModel):
    """All tags of a video now, those of people included."""

    model_config = ConfigDict(frozen=True)

    source: str
    tags: tuple[TagFound, ...]
    back_end: str
    seconds: float  # wall time of this run


def tag_generation(bench: Workbench, video_id: str, *, fan_out: FanOut = threads) -> TagResult:
    """Find a video's tags anew; those a person gave or refused stay as they are.

    Args:
        bench: what to work with.
        video_id: which video.
        fan_out: runs the analysis of each range, here or elsewhere.

    Raises:
        UnknownVideo, InputError: the video cannot be used.
    """
    started = time.monotonic()
    taken = open_video(bench, video_id)
    video, source, info = taken.video, taken.path, taken.info
    signals, _ = signals_of(bench, video, source, info, fan_out)
    found_cuts = transitions_of(bench, video, source, info, fan_out)
    cuts = len(found_cuts.cuts) + len(found_cuts.fades)
    found = [
        VideoTag(
            video_id=video.id, name=tag.name, confidence=tag.confidence, evidence=tag.evidence, made_by=bench.run_id
        )
        for tag in tags(info, signals, cuts)
    ]
    with session() as opened:
        set_found(opened, video.id, found)
    with session() as opened:
        kept = tags_of(opened, video.id)
    for tag in kept:
        bench.report.line(f"tag: {tag.name} ({'a person said so' if tag.by_person else f'{tag.confidence:.0%}'})")
    bench.report.progress(1.0, "done")
    return TagResult(
        source=video.path,
        tags=tuple(
            TagFound(name=tag.name, confidence=tag.confidence, by_person=tag.by_person, evidence=tag.evidence)
            for tag in kept
        ),
        back_end=BACK_END,
        seconds=time.monotonic() - started,
    )
