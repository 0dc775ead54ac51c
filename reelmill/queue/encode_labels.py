"""What a run's encodes cost, as labels of its flow run, where metrics find it with the job itself (pure).

A label is a name and a plain value on the Prefect server, read with the run and gone with it. So the figures of a site
can be added up without a look into results, which are files of the nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ENGINE: Final = "reelmill.engine"  # what encoded: software, nvenc, copy
SPEED: Final = "reelmill.speed"  # seconds of video made per second
BYTES_IN: Final = "reelmill.bytes_in"  # of the sources
BYTES_OUT: Final = "reelmill.bytes_out"  # of what was made
VMAF: Final = "reelmill.vmaf"  # 0 to 100
JOULES: Final = "reelmill.joules"  # of the whole node meanwhile

#: The engine of a run that took streams over as they are, and what such a cost has for its encoder.
COPY: Final = "copy"


@dataclass(frozen=True)
class EncodeFigures:
    """What the encodes of one run cost together; None for what was not measured."""

    engine: str = ""  # empty: the run encoded nothing
    speed: float | None = None
    bytes_in: float | None = None
    bytes_out: float | None = None
    vmaf: float | None = None
    joules: float | None = None

    def labels(self) -> dict[str, str | float]:
        """As labels; what was not measured has none."""
        values = {
            ENGINE: self.engine or None,
            SPEED: self.speed,
            BYTES_IN: self.bytes_in,
            BYTES_OUT: self.bytes_out,
            VMAF: self.vmaf,
            JOULES: self.joules,
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_labels(cls, labels: Mapping[str, Any]) -> EncodeFigures:
        """Back from ``labels``, of any run.

        Args:
            labels: of a flow run; those of others are ignored, and values that are no numbers count as not measured.

        Returns:
            The figures; all empty where the run encoded nothing.
        """
        engine = labels.get(ENGINE)
        return cls(
            engine=engine if isinstance(engine, str) else "",
            speed=_number(labels.get(SPEED)),
            bytes_in=_number(labels.get(BYTES_IN)),
            bytes_out=_number(labels.get(BYTES_OUT)),
            vmaf=_number(labels.get(VMAF)),
            joules=_number(labels.get(JOULES)),
        )


def _number(value: object) -> float | None:
    """A figure that can be added up: a person may have set the label by hand."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < float("inf") else None
