"""How much each second is worth showing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from reelmill.analysis.signals import Floats, Signals

#: What counts, and how much; the weights sum to 1.
WEIGHTS: Final = {"motion": 0.45, "loudness": 0.25, "sharpness": 0.20, "colourfulness": 0.10}

#: How a person would say that a signal stands out.
WORDS: Final = {
    "motion": "much motion",
    "loudness": "strong sound",
    "sharpness": "a sharp picture",
    "colourfulness": "strong colours",
}

#: Mean luma under which a picture counts as black.
_BLACK: Final = 20.0
#: What is left of a black second's score.
_BLACK_LEFT: Final = 0.1
#: Under this share of the video's median sharpness a picture counts as blurred.
_BLURRED: Final = 0.25
#: What is left of a blurred second's score.
_BLURRED_LEFT: Final = 0.5
#: Under this many dB below full scale all sound is the same silence, however empty the track.
_QUIET: Final = -60.0


def normalised(values: Floats) -> Floats:
    """Scaled so that this video's 5th percentile is 0 and its 95th is 1; all 0 where they are the same."""
    low, high = np.percentile(values, (5, 95))
    if high - low < 1e-6:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def parts(signals: Signals) -> dict[str, Floats]:
    """Each weighted signal, normalised, shape (seconds,)."""
    values = {name: getattr(signals, name) for name in WEIGHTS}
    values["loudness"] = np.maximum(signals.loudness, _QUIET)
    return {name: normalised(value) for name, value in values.items()}


def scores(signals: Signals) -> Floats:
    """The score of each second, 0 to 1, shape (seconds,): the weighted sum of ``parts``.

    Black counts a tenth, blurred a half, and a second without a picture nothing.
    """
    total = np.zeros(len(signals), np.float32)
    for name, values in parts(signals).items():
        total += WEIGHTS[name] * values
    there = signals.shown > 0
    usual = float(np.median(signals.sharpness[there])) if there.any() else 0.0
    total[signals.sharpness < _BLURRED * usual] *= _BLURRED_LEFT
    total[signals.brightness < _BLACK] *= _BLACK_LEFT
    return np.where(there, total, 0).astype(np.float32)


def explain(signals: Signals) -> Callable[[int, int], str]:
    """Says which signals lift a stretch above the video's own middle."""
    normal = parts(signals)

    def reason(first: int, end: int) -> str:
        gains = {name: float(np.mean(v[first:end]) - np.mean(v)) * WEIGHTS[name] for name, v in normal.items()}
        told = [WORDS[name] for name, gain in sorted(gains.items(), key=lambda item: -item[1]) if gain > 0.02]
        return " and ".join(told[:2]) or "as good as the rest of the video"

    return reason
