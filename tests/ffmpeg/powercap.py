"""A made RAPL tree, as the kernel lays it out: flat, a folder a zone, a number a file."""

from __future__ import annotations

from pathlib import Path

#: Where the made counters wrap, in µJ.
RANGE = 262_143_328_850


def zone(powercap: Path, folder: str, name: str, microjoules: int) -> Path:
    """Make a zone, or set its counter."""
    path = powercap / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text(f"{RANGE}\n")
    return path
