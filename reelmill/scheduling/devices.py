"""NVIDIA cards as NVML sees them; what it cannot tell is None, never 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pynvml


@dataclass(frozen=True)
class Gpu:
    """One card."""

    index: int
    uuid: str
    name: str
    total_mb: int | None
    free_mb: int | None
    processes: tuple[tuple[int, int | None], ...] = ()


@contextmanager
def _nvml() -> Iterator[bool]:
    """NVML, initialised for this process (again after a fork); False where there is no driver or no card."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def gpus() -> tuple[Gpu, ...]:
    """The machine's NVIDIA cards; empty without a driver."""
    with _nvml() as ready:
        if not ready:
            return ()
        return tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = memory.total // 2**20, memory.free // 2**20
    except pynvml.NVMLError:  # unified-memory boards answer "not supported"
        total = free = None
    return Gpu(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total_mb=total,
        free_mb=free,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
