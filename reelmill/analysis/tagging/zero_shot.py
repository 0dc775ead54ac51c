"""Tags by a model that compares frames with sentences: needs the extra ``[ai]`` and a folder of weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from reelmill.analysis.frames.frame_sampling import FrameSample, sample_frames
from reelmill.analysis.scoring.signals import Floats
from reelmill.analysis.tagging.back_end import Subject, Vram
from reelmill.analysis.tagging.clip_model import ClipModel
from reelmill.analysis.tagging.fitting import fitting_tags
from reelmill.analysis.tagging.labels import prompts, vocabulary_of
from reelmill.analysis.tagging.rules import Tag


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
