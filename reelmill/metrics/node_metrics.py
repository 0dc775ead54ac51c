"""How busy nodes are, as metrics (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric

_MB: Final = 2**20

#: Gauges of a node: name, documentation, key in its load, and what one of that unit is.
_OF_NODE: Final[Sequence[tuple[str, str, str, float]]] = (
    ("media_node_load_per_core", "Processes that run or wait to, for each core; above 1 they wait", "load_per_core", 1),
    ("media_node_memory_available_bytes", "Memory that programs may still have", "memory_available_mb", _MB),
    ("media_node_disk_free_bytes", "Free space on the disk of the media root", "disk_free_mb", _MB),
    ("media_node_disk_total_bytes", "Size of the disk of the media root", "disk_total_mb", _MB),
    ("media_node_temperature_celsius", "The hottest of the processor's sensors", "temperature", 1),
)

#: The same of each of its GPUs.
_OF_GPU: Final[Sequence[tuple[str, str, str, float]]] = (
    ("media_gpu_load_ratio", "How much of the time the GPU computes, 0 to 1", "gpu_percent", 0.01),
    ("media_gpu_encoder_load_ratio", "How much of the time its encoder works, 0 to 1", "encoder_percent", 0.01),
    ("media_gpu_memory_used_bytes", "Memory of the GPU that anything at all has taken", "used_mb", _MB),
    ("media_gpu_temperature_celsius", "Temperature of the GPU's chip", "temperature", 1),
    ("media_gpu_power_watts", "What the GPU draws now", "power", 1),
)


@dataclass(frozen=True)
class NodeLoad:
    """One node's load; both as ``hardware.host`` reads them."""

    name: str
    load: Mapping[str, Any]
    hardware: Mapping[str, Any] = field(default_factory=dict)


def node_metrics(nodes: Sequence[NodeLoad]) -> Iterator[Metric]:
    """What is known of each node; what it cannot read has no value, never a 0.

    Args:
        nodes: of the site, or the one of a worker.

    Yields:
        Each metric.
    """
    for name, documentation, key, unit in _OF_NODE:
        yield _gauge(
            name, documentation, [((node.name,), _number(node.load.get(key), unit)) for node in nodes], ("node",)
        )
    memory = [((node.name,), _number(node.hardware.get("memory_mb"), _MB)) for node in nodes]
    yield _gauge("media_node_memory_total_bytes", "Memory of the node", memory, ("node",))
    gpus = [(node.name, f"gpu{place}", gpu) for node in nodes for place, gpu in _gpus(node)]
    for name, documentation, key, unit in _OF_GPU:
        values = [((node, gpu), _number(load.get(key), unit)) for node, gpu, load in gpus]
        yield _gauge(name, documentation, values, ("node", "gpu"))


def _gpus(node: NodeLoad) -> list[tuple[int, Mapping[str, Any]]]:
    """The GPUs of a node by NVML's index; a load that an older version has published has them in that order."""
    found = node.load.get("gpus")
    every = [gpu for gpu in found if isinstance(gpu, dict)] if isinstance(found, list) else []
    return [(gpu.get("index", place), gpu) for place, gpu in enumerate(every)]


def _gauge(
    name: str, documentation: str, values: Iterable[tuple[Sequence[str], float | None]], labels: Sequence[str]
) -> Metric:
    gauge = GaugeMetricFamily(name, documentation, labels=labels)
    for at, value in values:
        if value is not None:
            gauge.add_metric(at, value)
    return gauge


def _number(value: object, unit: float) -> float | None:
    """A load is what a worker of any version has published."""
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else value * unit
