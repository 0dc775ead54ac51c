"""The budgets of GPU memory a machine gives, and whether it serves GPU work at all: pure policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reelmill.scheduling.devices import Gpu
from reelmill.scheduling.node import VirtualGpu


def budgets(node: str, gpus: Sequence[Gpu], *, virtual_mb: int) -> list[VirtualGpu]:
    """One budget a card, or a virtual one of ``virtual_mb`` where there is none."""
    if not gpus:
        return [VirtualGpu(f"vram-{node}-virtual", "virtual", virtual_mb)]
    return [VirtualGpu(f"vram-{node}-gpu{gpu.index}", f"gpu{gpu.index}", gpu.total_mb or virtual_mb) for gpu in gpus]


def serves_gpu_pools(software_gpu: Literal["auto", "always", "never"], has_gpu: bool, site_has_gpu: bool) -> bool:
    """Whether a machine takes GPU work: with a card always, without one by its setting."""
    return has_gpu or software_gpu == "always" or (software_gpu == "auto" and not site_has_gpu)
