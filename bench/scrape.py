"""``scrape``: the metrics of a site that has had 100,000 jobs, as Prometheus asks for them, against the goal's time."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from sqlalchemy import text

from bench.harness import Row, compare, wall
from bench.many_jobs import insert
from bench.site import bench_site
from reelmill.catalogue.engine import get_engine
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.metrics.site_collector import SiteCollector
from workpools.pools import pools

JOBS: Final = 100_000
TIMES: Final = 20  # scrapes in a turn
GOAL_SECONDS: Final = 0.05

LIMIT: Final = "reading pools, workers and GPU memory from Prefect's server"


def run(runs: int, jobs: int = JOBS) -> Row:
    """Measure.

    Args:
        runs: how many turns.
        jobs: how many the site has had.

    Returns:
        The median of a scrape, against the time aimed at: there is no peer that measures a site.
    """
    with bench_site() as bench, dispatcher() as prefect:
        for pool in pools():
            bench.pause(pool.name)
        with get_engine().begin() as connection:
            insert(connection, jobs)
        with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE) flow_run"))  # as PostgreSQL does by itself after a while
        first = wall(lambda: scrape(prefect))
        database = statistics.median(wall(lambda: scrape(prefect, anew=False)) for _ in range(TIMES))
        row = compare(
            "scrape", f"the goal, {1000 * GOAL_SECONDS:.0f} ms a scrape ({jobs} jobs)", "seconds, median", 1, "",
            ours=lambda: statistics.median(wall(lambda: scrape(prefect)) for _ in range(TIMES)),
            theirs=lambda: GOAL_SECONDS, runs=runs,
        )  # fmt: skip
        size = len(scrape(prefect))
        rest = (
            f"where somebody has read those just before, a scrape takes {1000 * database:.0f} ms; the first of all, "
            f"which adds up every job, took {first:.1f} s; {size / 1000:.0f} kB of text"
        )
        return replace(row, limit=f"{LIMIT}; {rest}")


def scrape(prefect: Dispatcher, *, anew: bool = True) -> bytes:
    """One scrape, as the API's route makes it.

    Args:
        prefect: of the site.
        anew: nobody has read pools and nodes in the two seconds before, as where Prometheus alone asks.

    Returns:
        The text.
    """
    if anew:
        prefect.snapshot.expire()
    registry = CollectorRegistry()
    registry.register(SiteCollector(prefect.reader, prefect.snapshot))
    return generate_latest(registry)
