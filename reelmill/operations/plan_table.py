"""A plan for people to read (pure)."""

from __future__ import annotations

from typing import Final

from reelmill.ffmpeg.sampling import Range
from reelmill.operations.plan import Plan, VideoPlan
from reelmill.space import in_bytes

HEADER = ("video", "what", "why", "now", "after", "encode", "saves")

_LESS: Final = ("less", "more")


def rows(plan: Plan) -> list[tuple[str, ...]]:
    """A row a video, for ``HEADER``."""
    return [_row(video) for video in plan.videos]


def _row(video: VideoPlan) -> tuple[str, ...]:
    why, now = "; ".join(video.reasons), in_bytes(video.size)
    if video.after is None or video.saving is None:
        return video.path, video.action, why, now, "", "", ""
    time = _times(video.prediction.seconds) if video.prediction is not None else ""
    return video.path, video.action, why, now, _sizes(video.after), time, in_bytes(round(video.saving.likely))


def summary(plan: Plan) -> str:
    """The totals, in a sentence or two."""
    total = plan.totals
    counts = [f"{count} to {action}" for action, count in total.actions.items() if count and action != "cannot"]
    if total.actions["cannot"]:
        counts.append(f"{total.actions['cannot']} cannot be used")
    told = f"{', '.join(counts) or 'no videos'}."
    if total.size:
        saved = round(total.saving.likely)
        told += (
            f" {in_bytes(total.size)} become {_sizes(total.after)}, {in_bytes(abs(saved))} {_LESS[saved < 0]}, in "
            f"{_times(total.seconds)} of encoding ({_seconds(total.cpu_seconds.likely)} of CPU)."
        )
    if total.unpredicted:
        told += f" {total.unpredicted} were not sampled and are in no sum."
    if plan.free is not None and total.after.most > plan.free:
        told += f" The copies do not all fit: {in_bytes(plan.free)} are free for them."
    return told


def _sizes(size: Range) -> str:
    return _between(in_bytes(round(size.likely)), in_bytes(round(size.least)), in_bytes(round(size.most)))


def _times(time: Range) -> str:
    return _between(_seconds(time.likely), _seconds(time.least), _seconds(time.most))


def _between(likely: str, least: str, most: str) -> str:
    return likely if least == most else f"{likely} ({least} to {most})"


def _seconds(count: float) -> str:
    if count < 100:
        return f"{count:.1f} s" if count < 10 else f"{count:.0f} s"
    return f"{count / 60:.0f} min" if count < 5400 else f"{count / 3600:.1f} h"
