"""What a worker publishes about itself and its node."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

#: What the names of the Prefect variables begin with that workers keep; one variable a worker.
VARIABLE_PREFIX = "reelmill-worker-"

#: Prefect's label of the worker that has a run.
WORKER_LABEL: Final = "prefect.worker.name"


@dataclass(frozen=True)
class VirtualGpu:
    """One budget of GPU memory, and the global concurrency limit that keeps it."""

    limit_name: str  # vram-<node>-gpu0
    device: str  # gpu0, or virtual
    total_mb: int


@dataclass(frozen=True)
class WorkerFacts:
    """One worker's word, kept as JSON in a Prefect variable.

    A stored format, which workers of earlier and later versions read too: no name changes, and none is added, since
    the first workers accept no field that they do not know.
    """

    worker: str
    node: str
    pool: str
    max_jobs: int = 1
    active_jobs: int = 0
    paused: str | None = None  # why it takes nothing new at present
    vram: list[VirtualGpu] = field(default_factory=list)
    hardware: dict[str, Any] = field(default_factory=dict)  # see ``hardware/host.py``
    load: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: object) -> WorkerFacts:
        """Back from ``to_json``, of this version or another.

        Args:
            kept: the variable's value. Fields that are unknown are ignored; those that are missing or of another type
                have their default.

        Returns:
            The facts.

        Raises:
            ValueError: it does not even name its worker.
        """
        fields = _of_type(json.loads(kept) if isinstance(kept, str) else kept, _FIELDS)
        if not fields.keys() >= _IDENTITY:
            raise ValueError("it names no worker, node and pool")
        gpus = [_of_type(gpu, _GPU_FIELDS) for gpu in fields.pop("vram", [])]
        return cls(**fields, vram=[VirtualGpu(**gpu) for gpu in gpus if gpu.keys() == _GPU_FIELDS.keys()])


_IDENTITY: Final = {"worker", "node", "pool"}
_FIELDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(_IDENTITY, str),
    "max_jobs": int,
    "active_jobs": int,
    "paused": str,
    "vram": list,
    "hardware": dict,
    "load": dict,
}
_GPU_FIELDS: Final[Mapping[str, type]] = {"limit_name": str, "device": str, "total_mb": int}


def _of_type(kept: object, types: Mapping[str, type]) -> dict[str, Any]:
    """The fields of a JSON object that are known and of their type."""
    given = kept if isinstance(kept, dict) else {}
    return {name: given[name] for name, known in types.items() if isinstance(given.get(name), known)}


def variable_name(worker: str) -> str:
    """The name of a worker's variable; Prefect allows lower case letters, digits and dashes."""
    return VARIABLE_PREFIX + re.sub(r"[^a-z0-9]+", "-", worker.lower()).strip("-")
