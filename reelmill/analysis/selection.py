"""Which stretches make up a digest: pure, and the same for the same input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Final

import numpy as np

from reelmill.analysis.signals import Floats
from reelmill.analysis.transitions import Scene
from reelmill.analysis.variety import Window, samples, varied

#: A stretch lasts an eighth of the digest, within these seconds: long enough to see, short enough for variety.
SHORTEST: Final = 2
LONGEST: Final = 6
#: A stretch grows to this many seconds before another is asked to.
_GROWN: Final = 8
#: More stretches than this are not made, they get longer instead: each is an input that ffmpeg holds open,
#: some 20 MB at 1080p.
MOST: Final = 60


@dataclass(frozen=True)
class Segment:
    """One stretch to show, in seconds of the source, and why it was taken."""

    start: Fraction
    end: Fraction
    score: float
    reason: str

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return self.end - self.start


#: What counts of a stretch that begins in the middle of a scene.
_IN_A_SCENE: Final = 0.9
#: Added to the reason of a stretch that was taken although others score higher.
_OTHERWISE: Final = ", and unlike what is shown already"

Explain = Callable[[int, int], str]  # seconds first and end -> why they stand out


def best(
    scenes: Sequence[Scene],
    scores: Floats,
    duration: Fraction,
    target: Fraction,
    explain: Explain,
    looks: Floats | None = None,
) -> list[Segment]:
    """The best stretches that sum to ``target`` seconds and repeat each other little, in story order, none overlapping.

    Args:
        scenes: covering the video.
        scores: one a second.
        duration: of the video, seconds.
        target: of the digest, seconds; a video no longer than that is taken whole.
        explain: says why the seconds of a stretch stand out.
        looks: the picture of each second, see ``variety.varied``.
    """
    if target >= duration:
        return [_whole(scores, duration)]
    windows = _windows(scenes, _length(target), duration)
    worth = np.array([_mean(scores, window) for window in windows], np.float32)
    taken: list[Segment] = []
    left = target
    for (first, end), passed_over in varied(windows, worth, looks, len(scores)):
        if taken and left < SHORTEST:
            break  # no sliver: what is left makes the others longer
        seconds = samples((first, end), len(scores))
        reason = explain(seconds.start, seconds.stop) + (_OTHERWISE if passed_over else "")
        segment = Segment(first, end, _mean(scores, (first, end)), reason)
        if segment.length > left:
            segment = replace(segment, end=segment.start + left)
        taken.append(segment)
        left -= segment.length
        if left <= 0:
            break
    return _fill(sorted(taken, key=lambda segment: segment.start), duration, target, scenes)


def _windows(scenes: Sequence[Scene], length: int, duration: Fraction) -> list[Window]:
    """Stretches to choose from: inside a scene, or a whole short one; one too short to see runs on into the next."""
    windows = set()
    for scene in scenes:
        first, end = Fraction(scene.first), min(Fraction(scene.end), duration)
        if end - first < max(SHORTEST, length // 2):
            first = max(Fraction(0), min(first, duration - length))
            windows.add((first, min(first + length, duration)))
            continue
        starts = [first + second for second in range(max(0, math.floor(end - first) - length) + 1)]
        windows |= {(start, min(start + length, end)) for start in starts}
    return sorted(windows)


def _mean(scores: Floats, window: Window) -> float:
    return float(scores[samples(window, len(scores))].mean())


def spread(scenes: Sequence[Scene], scores: Floats, duration: Fraction, target: Fraction) -> list[Segment]:
    """Stretches that sum to ``target`` seconds, spread evenly over the scenes, in story order, none overlapping.

    With at least as many scenes as stretches, evenly chosen scenes give one each, from their middle; with fewer, every
    scene gives its share by length.
    """
    if target >= duration:
        return [_whole(scores, duration)]
    length = min(Fraction(_length(target)), target)
    count = max(1, round(target / length))
    segments: list[Segment] = []
    for start, number in _places(scenes, duration, count, length):
        begin = max(start, segments[-1].end if segments else Fraction(0))
        end = min(begin + length, duration)
        if end > begin:
            segments.append(
                Segment(begin, end, _mean(scores, (begin, end)), f"one of {count} even stretches, from scene {number}")
            )
    over = sum((segment.length for segment in segments), Fraction(0)) - target
    if over > 0:
        each = over / len(segments)
        segments = [replace(segment, end=segment.end - each) for segment in segments]
    return _fill(segments, duration, target, scenes)


def _places(scenes: Sequence[Scene], duration: Fraction, count: int, length: Fraction) -> list[tuple[Fraction, int]]:
    """Where each even stretch begins, and in which scene (counted from 1) that is."""
    numbered = list(enumerate(scenes, 1))
    if len(scenes) >= count:
        chosen = [numbered[(2 * i + 1) * len(scenes) // (2 * count)] for i in range(count)]
        middles = [
            ((Fraction(scene.first) + min(Fraction(scene.end), duration)) / 2, number) for number, scene in chosen
        ]
    else:
        times = [duration * (2 * i + 1) / (2 * count) for i in range(count)]
        middles = [(time, next(n for n, s in reversed(numbered) if s.first <= time)) for time in times]
    return [(min(max(Fraction(0), middle - length / 2), duration - length), number) for middle, number in middles]


def _length(target: Fraction) -> int:
    return max(min(LONGEST, max(SHORTEST, round(target / 8))), math.ceil(target / MOST))


def _whole(scores: Floats, duration: Fraction) -> Segment:
    score = float(np.mean(scores)) if len(scores) else 0.0
    return Segment(Fraction(0), duration, score, "the video is no longer than the digest")


def _fill(segments: list[Segment], duration: Fraction, target: Fraction, scenes: Sequence[Scene]) -> list[Segment]:
    """Lengthen stretches until they sum to ``target``; join those that meet.

    First inside their scenes, a second clear of one another and none beyond ``_GROWN`` seconds; then wherever room is.
    """
    missing = target - sum((segment.length for segment in segments), Fraction(0))
    for gently in (True, False):
        for index, segment in enumerate(segments):
            if missing <= 0:
                break
            low = segments[index - 1].end if index else Fraction(0)
            high = segments[index + 1].start if index + 1 < len(segments) else duration
            most = missing
            if gently:
                scene = next(s for s in reversed(scenes) if s.first <= segment.start)
                low = max(low + 1 if index else low, Fraction(scene.first))
                high = min(high - 1 if index + 1 < len(segments) else high, Fraction(scene.end))
                most = min(missing, max(Fraction(0), _GROWN - segment.length))
            after = max(Fraction(0), min(most, high - segment.end))
            before = max(Fraction(0), min(most - after, segment.start - low))
            segments[index] = replace(segment, start=segment.start - before, end=segment.end + after)
            missing -= after + before
    joined: list[Segment] = []
    for segment in segments:
        if joined and joined[-1].end == segment.start:
            last = joined.pop()
            better = last if last.score >= segment.score else segment
            segment = replace(better, start=last.start, end=segment.end)
        joined.append(segment)
    return joined


def moments(
    scenes: Sequence[Scene],
    scores: Floats,
    duration: Fraction,
    count: int,
    length: Fraction,
    explain: Explain,
    looks: Floats | None = None,
) -> list[Segment]:
    """The ``count`` best stretches of one length each, in story order, none overlapping; fewer where no more fit.

    Args:
        scenes: covering the video; a stretch that begins with a scene is preferred.
        scores: one a second.
        duration: of the video, seconds.
        count: how many.
        length: of each, seconds; a video no longer than that is taken whole.
        explain: says why the seconds of a stretch stand out.
        looks: the picture of each second, see ``variety.varied``.
    """
    if length >= duration:
        return [_whole(scores, duration)]
    begins = {Fraction(scene.first) for scene in scenes if scene.first + length <= duration}
    starts = begins | {Fraction(second) for second in range(math.floor(duration - length) + 1)}
    windows = [(start, start + length) for start in sorted(starts)]
    worth = np.array(
        [_mean(scores, window) * (1 if window[0] in begins else _IN_A_SCENE) for window in windows], np.float32
    )
    taken = []
    for window, passed_over in islice(varied(windows, worth, looks, len(scores)), count):
        seconds = samples(window, len(scores))
        reason = explain(seconds.start, seconds.stop) + (_OTHERWISE if passed_over else "")
        taken.append(Segment(*window, _mean(scores, window), reason))
    return sorted(taken, key=lambda segment: segment.start)
