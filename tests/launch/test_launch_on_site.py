"""A launch against the real API on a running site whose pools take nothing, so that its jobs stay where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from deployments.site import Site
from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.services import Services, open_services
from reelmill.cli.main import app
from reelmill.dispatch import JobFilter
from reelmill.launch.client import SiteApi
from reelmill.launch.options import lanes_of, launch_options
from reelmill.launch.plan import draw_jobs
from reelmill.queue.job import JobStatus
from tests.api.callers import KnownCallers
from tests.api.live import live
from tests.patience import until

POOLS = ("cpu", "gpu_encode")
WAITING = JobFilter(types=("scenario",), statuses=(JobStatus.PENDING,))


@pytest.fixture
def drained(on_site: Site) -> Iterator[Services]:
    """The services of the API; nothing of a launch is left under way."""
    with open_services(KnownCallers()) as services:
        prefect = services.dispatcher
        # A site that has just come up has not published its encoders yet.
        until(lambda: any(node.hardware.get("encoders") for node in prefect.snapshot.now().nodes))
        for pool in POOLS:
            prefect.pools.drain(pool)
        try:
            yield services
        finally:
            prefect.bulk.cancel(prefect.bulk.ids(WAITING))
            for pool in POOLS:
                prefect.pools.undrain(pool)


def test_the_jobs_of_a_launch_wait_in_their_lanes_once(drained: Services, tmp_path: Path) -> None:
    output, jobs = tmp_path / "results.json", drained.dispatcher.jobs
    with live(create_app(drained)) as url:
        server = ("--server", url, "--output", str(output))
        drawn = ("--count", "12", "--batch-size", "6", "--priority", "low", "--duration", "5")
        result = CliRunner().invoke(app, ["launch", *server, *drawn], env={"REELMILL_TOKEN": Role.SUPER_ADMIN})
        assert result.exit_code == 0, (result.output, result.exception)
        options = launch_options(
            count=3, scenario="random", lanes=lanes_of("3", "mixed"), engine="auto", duration="5", bit_rate="auto"
        )
        with SiteApi(url, Role.SUPER_ADMIN) as api:
            planned = draw_jobs(options, api.workers(), 1)
            first, again = api.submit(planned, "same"), api.submit(planned, "same")
    records = json.loads(output.read_text())
    for record in records:
        job = jobs.read(UUID(record["id"]))
        assert (job.type, job.lane, job.pool) == ("scenario", record["lane"], record["resourceCategory"])
        assert job.parameters.items() >= record["params"].items()
    assert len({record["id"] for record in records}) == 12
    assert {record["lane"] for record in records} <= {"live-low", "default-low", "batch-low"}
    assert [job["id"] for job in again] == [job["id"] for job in first]
    assert drained.dispatcher.bulk.count(WAITING) == 12 + 3
