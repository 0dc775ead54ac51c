"""Plan before doing: what ``reencode`` would do with each video and why, and what that would cost and save.

Nothing is written: samples are encoded outside of the library and thrown away.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, computed_field

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import CapabilityError, FfmpegFailed, InputError
from reelmill.ffmpeg.build import H264
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.sampling import Prediction, Range, sample
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.web import Action, Verdict
from reelmill.operations.publish import still_there
from reelmill.operations.reencode import copy_recipe
from reelmill.operations.webready import looked_at, of_our_making, remux_recipe
from reelmill.operations.workbench import Workbench
from reelmill.report import Report


@dataclass(frozen=True)
class Asked:
    """How the plan is made."""

    transcoder: Transcoder
    h264: H264  # how videos would be encoded, its ``max_kbit`` the most that is wanted
    samples: bool = True  # encode short pieces to predict from; else what the headers say is all
    budget: float = 20.0  # seconds for the pieces of one video, about
    force: bool = False  # encode what is web-ready, too


class VideoPlan(BaseModel):
    """What would be done with one video."""

    model_config = ConfigDict(frozen=True)

    path: str
    video_id: uuid.UUID | None  # None for a file of no library
    action: Action
    reasons: tuple[str, ...]
    size: int  # bytes now
    duration: float | None = None  # seconds
    prediction: Prediction | None = None  # of an encode; None where it was not sampled, or could not be

    @computed_field  # type: ignore[prop-decorator]
    @property
    def after(self) -> Range | None:
        """Bytes of the copy; None where none is made or it cannot be told."""
        if self.action == "remux":
            return Range(likely=self.size, least=self.size, most=self.size)
        return self.prediction.size if self.prediction is not None else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def saving(self) -> Range | None:
        """Bytes by which the copy is smaller than its source; below zero where it is larger."""
        if self.after is None:
            return None
        after = self.after
        return Range(likely=self.size - after.likely, least=self.size - after.most, most=self.size - after.least)


class Totals(BaseModel):
    """All videos of a plan together. What could not be predicted is in no sum but counted in ``unpredicted``."""

    model_config = ConfigDict(frozen=True)

    actions: dict[Action, int]
    size: int  # bytes of the videos that are to be encoded or remuxed and whose copies are predicted
    after: Range  # bytes of those copies: the room they need, for no source is ever removed
    saving: Range  # bytes by which those copies are smaller
    seconds: Range  # of encoding, one video after the other
    cpu_seconds: Range
    unpredicted: int


class Plan(BaseModel):
    """What would be done."""

    model_config = ConfigDict(frozen=True)

    videos: tuple[VideoPlan, ...]
    totals: Totals
    free: int | None = None  # bytes that copies may take on the library's disk; None without a library


def plan_library(bench: Workbench, video_ids: Sequence[str] | None, asked: Asked) -> Plan:
    """What ``reencode`` would do with videos of the catalogue.

    Args:
        bench: what to work with.
        video_ids: which; None takes all that are not of our own making.
        asked: how.

    Raises:
        UnknownVideo: there is no such video.
        NotMounted: the library is not there.
    """
    bench.root.require()
    with session() as opened:
        videos = (
            queries.originals(opened)
            if video_ids is None
            else [queries.get_video(opened, video_id) for video_id in video_ids]
        )
    found = []
    for number, video in enumerate(videos):
        bench.report.progress(number / len(videos), f"looking at {video.path}")
        found.append(_of_video(bench, video, asked))
    bench.report.progress(1.0, "done")
    free = bench.disk.free()
    return Plan(
        videos=tuple(found), totals=totals(found), free=None if free is None else max(0, free - bench.disk.reserve)
    )


def plan_files(paths: Sequence[Path], asked: Asked, report: Report | None = None) -> Plan:
    """What ``reencode`` would do with files of no library; one that cannot be used is a line of the plan.

    Args:
        paths: which.
        asked: how.
        report: where progress goes.
    """
    found = []
    for number, path in enumerate(paths):
        if report is not None:
            report.progress(number / len(paths), f"looking at {path}")
        found.append(_of_file(path, str(path), asked))
    return Plan(videos=tuple(found), totals=totals(found))


def _of_video(bench: Workbench, video: Video, asked: Asked) -> VideoPlan:
    known = VideoPlan(
        path=video.path, video_id=video.id, action="skip", reasons=(), size=video.size, duration=video.duration
    )
    try:
        with session() as opened:
            queries.usable_video(opened, video.id)
        source = bench.source(video)
    except InputError as error:
        return known.model_copy(update={"action": "cannot", "reasons": (str(error),)})
    reason = of_our_making(video) or _made_before(bench, copy_recipe(video, source, asked.h264))
    if reason is not None:
        return known.model_copy(update={"reasons": (reason,)})
    plan = _of_file(source, video.path, asked).model_copy(update={"video_id": video.id})
    reason = _made_before(bench, remux_recipe(video, source)) if plan.action == "remux" else None
    return plan if reason is None else known.model_copy(update={"reasons": (reason,)})


def _made_before(bench: Workbench, key: str) -> str | None:
    """That the copy is there already; unlike ``publish.existing`` this writes nothing where it is gone."""
    with session() as opened:
        made = queries.by_recipe(opened, key)
    if made is None or not still_there(bench, made):
        return None
    return f"its copy was made before: {made.path}"


def _of_file(path: Path, name: str, asked: Asked) -> VideoPlan:
    size = path.stat().st_size if path.is_file() else 0
    plan = VideoPlan(path=name, video_id=None, action="cannot", reasons=(), size=size)
    try:
        info = probe(path)
        plan = plan.model_copy(update={"duration": None if info.duration is None else float(info.duration)})
        found = looked_at(path, info, asked.h264.max_kbit or 0, decode=asked.samples)
        if asked.force and found.action in ("skip", "remux"):
            found = Verdict("encode", (f"it is asked for, though {found.why}",))
        prediction = None
        if found.action == "encode":
            asked.transcoder.require_tone_mapping(info)
            if asked.samples:
                prediction = sample(asked.transcoder, path, info, asked.h264, budget=asked.budget)
    except (InputError, CapabilityError) as error:
        return plan.model_copy(update={"reasons": (str(error),)})
    except FfmpegFailed as error:
        return plan.model_copy(update={"reasons": (f"a piece of it could not be encoded: {error}",)})
    return plan.model_copy(update={"action": found.action, "reasons": found.reasons, "prediction": prediction})


def _sum(ranges: Sequence[Range]) -> Range:
    return Range(
        likely=sum(one.likely for one in ranges),
        least=sum(one.least for one in ranges),
        most=sum(one.most for one in ranges),
    )


def totals(videos: Sequence[VideoPlan]) -> Totals:
    """All together (pure)."""
    made = [video for video in videos if video.action in ("encode", "remux")]
    told = [video for video in made if video.after is not None]
    predictions = [video.prediction for video in told if video.prediction is not None]
    actions: tuple[Action, ...] = ("encode", "remux", "skip", "cannot")
    return Totals(
        actions={action: sum(video.action == action for video in videos) for action in actions},
        size=sum(video.size for video in told),
        after=_sum([video.after for video in told if video.after is not None]),
        saving=_sum([video.saving for video in told if video.saving is not None]),
        seconds=_sum([one.seconds for one in predictions]),
        cpu_seconds=_sum([one.cpu_seconds for one in predictions]),
        unpredicted=len(made) - len(told),
    )
