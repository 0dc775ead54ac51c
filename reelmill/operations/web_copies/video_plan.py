"""What a plan is: what would be done with each video, and all together, as data and for people (pure)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, computed_field

from reelmill.ffmpeg.planning.web_ready import Action
from reelmill.ffmpeg.trials.encode_prediction import Prediction, Range
from reelmill.operations.result_card import ItemTable, ResultCard
from reelmill.operations.web_copies.copy_changes import larger
from reelmill.wording import in_bytes, in_seconds

#: The columns of ``Plan.rows``.
HEADER: Final = ("video", "what", "why", "now", "after", "encode", "saves")

_UNKNOWN: Final = "unknown"


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
    left_out: tuple[str, ...] = ()  # of the copy, a sentence part each
    changed: tuple[str, ...] = ()  # likewise what an encode makes different
    dropped: int | None = 0  # bytes of the tracks that a remux leaves out; None where they were not read

    @computed_field  # type: ignore[prop-decorator]
    @property
    def after(self) -> Range | None:
        """Bytes of the copy; None where none is made or its size is not known."""
        if self.action == "remux":
            if self.dropped is None:
                return None
            rest = self.size - self.dropped
            return Range(likely=rest, least=rest, most=rest)
        return self.prediction.size if self.prediction is not None else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def saving(self) -> Range | None:
        """Bytes by which the copy is smaller than its source; below zero where it is larger."""
        if self.after is None:
            return None
        after = self.after
        return Range(likely=self.size - after.likely, least=self.size - after.most, most=self.size - after.least)

    @property
    def larger(self) -> str | None:
        """A sentence where the copy is larger than its source, and what for."""
        if self.saving is None or self.saving.likely >= 0:
            return None
        return larger(f"about {in_bytes(-round(self.saving.likely))}", self.reasons[0])

    @property
    def row(self) -> tuple[str, ...]:
        """For the table of a plan."""
        larger = () if self.larger is None else (self.larger,)
        why = "; ".join((*self.reasons, *larger, *self.left_out, *self.changed))
        now, saving = in_bytes(self.size), self.saving
        if self.action not in ("encode", "remux"):
            return self.path, self.action, why, now, "", "", ""
        if self.after is None or saving is None:
            return self.path, self.action, why, now, _UNKNOWN, _UNKNOWN if self.action == "encode" else "", _UNKNOWN
        time = _times(self.prediction.seconds) if self.prediction is not None else ""
        return self.path, self.action, why, now, _sizes(self.after), time, _compared(saving)


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

    @property
    def sentences(self) -> str:
        """What is known of the sums, and of how many copies it is."""
        made = self.actions["encode"] + self.actions["remux"]
        known = made - self.unpredicted
        text = ""
        if known:
            of = "" if known == made else f"Of {known} of {made}: "
            text = f" {of}{in_bytes(self.size)} become {_sizes(self.after)}, {_less(self.saving)}"
            if self.seconds.most:
                text += f", in {_times(self.seconds)} of encoding ({in_seconds(self.cpu_seconds.likely)} of CPU)"
            text += "."
        if self.unpredicted:
            were = "was not sampled and is" if self.unpredicted == 1 else "were not sampled and are"
            text += f" {self.unpredicted} {were} in no sum."
        if self.unpredicted and not known:
            text += " How large the copies become is unknown."
        return text


class Plan(BaseModel):
    """What would be done."""

    model_config = ConfigDict(frozen=True)

    videos: tuple[VideoPlan, ...]
    totals: Totals
    free: int | None = None  # bytes that copies may take on the library's disk; None without a library

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row a video, for ``HEADER``."""
        return [video.row for video in self.videos]

    @property
    def summary(self) -> str:
        """The totals, in a sentence or more."""
        return summary(self.totals, sum(video.larger is not None for video in self.videos), self.free)

    def result_card(self) -> ResultCard:
        """The result of a dry run for people."""
        if len(self.videos) != 1:
            return ResultCard(self.summary, table=ItemTable(HEADER, tuple(self.rows)))
        (video,) = self.videos
        facts = tuple((name, cell) for name, cell in zip(HEADER[3:], video.row[3:], strict=True) if cell)
        larger = () if video.larger is None else (video.larger,)
        return ResultCard(
            title=f"{video.path}: {video.action}: {'; '.join(video.reasons)}",
            rows=facts,
            notes=(*larger, *video.left_out, *video.changed, self.summary),
        )


def summary(total: Totals, larger: int, free: int | None) -> str:
    """What a plan comes to, in a sentence or more (pure).

    Args:
        total: of its videos.
        larger: how many of the copies are larger than their sources.
        free: bytes that copies may take on the library's disk; None without a library.

    Returns:
        The sentences.
    """
    counts = [f"{count} to {action}" for action, count in total.actions.items() if count and action != "cannot"]
    if total.actions["cannot"]:
        counts.append(f"{total.actions['cannot']} cannot be used")
    text = f"{', '.join(counts) or 'no videos'}.{total.sentences}"
    if larger:
        text += f" {larger} {'becomes' if larger == 1 else 'become'} larger than before."
    if free is not None and total.after.most > free:
        text += f" The copies do not all fit: {in_bytes(free)} are free for them."
    return text


_NOTHING: Final = Range(likely=0, least=0, most=0)


class RunningTotals:
    """The totals of videos that come one by one and are not held: there may be a million."""

    def __init__(self) -> None:
        self.larger = 0  # copies that are larger than their sources
        self._actions: dict[Action, int] = {"encode": 0, "remux": 0, "skip": 0, "cannot": 0}
        self._size = self._unpredicted = 0
        self._after = self._saving = self._seconds = self._cpu_seconds = _NOTHING

    def add(self, video: VideoPlan) -> None:
        """Take the plan of one more video into the sums."""
        self._actions[video.action] += 1
        self.larger += video.larger is not None
        if video.action not in ("encode", "remux"):
            return
        if video.after is None or video.saving is None:
            self._unpredicted += 1
            return
        self._size += video.size
        self._after, self._saving = _sum(self._after, video.after), _sum(self._saving, video.saving)
        if video.prediction is not None:
            self._seconds = _sum(self._seconds, video.prediction.seconds)
            self._cpu_seconds = _sum(self._cpu_seconds, video.prediction.cpu_seconds)

    @property
    def totals(self) -> Totals:
        """Those of all until now."""
        return Totals(
            actions=dict(self._actions),
            size=self._size,
            after=self._after,
            saving=self._saving,
            seconds=self._seconds,
            cpu_seconds=self._cpu_seconds,
            unpredicted=self._unpredicted,
        )


def _sum(one: Range, other: Range) -> Range:
    return Range(likely=one.likely + other.likely, least=one.least + other.least, most=one.most + other.most)


def totals(videos: Iterable[VideoPlan]) -> Totals:
    """All together (pure)."""
    running = RunningTotals()
    for video in videos:
        running.add(video)
    return running.totals


def _less(saving: Range) -> str:
    saved = round(saving.likely)
    return f"{in_bytes(abs(saved))} {'less' if saved >= 0 else 'more'}"


def _compared(saving: Range) -> str:
    saved = round(saving.likely)
    return in_bytes(saved) if saved >= 0 else f"{in_bytes(-saved)} larger"


def _sizes(size: Range) -> str:
    return _between(in_bytes(round(size.likely)), in_bytes(round(size.least)), in_bytes(round(size.most)))


def _times(time: Range) -> str:
    return _between(in_seconds(time.likely), in_seconds(time.least), in_seconds(time.most))


def _between(likely: str, least: str, most: str) -> str:
    return likely if least == most else f"{likely} ({least} to {most})"
