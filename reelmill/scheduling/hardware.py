"""What a machine has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def hardware() -> dict[str, Any]:
    """Cores and versions."""
    return {"cores": os.cpu_count(), "versions": {}}


def live_load(media_root: Path) -> dict[str, Any]:
    """How busy it is: the load average of a minute, by core."""
    return {"load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)}
