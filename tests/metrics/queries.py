"""Every query of every panel and alert that a site ships."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tests.metrics.prometheus import MONITORING

BOARDS: Final = sorted((MONITORING / "dashboards").glob("*.json"))


def board(path: Path) -> dict[str, Any]:
    """A dashboard."""
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def queries() -> Iterator[tuple[str, str]]:
    """Each query, with what it is of: ``board: panel``, or the name of an alert."""
    for path in BOARDS:
        for panel in board(path)["panels"]:
            yield from ((f"{path.stem}: {panel['title']}", target["expr"]) for target in panel["targets"])
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]:
        yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])
