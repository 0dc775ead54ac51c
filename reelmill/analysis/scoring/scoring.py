"""How much each second is worth showing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from reelmill.analysis.scoring.signals import Flags, Floats, Signals

#: What counts, and how much; the weights sum to 1.
WEIGHTS: Final = {"motion": 0.45, "loudness": 0.25, "sharpness": 0.20, "colourfulness": 0.10}

#: How a person would say that a signal stands out.
WORDS: Final = {
    "motion": "much motion",
    "loudness": "strong sound",
    "sharpness": "a sharp picture",
    "colourfulness": "strong colours",
}

#: What is left of the score of a second that shows nothing but black, and of that of a title card.
_BLACK_LEFT: Final = 0.1
_TITLE_CARD_LEFT: Final = 0.1
#: Under this share of the usual sharpness of the video a frame counts as blurred.
_BLURRED: Final = 0.25
#: What is left of a blurred second's score.
_BLURRED_LEFT: Final = 0.5
#: Under this many dB below full scale all audio is the same silence, however empty the track.
_SILENT: Final = -60.0


def normalised(values: Floats, among: Flags | None = None) -> Floats:
    """Scaled so that this video's 5th percentile is 0 and its 95th is 1; all 0 where they are the same.

    Args:
        values: one a second.
        among: the seconds whose percentiles these are; None: all.

    Returns:
        0 to 1, one a second.
    """
    low, high = np.percentile(values if among is None else values[among], (5, 95))
    if high - low < 1e-6:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), np.float32)


def weighted_signals(signals: Signals) -> dict[str, Floats]:
    """Each weighted signal, normalised among the shots, shape (seconds,)."""
    values = {name: getattr(signals, name) for name in WEIGHTS}
    values["loudness"] = np.maximum(signals.loudness, _SILENT)
    shots = _shots(signals)
    return {name: normalised(value, shots) for name, value in values.items()}


def _shots(signals: Signals) -> Flags:
    """The seconds that all others are measured by: beside letters all else is a blur. All, where none is one."""
    shots = np.asarray(signals.title_card < 0.5)
    return shots if shots.any() else np.ones_like(shots)


def scores(signals: Signals) -> Floats:
    """The score of each second: the weighted sum of ``weighted_signals``.

    Black counts a tenth, so does a title card, blurred a half, and a second without a frame nothing. Where all seconds
    are title cards they keep their order. A second before one is half of one: only its first frame was looked at.

    Returns:
        0 to 1, shape (seconds,).
    """
    total = np.zeros(len(signals), np.float32)
    for name, values in weighted_signals(signals).items():
        total += WEIGHTS[name] * values
    there = signals.shown > 0
    measure = there & _shots(signals)
    usual = float(np.median(signals.sharpness[measure])) if measure.any() else 0.0
    total[signals.sharpness < _BLURRED * usual] *= _BLURRED_LEFT
    title_cards = np.maximum(signals.title_card, np.append(signals.title_card[1:], np.float32(0)) / 2)
    total *= np.where(signals.black, _BLACK_LEFT, 1) * (1 - (1 - _TITLE_CARD_LEFT) * title_cards)
    return np.where(there, total, 0).astype(np.float32)


def explain(signals: Signals) -> Callable[[int, int], str]:
    """A function that names the signals by which a segment stands out from the video's mean."""
    normal = weighted_signals(signals)

    def reason(first: int, end: int) -> str:
        gains = {name: float(np.mean(v[first:end]) - np.mean(v)) * WEIGHTS[name] for name, v in normal.items()}
        words = [WORDS[name] for name, gain in sorted(gains.items(), key=lambda item: -item[1]) if gain > 0.02]
        return " and ".join(words[:2]) or "as good as the rest of the video"

    return reason
