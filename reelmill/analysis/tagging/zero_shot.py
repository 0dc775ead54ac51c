"""Tags by a model that compares frames with sentences: needs the extra ``[ai]`` and a folder of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from reelmill.analysis.frames.frame_sampling import FrameSample, sample_frames
from reelmill.analysis.scoring.signals import Floats
from reelmill.analysis.tagging.back_end import Subject, Vram
from reelmill.analysis.tagging.clip_model import ClipModel
from reelmill.analysis.tagging.labels import LabelSet, prompts, vocabulary_of
from reelmill.analysis.tagging.rules import Tag

#: More likely than all else of its set together.
_FITS: Final = 0.5
#: A word is for the video when it is for this share of its frames.
_SHARE: Final = 0.25
_SURE: Final = 0.95  # as of the classical tags that are no facts
_SHOWN: Final = 3  # moments named as evidence


class ZeroShot:
    """The back end of a CLIP model; see ``back_end.BackEnd``."""

    def __init__(self, folder: Path):
        """Load the model in ``folder``.

        Raises:
            CapabilityError: there is none that can be used.
            GpuBusy: the GPU has too little memory for it.
        """
        self._vocabulary = vocabulary_of(folder)
        self.model = ClipModel(folder, prompts(self._vocabulary))
        self.name = f"CLIP model {folder.name}"

    @property
    def device(self) -> str:
        """See ``BackEnd.device``."""
        return self.model.device_name

    def vram(self) -> Vram:
        """See ``BackEnd.vram``."""
        return Vram(self.model.peak_mb, self.model.admitted_mb)

    def tags(self, subject: Subject) -> list[Tag]:
        """See ``BackEnd.tags``; a video of black frames alone has none."""
        black = subject.signals.black
        frames = (
            sample
            for sample in sample_frames(subject.path, subject.info.video, subject.duration, self.model.side)
            if not black[min(max(0, int(sample.time)), len(black) - 1)]
        )
        times: list[float] = []
        logits: list[Floats] = []
        for batch in _batches(frames, self.model.batch):
            times += [float(sample.time) for sample in batch]
            logits.append(self.model.logits([sample.pixels for sample in batch]))
        return fitting_tags(np.concatenate(logits), times, self._vocabulary, self.name) if times else []


def _batches(frames: Iterator[FrameSample], size: int) -> Iterator[list[FrameSample]]:
    while batch := list(islice(frames, size)):
        yield batch


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
