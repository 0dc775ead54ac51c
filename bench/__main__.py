"""``python -m bench [--row NAME] [--runs N]``."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import cast

from bench.harness import Bench, record

#: Each is a module of this package.
ROWS = (
    "scan_cold",
    "rescan",
    "rescan_million",
    "catalogue_million",
    "reencode",
    "chunked",
    "resume",
    "two_workers",
    "storyboard",
    "scenes",
    "digest",
    "engine_throughput",
    "start_latency",
    "submit_bulk",
    "launch",
    "api_latency",
    "scrape",
    "page_load",
)


def main() -> None:
    """Measure the rows that were asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description="Speed as a ratio to a named peer.")
    parser.add_argument("--row", choices=sorted(ROWS), help="only this one")
    parser.add_argument("--runs", type=int, default=3, help="turns of each, after one that warms up")
    asked = parser.parse_args()
    for name in [asked.row] if asked.row else ROWS:
        row = cast(Bench, import_module(f"bench.{name}"))
        record(row.run(asked.runs), asked.runs)


if __name__ == "__main__":
    main()
