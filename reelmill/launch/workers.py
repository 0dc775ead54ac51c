"""What live workers can encode, out of what the API lists of the nodes (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reelmill.ffmpeg.codecs import codec_called
from reelmill.ffmpeg.loadtest.scenarios import Scenario
from reelmill.hardware.backends import SOFTWARE

#: Pools that a load test has a deployment for; one that may use a GPU comes first, as with every job.
POOLS: Final = ("gpu_encode", "cpu")
_SOFTWARE_POOL: Final = "cpu"
_GSTREAMER: Final = "gstreamer"


@dataclass(frozen=True)
class LiveWorker:
    """A worker that is online, in one of ``POOLS``."""

    pool: str
    encoders: frozenset[str]  # that passed a test encode, as ffmpeg names them
    gstreamer: bool  # whether its node has GStreamer

    def can_encode(self, scenario: Scenario, engine: str) -> bool:
        """Whether a load test of this scenario would not be refused there.

        Args:
            scenario: what is to be encoded.
            engine: as a person chose it.

        Returns:
            Whether it has an encoder for it.
        """
        codec = codec_called(scenario.codec)
        if engine != _GSTREAMER:
            for row in codec.encoders:
                fits = scenario.width >= row.least_size[0] and scenario.height >= row.least_size[1]
                allowed = self.pool != _SOFTWARE_POOL or row.backend == SOFTWARE
                if fits and allowed and row.name in self.encoders:
                    return True
        stands_in = engine != "ffmpeg" and codec.software.gst is not None
        return stands_in and self.gstreamer


def live_workers(nodes: Iterable[Mapping[str, Any]]) -> list[LiveWorker]:
    """The workers that may take a load test now.

    Args:
        nodes: as ``GET /api/media/nodes`` lists them; of a node that publishes less, less is known.

    Returns:
        The workers that are online, in one of ``POOLS``.
    """
    return [
        LiveWorker(
            pool=worker["pool"],
            encoders=frozenset((node.get("hardware") or {}).get("encoders") or ()),
            gstreamer=_GSTREAMER in ((node.get("hardware") or {}).get("engines") or ()),
        )
        for node in nodes
        for worker in node.get("workers") or ()
        if worker.get("online") and worker.get("pool") in POOLS
    ]


def pool_for(scenario: Scenario, engine: str, workers: Collection[LiveWorker]) -> str | None:
    """The pool that a load test goes to: the first of ``POOLS`` in which a live worker can encode it; None: in none."""
    able = {worker.pool for worker in workers if worker.can_encode(scenario, engine)}
    return next((pool for pool in POOLS if pool in able), None)
