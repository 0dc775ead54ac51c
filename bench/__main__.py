"""``python -m bench [--row NAME] [--runs N]``."""

from __future__ import annotations

import argparse

from bench import reencode, rescan, scan_cold
from bench.harness import record

ROWS = {"scan_cold": scan_cold, "rescan": rescan, "reencode": reencode}


def main() -> None:
    """Measure the rows that were asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description="Speed as a ratio to a named peer.")
    parser.add_argument("--row", choices=sorted(ROWS), help="only this one")
    parser.add_argument("--runs", type=int, default=3, help="turns of each, after one that warms up")
    asked = parser.parse_args()
    for name in [asked.row] if asked.row else ROWS:
        record(ROWS[name].run(asked.runs), asked.runs)


if __name__ == "__main__":
    main()
