"""From what a model finds of frames and sentences to the words that fit a video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from reelmill.analysis.scoring.signals import Floats
from reelmill.analysis.tagging.labels import LabelSet
from reelmill.analysis.tagging.rules import Tag

#: More likely than all else of its set together.
_FITS: Final = 0.5
#: A word is for the video when it is for this share of its frames.
_SHARE: Final = 0.25
_SURE: Final = 0.95  # as of the classical tags that are no facts
_SHOWN: Final = 3  # moments named as evidence


def fitting_tags(logits: Floats, times: Sequence[float], vocabulary: Sequence[LabelSet], name: str) -> list[Tag]:
    """The words that fit a video, the surest first (pure).

    Inside each set a frame's logits become probabilities (softmax). A word's confidence is the mean probability
    over the quarter of the frames it fits best, so that it need not fit them all; half and more makes a tag.

    Args:
        logits: shape (frames, labels), labels in the order of ``labels.prompts``.
        times: of the frames, in seconds.
        vocabulary: the labels.
        name: of the back end, for the evidence.

    Returns:
        A tag for each.
    """
    best = max(1, math.ceil(_SHARE * len(times)))
    found: dict[str, Tag] = {}
    first = 0
    for label_set in vocabulary:
        chances = softmax(logits[:, first : first + len(label_set.labels)])
        first += len(label_set.labels)
        for label, column in zip(label_set.labels, chances.T, strict=True):
            order = np.argsort(-column, kind="stable")
            confidence = float(column[order[:best]].mean())
            if label.name is None or confidence < _FITS:
                continue
            evidence = {
                "back_end": name,
                "looks_like": label.prompt,
                "pictures": f"{int((column >= _FITS).sum())} of {len(times)}",
                "best_at_seconds": [round(times[i], 2) for i in order[: min(best, _SHOWN)]],
            }
            tag = Tag(label.name, round(min(_SURE, confidence), 3), evidence)
            if label.name not in found or found[label.name].confidence < tag.confidence:
                found[label.name] = tag
    return sorted(found.values(), key=lambda tag: (-tag.confidence, tag.name))


def softmax(logits: Floats) -> Floats:
    """Probabilities of each row, shape as given."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
