"""Tags by a model that compares pictures with sentences: needs the extra ``[ai]`` and a folder of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from reelmill.analysis.backends import Subject, Vram
from reelmill.analysis.clip import Clip
from reelmill.analysis.samples import Sample, samples
from reelmill.analysis.signals import Floats
from reelmill.analysis.tags import Tag
from reelmill.analysis.vocabulary import Group, prompts, vocabulary_of

#: More likely than all else of its group together.
_FITS: Final = 0.5
#: A word is for the video when it is for this part of its pictures.
_PART: Final = 0.25
_SURE: Final = 0.95  # as of the classical tags that are no facts
_SHOWN: Final = 3  # moments named as evidence


class ZeroShot:
    """The back end of a CLIP model; see ``backends.BackEnd``."""

    def __init__(self, folder: Path):
        """Load the model in ``folder``.

        Raises:
            CapabilityError: there is none that can be used.
            GpuBusy: the card has too little memory for it.
        """
        self._vocabulary = vocabulary_of(folder)
        self.model = Clip(folder, prompts(self._vocabulary))
        self.name = f"CLIP model {folder.name}"

    @property
    def device(self) -> str:
        """See ``BackEnd.device``."""
        return self.model.device_name

    def vram(self) -> Vram:
        """See ``BackEnd.vram``."""
        return Vram(self.model.peak_mb, self.model.admitted_mb)

    def tags(self, subject: Subject) -> list[Tag]:
        """See ``BackEnd.tags``; a video of black pictures alone has none."""
        black = subject.signals.black
        seen = (
            sample
            for sample in samples(subject.path, subject.info.video, subject.duration, self.model.side)
            if not black[min(max(0, int(sample.time)), len(black) - 1)]
        )
        times: list[float] = []
        logits: list[Floats] = []
        for batch in _batches(seen, self.model.batch):
            times += [float(sample.time) for sample in batch]
            logits.append(self.model.logits([sample.pixels for sample in batch]))
        return named(np.concatenate(logits), times, self._vocabulary, self.name) if times else []


def _batches(seen: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    while batch := list(islice(seen, size)):
        yield batch


def named(logits: Floats, times: Sequence[float], vocabulary: Sequence[Group], name: str) -> list[Tag]:
    """The words that fit a video, the surest first (pure).

    Inside each group a picture's logits become probabilities (softmax). A word's confidence is the mean probability
    over the quarter of the pictures it fits best, so that it need not fit them all; half and more makes a tag.

    Args:
        logits: shape (pictures, labels), labels in the order of ``vocabulary.prompts``.
        times: of the pictures, in seconds.
        vocabulary: the labels.
        name: of the back end, for the evidence.
    """
    best = max(1, math.ceil(_PART * len(times)))
    found: dict[str, Tag] = {}
    first = 0
    for group in vocabulary:
        chances = softmax(logits[:, first : first + len(group.labels)])
        first += len(group.labels)
        for label, column in zip(group.labels, chances.T, strict=True):
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
