"""Which segments of a video make up a digest: pure, and the same for the same input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Final

import numpy as np

from reelmill.analysis.scenes.transitions import Scene
from reelmill.analysis.scoring.diversity import Window, choose_varied, seconds_of
from reelmill.analysis.scoring.signals import Floats

#: A segment lasts an eighth of the digest, within these seconds: long enough to see, short enough for variety.
SHORTEST: Final = 2
LONGEST: Final = 6
#: A segment grows to this many seconds before another does.
_GROWN: Final = 8
#: More segments than this are not made, they get longer instead: each is an input that ffmpeg holds open,
#: some 20 MB at 1080p.
MOST: Final = 60


@dataclass(frozen=True)
class Segment:
    """A segment to show, in seconds of the source, and why it was chosen."""

    start: Fraction
    end: Fraction
    score: float
    reason: str

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return self.end - self.start


#: What counts of a segment that begins in the middle of a scene.
_IN_A_SCENE: Final = 0.9
#: Added to the reason of a segment that was chosen although others score higher.
_OTHERWISE: Final = ", and unlike what is shown already"

Explain = Callable[[int, int], str]  # seconds first and end -> why they stand out


@dataclass(frozen=True)
class ScoredVideo:
    """A video with all that its segments are chosen by."""

    scenes: Sequence[Scene]  # covering it
    scores: Floats  # one a second
    duration: Fraction  # seconds
    explain: Explain  # why the seconds of a segment stand out
    looks: Floats | None = None  # the frame of each second, see ``diversity.choose_varied``

    def mean(self, window: Window) -> float:
        """The mean score of a window."""
        return float(self.scores[seconds_of(window, len(self.scores))].mean())

    def segment(self, window: Window, *, passed_over: bool) -> Segment:
        """The segment of a window; ``passed_over``: a better one was, as too much like those chosen."""
        seconds = seconds_of(window, len(self.scores))
        reason = self.explain(seconds.start, seconds.stop) + (_OTHERWISE if passed_over else "")
        return Segment(*window, self.mean(window), reason)

    def whole(self) -> Segment:
        """All of it, where it is no longer than what is wanted."""
        score = float(np.mean(self.scores)) if len(self.scores) else 0.0
        return Segment(Fraction(0), self.duration, score, "the video is no longer than the digest")


def best_segments(video: ScoredVideo, target: Fraction) -> list[Segment]:
    """The best segments that repeat each other little.

    Args:
        video: to choose from.
        target: of the digest, seconds; a video no longer than that is shown whole.

    Returns:
        Segments that sum to ``target`` seconds, in story order, none overlapping.
    """
    if target >= video.duration:
        return [video.whole()]
    windows = _windows(video.scenes, _length(target), video.duration)
    worth = np.array([video.mean(window) for window in windows], np.float32)
    chosen: list[Segment] = []
    left = target
    for window, passed_over in choose_varied(windows, worth, video.looks, len(video.scores)):
        if chosen and left < SHORTEST:
            break  # no sliver: what is left makes the others longer
        segment = video.segment(window, passed_over=passed_over)
        if segment.length > left:
            segment = replace(segment, end=segment.start + left)
        chosen.append(segment)
        left -= segment.length
        if left <= 0:
            break
    return _filled(sorted(chosen, key=lambda segment: segment.start), video, target)


def _windows(scenes: Sequence[Scene], length: int, duration: Fraction) -> list[Window]:
    """Windows to choose from: inside a scene, or a whole short one; one too short to see runs on into the next."""
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


def even_segments(video: ScoredVideo, target: Fraction) -> list[Segment]:
    """Segments spread evenly over the scenes.

    With at least as many scenes as segments, evenly chosen scenes give one each, from their middle; with fewer, every
    scene gives its share by length.

    Args:
        video: to choose from.
        target: of the digest, seconds; a video no longer than that is shown whole.

    Returns:
        Segments that sum to ``target`` seconds, in story order, none overlapping.
    """
    if target >= video.duration:
        return [video.whole()]
    length = min(Fraction(_length(target)), target)
    count = max(1, round(target / length))
    segments: list[Segment] = []
    for start, number in _places(video.scenes, video.duration, count, length):
        begin = max(start, segments[-1].end if segments else Fraction(0))
        end = min(begin + length, video.duration)
        if end > begin:
            segments.append(
                Segment(begin, end, video.mean((begin, end)), f"one of {count} even segments, from scene {number}")
            )
    over = sum((segment.length for segment in segments), Fraction(0)) - target
    if over > 0:
        each = over / len(segments)
        segments = [replace(segment, end=segment.end - each) for segment in segments]
    return _filled(segments, video, target)


def _places(scenes: Sequence[Scene], duration: Fraction, count: int, length: Fraction) -> list[tuple[Fraction, int]]:
    """Where each even segment begins, and in which scene (counted from 1) that is."""
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


def _filled(segments: list[Segment], video: ScoredVideo, target: Fraction) -> list[Segment]:
    """Lengthen segments until they sum to ``target``; join those that meet.

    First inside their scenes, a second clear of one another and none beyond ``_GROWN`` seconds; then wherever room is.

    Returns:
        They, in story order.
    """
    missing = target - sum((segment.length for segment in segments), Fraction(0))
    for gently in (True, False):
        for index, segment in enumerate(segments):
            if missing <= 0:
                break
            low = segments[index - 1].end if index else Fraction(0)
            high = segments[index + 1].start if index + 1 < len(segments) else video.duration
            most = missing
            if gently:
                scene = next(s for s in reversed(video.scenes) if s.first <= segment.start)
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


def best_moments(video: ScoredVideo, count: int, length: Fraction) -> list[Segment]:
    """The best segments of one length each; one that begins with a scene is preferred.

    Args:
        video: to choose from.
        count: how many.
        length: of each, seconds; a video no longer than that is shown whole.

    Returns:
        Segments in story order, none overlapping; fewer than ``count`` where no more fit.
    """
    if length >= video.duration:
        return [video.whole()]
    begins = {Fraction(scene.first) for scene in video.scenes if scene.first + length <= video.duration}
    starts = begins | {Fraction(second) for second in range(math.floor(video.duration - length) + 1)}
    windows = [(start, start + length) for start in sorted(starts)]
    worth = np.array(
        [video.mean(window) * (1 if window[0] in begins else _IN_A_SCENE) for window in windows], np.float32
    )
    varied = choose_varied(windows, worth, video.looks, len(video.scores))
    chosen = [video.segment(window, passed_over=passed_over) for window, passed_over in islice(varied, count)]
    return sorted(chosen, key=lambda segment: segment.start)
