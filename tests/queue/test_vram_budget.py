from __future__ import annotations

import pytest

from reelmill.hardware.gpu import Gpu
from reelmill.queue.vram_budget import SoftwareGpu, budgets, serves_gpu_pools
from reelmill.queue.worker_facts import VirtualGpu


def _gpu(index: int, total_mb: int | None) -> Gpu:
    return Gpu(index=index, uuid=f"GPU-{index}", name="L4", total_mb=total_mb, free_mb=None)


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ([], [("vram-mill-virtual", "virtual", 16000)]),
        ([_gpu(0, 24000)], [("vram-mill-gpu0", "gpu0", 24000)]),
        ([_gpu(0, 24000), _gpu(1, 8000)], [("vram-mill-gpu0", "gpu0", 24000), ("vram-mill-gpu1", "gpu1", 8000)]),
        ([_gpu(0, None)], [("vram-mill-gpu0", "gpu0", 16000)]),
        ([_gpu(3, 8000)], [("vram-mill-gpu3", "gpu3", 8000)]),
    ],
    ids=["no card", "one", "two", "one of unknown memory", "the others are lost"],
)
def test_budgets(gpus: list[Gpu], expected: list[tuple[str, str, int]]) -> None:
    assert budgets("mill", gpus, virtual_mb=16000) == [VirtualGpu(*row) for row in expected]


@pytest.mark.parametrize(
    ("software_gpu", "has_gpu", "site_has_gpu", "serves"),
    [
        ("auto", False, False, True),
        ("auto", False, True, False),
        ("always", False, False, True),
        ("always", False, True, True),
        ("never", False, False, False),
        ("never", False, True, False),
        ("auto", True, True, True),
        ("always", True, True, True),
        ("never", True, True, True),
        ("auto", True, False, True),  # the site has not heard of this node's GPU yet
    ],
)
def test_who_serves_the_gpu_pools(software_gpu: SoftwareGpu, has_gpu: bool, site_has_gpu: bool, serves: bool) -> None:
    assert serves_gpu_pools(software_gpu, has_gpu, site_has_gpu) is serves
