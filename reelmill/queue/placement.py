"""Which job gets GPU memory where: a pure policy over plain values.

Jobs are taken in order, by lane and then by arrival. One that fits goes to the GPU it fills best. One that does not
keeps a GPU for itself, of those that will have room once our jobs there have ended the one with the most to give:
nothing behind it is put there, so the GPU drains for it, and a stream of small jobs cannot starve a big one. The other
GPUs stay open to the jobs behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reelmill.hardware.backends import SOFTWARE


@dataclass(frozen=True)
class JobShare:
    """What one admitted job was given of a GPU."""

    mb: int
    used_mb: int = 0  # of it, what its processes have allocated by now


@dataclass(frozen=True)
class GpuMemory:
    """One GPU, or the virtual budget of a node without one; sizes in MB."""

    name: str  # gpu0
    total_mb: int
    leased_mb: int = 0  # by the site's own book, which also holds the shares of the dead until their time is up
    free_mb: int | None = None  # by the driver; None for a virtual budget
    shares: tuple[JobShare, ...] = ()

    @property
    def to_give(self) -> int:
        """What can be promised to one more job, in MB, 0 or more.

        The driver's free memory already lacks what admitted jobs have allocated, but not what they still may, so that
        is taken off it: min(total - leased, free - sum(max(0, share - used))).
        """
        unleased = self.total_mb - self.leased_mb
        if self.free_mb is None:
            return max(0, unleased)
        promised = sum(max(0, share.mb - share.used_mb) for share in self.shares)
        return max(0, min(unleased, self.free_mb - promised))

    @property
    def drained_mb(self) -> int:
        """What it will have to give once our jobs on it have ended, in MB: all but what others hold."""
        if self.free_mb is None:
            return self.total_mb
        return min(self.total_mb, self.free_mb + sum(share.used_mb for share in self.shares))


@dataclass(frozen=True)
class WaitingJob:
    """One job that needs GPU memory."""

    id: str
    need_mb: int
    priority: int  # of its lane, lower first
    arrived: float  # seconds of any one clock


@dataclass(frozen=True)
class Placement:
    """Admitted to a GPU."""

    gpu: str


@dataclass(frozen=True)
class Wait:
    """Not now."""

    reason: str


@dataclass(frozen=True)
class Impossible:
    """Never here: no GPU is that large."""

    reason: str


Decision = Placement | Wait | Impossible


def place(gpus: Sequence[GpuMemory], waiting: Sequence[WaitingJob]) -> dict[str, Decision]:
    """Decide for every waiting job, each as if those before it had been admitted.

    Args:
        gpus: of one node.
        waiting: its jobs, in any order.

    Returns:
        A decision for each job, by its id.
    """
    open_gpus = {gpu.name: gpu for gpu in gpus}
    reserved_for: dict[str, WaitingJob] = {}
    decisions: dict[str, Decision] = {}
    for job in sorted(waiting, key=lambda job: (job.priority, job.arrived, job.id)):
        decision = _decide(job, open_gpus, reserved_for)
        decisions[job.id] = decision
        if isinstance(decision, Placement):
            gpu = open_gpus[decision.gpu]
            open_gpus[gpu.name] = replace(
                gpu, leased_mb=gpu.leased_mb + job.need_mb, shares=(*gpu.shares, JobShare(job.need_mb))
            )
    return decisions


def _decide(job: WaitingJob, gpus: dict[str, GpuMemory], reserved_for: dict[str, WaitingJob]) -> Decision:
    able = [gpu for gpu in gpus.values() if gpu.total_mb >= job.need_mb]
    if not able:
        return Impossible(_too_large(job.need_mb, list(gpus.values())))
    free = [gpu for gpu in able if gpu.name not in reserved_for]
    fitting = [gpu for gpu in free if gpu.to_give >= job.need_mb]
    if fitting:
        return Placement(min(fitting, key=lambda gpu: (gpu.to_give - job.need_mb, gpu.name)).name)
    if not free:
        first = min((reserved_for[gpu.name] for gpu in able), key=lambda other: (other.priority, other.arrived))
        return Wait(f"{job.need_mb} MB of VRAM needed; a job before it waits for {first.need_mb} MB")
    best = max(free, key=lambda gpu: (gpu.drained_mb >= job.need_mb, gpu.to_give, gpu.name))
    reserved_for[best.name] = job
    return Wait(f"{job.need_mb} MB of VRAM needed and {best.to_give} free on {best.name}{_outside(best)}")


def _outside(gpu: GpuMemory) -> str:
    """A note, where others than our jobs hold the memory."""
    if gpu.free_mb is None:
        return ""
    outside = gpu.total_mb - gpu.free_mb - sum(share.used_mb for share in gpu.shares)
    return f" ({outside} MB of it used by others)" if outside > gpu.total_mb // 10 else ""


def _too_large(need_mb: int, gpus: Sequence[GpuMemory]) -> str:
    if not gpus:
        return f"The job needs {need_mb} MB of VRAM and no GPU is alive here."
    largest = max(gpus, key=lambda gpu: gpu.total_mb)
    return (
        f"The job needs {need_mb} MB of VRAM and the largest GPU alive, {largest.name}, has {largest.total_mb} MB; "
        "lower its vram_mb, or add a larger GPU."
    )


def need_of(vram_mb: int, parameters: dict[str, Any], *, virtual: bool) -> int:
    """What a job takes of this node's memory: nothing where its back end will not touch the GPU.

    Args:
        vram_mb: its job variable.
        parameters: of its flow.
        virtual: whether the node has no GPU, where everything counts as if it had one.

    Returns:
        MB, 0 or more.
    """
    return vram_mb if virtual or parameters.get("encoder") != SOFTWARE.choice else 0
