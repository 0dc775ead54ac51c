"""The policy of GPU memory: which budgets a node keeps, and whether it serves the GPU pools at all (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reelmill.hardware.gpu import Gpu
from reelmill.queue.worker_facts import VirtualGpu

SoftwareGpu = Literal["auto", "always", "never"]


def budgets(node: str, gpus: Sequence[Gpu], *, virtual_mb: int) -> list[VirtualGpu]:
    """One budget a GPU; a node without one keeps a virtual budget, so that limits work the same everywhere.

    Args:
        node: the node's name in the site.
        gpus: of the node.
        virtual_mb: MB of a budget whose size the driver does not report.

    Returns:
        One budget or more.
    """
    if not gpus:
        return [VirtualGpu(f"vram-{node}-virtual", "virtual", virtual_mb)]
    return [
        VirtualGpu(
            limit_name=f"vram-{node}-gpu{gpu.index}",
            device=f"gpu{gpu.index}",
            total_mb=virtual_mb if gpu.total_mb is None else gpu.total_mb,
        )
        for gpu in gpus
    ]


def serves_gpu_pools(software_gpu: SoftwareGpu, has_gpu: bool, site_has_gpu: bool) -> bool:
    """Whether a node takes jobs of the GPU pools.

    Args:
        software_gpu: what a node without a GPU does: ``auto`` stands in, in software, while nobody in the site has
            a GPU; ``always`` does so beside GPUs too; ``never`` leaves those jobs waiting.
        has_gpu: whether this node has a GPU.
        site_has_gpu: whether any node of the site has one.

    Returns:
        Whether it does.
    """
    return has_gpu or {"auto": not site_has_gpu, "always": True, "never": False}[software_gpu]
