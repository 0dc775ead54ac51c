"""Tagging: words for a video from its frames and its audio."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from reelmill.analysis.tagging.back_end import BackEnd, Subject, Vram
from reelmill.analysis.tagging.backends import choose
from reelmill.analysis.tagging.rules import Tag
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import findings, tagging
from reelmill.catalogue.models import VideoTag
from reelmill.errors import ChangedMeanwhile
from reelmill.operations.chunk_store.readable import ReadableVideo, open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import signals_of, transitions_of
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.parallel import FanOut, in_threads
from reelmill.settings import get_settings
from reelmill.wording import in_seconds, plural


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
    back_end: str  # all that looked, the one that is believed first in front
    device: str  # where that one computed: cpu, or a GPU's name
    vram_peak_mb: int | None  # None where no GPU was used
    vram_admitted_mb: int | None  # None outside of a worker
    seconds: float  # wall time of this run

    def result_card(self) -> ResultCard:
        """The result for people: a row for each tag, and what it was found by."""
        rows = tuple(
            (
                tag.name,
                "by a person" if tag.by_person else f"{tag.confidence:.0%}",
                ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in tag.evidence.items()),
            )
            for tag in self.tags
        )
        vram = () if self.vram_peak_mb is None else (("VRAM", f"{self.vram_peak_mb} MB at the peak"),)
        return ResultCard(
            title=f"{self.source} has {plural(len(self.tags), 'tag')}",
            rows=(("found by", f"{self.back_end} on {self.device}"), ("time", in_seconds(self.seconds)), *vram),
            table=ItemTable(("tag", "sure", "because"), rows),
        )


def tag_generation(bench: Workbench, video_id: str, *, fan_out: FanOut = in_threads) -> TagResult:
    """Find a video's tags anew; those a person gave or refused stay as they are.

    Args:
        bench: what to work with.
        video_id: which video.
        fan_out: runs the analysis of each range, here or elsewhere.

    Returns:
        All tags of the video now.

    Raises:
        UnknownVideo, InputError: the video cannot be used.
        CapabilityError: the folder of models that the settings name holds none.
        GpuBusy: the GPU had too little memory for it.
        ChangedMeanwhile: the video left the catalogue.
    """
    started = time.monotonic()
    opened_video = open_video(bench, video_id)
    video, source, info = opened_video.video, opened_video.path, opened_video.info
    back_ends = _back_ends(bench)
    signals, duration = signals_of(bench, video, source, info, fan_out)
    found_cuts = transitions_of(bench, video, source, info, fan_out)
    cuts = len(found_cuts.cuts) + len(found_cuts.fades)
    found = _found(back_ends, Subject(source, info, duration, signals, cuts))
    kept = _recorded(bench, opened_video, found)
    for tag in kept:
        bench.report.line(f"tag: {tag.name} ({'a person said so' if tag.by_person else f'{tag.confidence:.0%}'})")
    vram = _report_vram(bench, back_ends[0])
    bench.report.progress(1.0, "done")
    return TagResult(
        source=video.path,
        tags=tuple(
            TagFound(name=tag.name, confidence=tag.confidence, by_person=tag.by_person, evidence=tag.evidence)
            for tag in kept
        ),
        back_end=" and ".join(back_end.name for back_end in back_ends),
        device=back_ends[0].device,
        vram_peak_mb=vram.peak_mb,
        vram_admitted_mb=vram.admitted_mb,
        seconds=time.monotonic() - started,
    )


def _back_ends(bench: Workbench) -> tuple[BackEnd, ...]:
    chosen = choose(get_settings().models)
    first = chosen.back_ends[0]
    why = f"; no model, since {chosen.why_no_model}" if chosen.why_no_model else ""
    bench.report.line(f"back end: {first.name} on {first.device}{why}")
    return chosen.back_ends


def _found(back_ends: Sequence[BackEnd], subject: Subject) -> list[Tag]:
    """The tags of all; of a word that several find, the first's."""
    found: dict[str, Tag] = {}
    for back_end in back_ends:
        for tag in back_end.tags(subject):
            found.setdefault(tag.name, tag)
    return list(found.values())


def _recorded(bench: Workbench, opened: ReadableVideo, found: Sequence[Tag]) -> list[VideoTag]:
    """All tags of a video once those that were found are in the catalogue."""
    video = opened.video
    with session() as catalogue:
        owner = findings.owners_now(catalogue, {video.id: opened.content.file_id}).get(video.id)
        if owner is None:
            raise ChangedMeanwhile(f"{video.path} left the catalogue while it was looked at; scan it.", video.path)
        rows = [
            VideoTag(
                video_id=owner, name=tag.name, confidence=tag.confidence, evidence=tag.evidence, made_by=bench.run_id
            )
            for tag in found
        ]
        tagging.set_found(catalogue, owner, rows)
        return tagging.tags_of(catalogue, owner)


def _report_vram(bench: Workbench, back_end: BackEnd) -> Vram:
    vram = back_end.vram()
    if vram.peak_mb is not None:
        admitted = "none admitted: not run as a job" if vram.admitted_mb is None else f"{vram.admitted_mb} MB admitted"
        bench.report.line(f"VRAM: {vram.peak_mb} MB at the peak, {admitted}")
    return vram
