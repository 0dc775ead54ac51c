"""What a job may take of GPU memory: set by the worker, spent by the work, and what to do where it lacks."""

from __future__ import annotations

import os
from typing import Final

#: In the environment of a run's process: how many MB it was admitted to, 0 where it is to leave the GPU alone.
VARIABLE: Final = "REELMILL_ADMITTED_MB"

_MB: Final = 2**20
#: What CUDA takes of a GPU for a process before anything is allocated (context, cuBLAS), in MB. PyTorch does not
#: count it; it differs with GPU and driver.
CONTEXT_MB: Final = 600
#: The share of the rest that is planned with: the allocator hands out whole blocks of 2 to 20 MB and leaves gaps.
_PLANNED: Final = 0.8
#: Beyond this a larger batch is no faster, and frames wait in memory.
_LARGEST: Final = 256


def admitted_mb() -> int | None:
    """How many MB of GPU memory the run we are in was admitted to; None outside of a worker, where nobody counts."""
    admitted = os.environ.get(VARIABLE)
    return None if admitted is None else int(admitted)


def batch_size(allowed_mb: int, model_bytes: int, frame_bytes: int) -> int:
    """How many frames go through a model at once (pure): what is left beside the model, by what a frame takes.

    ``(0.8 * (allowed - context) - model) / frame``, rounded down, from 1 to 256. The numbers are our own, measured or
    set as noted at each constant. At least 1, since only trying shows whether the margin was needed.

    Args:
        allowed_mb: GPU memory that may be taken.
        model_bytes: of its weights.
        frame_bytes: what one frame adds at the peak, as measured on this GPU with this model.

    Returns:
        From 1 to 256.
    """
    spare = _PLANNED * (allowed_mb - CONTEXT_MB) * _MB - model_bytes
    return max(1, min(_LARGEST, int(spare // max(1, frame_bytes))))


def how_to_raise(admitted: int | None) -> str:
    """The way out of too little GPU memory, as the end of a sentence.

    Args:
        admitted: MB the job had; None where nobody counted.

    Returns:
        Without the full stop.
    """
    if admitted is None:
        return "free some of the GPU's memory, or run it as a job, which waits for its vram_mb"
    more = 2 * admitted or "…"
    return (
        f"it was admitted to {admitted} MB: raise its job variable vram_mb, for one run with "
        f"--job-variable vram_mb={more}, for all in the Prefect UI (Deployments, Edit, Job Variables)"
    )
