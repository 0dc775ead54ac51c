"""How fast a job is and how long it will yet take, as kept with its progress bar (pure)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SPEED: Final = "speed"
_ETA: Final = "eta_seconds"


@dataclass(frozen=True)
class ProgressPace:
    """How work goes on."""

    speed: float | None = None  # seconds of video a second
    eta_seconds: float | None = None  # that are left


def to_metadata(pace: ProgressPace) -> dict[str, str]:
    """The metadata of the bar's artifact; Prefect takes text alone."""
    known = {_SPEED: pace.speed, _ETA: pace.eta_seconds}
    return {name: f"{value:.3f}" for name, value in known.items() if value is not None}


def from_metadata(metadata: Mapping[str, Any]) -> ProgressPace:
    """Back from ``to_metadata``; what is no number is not known."""
    return ProgressPace(_number(metadata.get(_SPEED)), _number(metadata.get(_ETA)))


def _number(text: object) -> float | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
