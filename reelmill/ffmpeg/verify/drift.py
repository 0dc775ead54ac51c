"""Does the audio of a film keep step with that of its source all along? First by how loud both are, step by step.

How loud they are is known of the whole film once it is decoded, so that looking through it costs next to nothing; where
it seems that audio comes at another time, the audio itself is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.audio.audio_levels import STEP, Levels
from reelmill.ffmpeg.verify.audio_lag import NoLag

#: Steps that are compared in one go, from one such place to the next, and how far off audio is looked for.
_WINDOW: Final = 40
_HOP: Final = 20
_REACH: Final = 6
#: Below this, in dB of full scale, nothing is heard; and audio whose level moves by less has no place to be found by.
_FLOOR: Final = -60.0
_LIVELY: Final = 3.0
#: How alike the levels are where they were moved, and how far that is at least to be looked into, in steps.
_ALIKE: Final = 0.8
_SUSPECT: Final = 0.5
#: So many suspects are looked into of those that are farthest off, and as many of those most alike: audio that repeats
#: is alike by chance where it is far off.
_LOOKS: Final = 3

#: Compares the audio at a moment, in seconds after the first one compared: how much later it comes, or why not.
Measure = Callable[[float], float | NoLag]


def drift_fault(
    wanted: tuple[Levels, float], got: tuple[Levels, float], length: float, measure: Measure, limit: float
) -> Iterator[Finding]:
    """Where a film's audio is out of step with its source's.

    Args:
        wanted: the source's levels, and the second of its clock from which on they are compared.
        got: the same of the film.
        length: how many seconds are compared.
        measure: compares the audio itself.
        limit: seconds that it may be off.

    Yields:
        One, at the first place of those looked into; its time counts from the first moment compared.
    """
    suspects = list(suspected_lags(wanted, got, length))
    far, alike = (sorted(suspects, key=lambda one: -abs(one[place]))[:_LOOKS] for place in (1, 2))
    for at in sorted({at for at, *_ in (*far, *alike)}):
        lag = measure(at)
        if not isinstance(lag, NoLag) and abs(lag) > limit:
            yield Finding(FindingKind.DRIFTING, got=lag, limit=limit, at=at)
            return


def suspected_lags(
    wanted: tuple[Levels, float], got: tuple[Levels, float], length: float
) -> Iterator[tuple[float, float, float]]:
    """Where levels come at another time (pure).

    Args:
        wanted: as of ``drift_fault``.
        got: the same.
        length: the same.

    Yields:
        The middle of each such place, in seconds, how much later it seems to come, and how alike levels are then.
    """
    step, steps = float(STEP), int(length / float(STEP))
    if steps < _WINDOW + 2 * _REACH:
        return
    was, now = (_decibels(levels.at(begin, steps)) for levels, begin in (wanted, got))
    aside = [round(begin / step) - begin / step for _, begin in (wanted, got)]  # of the steps' own clocks
    for first in range(_REACH, steps - _WINDOW - _REACH + 1, _HOP):
        heard = now[first : first + _WINDOW]
        if heard.std() < _LIVELY:
            continue
        around = np.lib.stride_tricks.sliding_window_view(was[first - _REACH : first + _WINDOW + _REACH], _WINDOW)
        alike = _alike(around, heard)
        lag = _REACH - _peak(alike) + aside[1] - aside[0]
        if alike.max() >= _ALIKE and abs(lag) >= _SUSPECT:
            yield (first + _WINDOW / 2) * step, lag * step, float(alike.max())


def _decibels(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = np.maximum(10 * np.log10(powers.sum(axis=0) + 1e-12), _FLOOR)
    return levels


def _alike(around: NDArray[Any], heard: NDArray[Any]) -> NDArray[np.float64]:
    """Pearson's correlation of each of some windows with another."""
    around = around - around.mean(axis=1, keepdims=True)
    heard = heard - heard.mean()
    power = np.sqrt((around * around).sum(axis=1) * (heard @ heard))
    found: NDArray[np.float64] = (around @ heard) / np.maximum(power, 1e-9)
    return found


def _peak(alike: NDArray[np.float64]) -> float:
    """Where a curve is largest: between its values, by the parabola through three of them."""
    best = int(alike.argmax())
    if not 0 < best < len(alike) - 1:
        return float(best)
    before, at, after = alike[best - 1 : best + 2]
    bend = before - 2 * at + after
    return best + float((before - after) / (2 * bend) if bend < 0 else 0.0)
