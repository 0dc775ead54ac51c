"""What a worker tells its site about itself and its machine."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

#: What the names of the Prefect variables begin with that workers keep; one variable a worker.
VARIABLE_PREFIX = "reelmill-worker-"


@dataclass(frozen=True)
class VirtualGpu:
    """One budget of GPU memory, and the global concurrency limit that keeps it."""

    limit_name: str  # vram-<node>-gpu0
    device: str  # gpu0, or virtual
    total_mb: int


@dataclass(frozen=True)
class WorkerFacts:
    """One worker's word, kept as JSON in a Prefect variable."""

    worker: str
    node: str
    pool: str
    max_jobs: int
    active_jobs: int
    paused: str | None  # why it takes nothing new at present
    vram: list[VirtualGpu]
    hardware: dict[str, Any] = field(default_factory=dict)  # see ``hardware.py``
    load: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> WorkerFacts:
        """Back from ``to_json``."""
        return cls(**{**kept, "vram": [VirtualGpu(**gpu) for gpu in kept["vram"]]})


def variable_name(worker: str) -> str:
    """The name of a worker's variable; Prefect allows lower case letters, digits and dashes."""
    return VARIABLE_PREFIX + re.sub(r"[^a-z0-9]+", "-", worker.lower()).strip("-")
