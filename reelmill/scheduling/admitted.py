"""What a job may take of GPU memory: told to its process by the worker, spent by the work, and missed with advice."""

from __future__ import annotations

import os
from typing import Final

#: In the environment of a run's process: how many MB it was admitted to, 0 where it was to leave the card alone.
VARIABLE: Final = "REELMILL_ADMITTED_MB"

_MB: Final = 2**20
#: What CUDA takes of a card for a process before anything is allocated (context, cuBLAS), in MB. PyTorch does not
#: count it; it differs with card and driver.
CONTEXT_MB: Final = 600
#: What part of the rest is planned with: the allocator hands out whole blocks of 2 to 20 MB and keeps gaps.
_PLANNED: Final = 0.8
#: Beyond this a larger batch is no faster, and pictures wait in memory.
_LARGEST: Final = 256


def admitted_mb() -> int | None:
    """How many MB of GPU memory the run we are in was admitted to; None outside of a worker, where nobody counts."""
    told = os.environ.get(VARIABLE)
    return None if told is None else int(told)


def batch_size(allowed_mb: int, model_bytes: int, picture_bytes: int) -> int:
    """How many pictures go through a model at once (pure): what is left beside the model, by what a picture takes.

    ``(0.8 * (allowed - context) - model) / picture``, rounded down, from 1 to 256. The parts are our own, measured or
    set as said at each constant. At least 1, since only trying tells whether the margin was needed.

    Args:
        allowed_mb: GPU memory that may be taken.
        model_bytes: of its weights.
        picture_bytes: what one picture adds at the peak, as measured on this card with this model.
    """
    spare = _PLANNED * (allowed_mb - CONTEXT_MB) * _MB - model_bytes
    return max(1, min(_LARGEST, int(spare // max(1, picture_bytes))))


def how_to_raise(admitted: int | None) -> str:
    """The way out of too little GPU memory, as the end of a sentence.

    Args:
        admitted: MB the job had; None where nobody counted.
    """
    if admitted is None:
        return "free some of the card's memory, or run it as a job, which waits for its vram_mb"
    more = 2 * admitted or "…"
    return (
        f"it was admitted to {admitted} MB: raise its job variable vram_mb, for one run with "
        f"--job-variable vram_mb={more}, for all in the Prefect UI (Deployments, Edit, Job Variables)"
    )
