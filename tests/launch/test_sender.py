"""Jobs are handed in over real HTTP to a site that is busy, slow, loses connections, or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from reelmill.clock import FakeClock
from reelmill.errors import PlatformError, UserError
from reelmill.ffmpeg.loadtest.scenarios import SCENARIOS
from reelmill.launch.client import SiteApi, TokenRefused, TryAgain
from reelmill.launch.options import LaunchOptions
from reelmill.launch.pace import Pace
from reelmill.launch.plan import PlannedJob, batches, draw_jobs
from reelmill.launch.results import records, summarise
from reelmill.launch.sender import TRIES, BatchResult, Sender
from tests.launch.unsteady_site import UnsteadySite, node, unsteady_site


class Launch:
    """Twenty jobs in batches of five, whose waits cost no time."""

    def __init__(self, remote: UnsteadySite, token: str | None = None):
        self.site, self.token = remote, token
        self.clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.waits: list[float] = []
        self.ends_at: int | None = None  # the wait at which somebody ends it
        self.jobs: list[PlannedJob] = []

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.sleep(seconds)
        return len(self.waits) == self.ends_at

    def send(self) -> list[BatchResult]:
        """What became of it."""
        options = LaunchOptions(20, SCENARIOS, ("idle",), "auto", (1, 9), "auto")
        with SiteApi(self.site.url, self.token) as api:
            self.jobs = draw_jobs(options, api.workers(), 1)
            sender = Sender(api, Pace(0.1), "launch", self._wait, self.clock)
            return list(sender.send(batches(self.jobs, 5)))


@pytest.fixture
def remote() -> Iterator[UnsteadySite]:
    """The site, before anything was sent."""
    with unsteady_site() as opened:
        yield opened


def test_every_job_is_handed_in_once(remote: UnsteadySite) -> None:
    launch = Launch(remote)
    results = launch.send()
    bodies = [{name: job[name] for name in job.keys() - {"id", "status"}} for job in remote.jobs]
    assert bodies == [job.body for job in launch.jobs]
    assert launch.waits == [0.1, 0.1, 0.1]
    assert [record["id"] for record in records(launch.jobs, results)] == [job["id"] for job in remote.jobs]
    assert summarise(launch.jobs, results, 2.0).rate == 10


@pytest.mark.parametrize("trouble", ["busy", "lost"])
def test_a_repeated_request_makes_no_second_job(remote: UnsteadySite, trouble: str) -> None:
    remote.behave = ["ok", trouble, trouble, "ok", trouble]
    launch = Launch(remote)
    results = launch.send()
    assert [result.tries for result in results] == [1, 3, 2, 1]
    assert len(remote.jobs) == 20
    assert [record["id"] for record in records(launch.jobs, results)] == [job["id"] for job in remote.jobs]
    assert len(launch.waits) == 3 + 3


def test_a_batch_that_is_refused_is_not_repeated_and_the_others_go_on(remote: UnsteadySite) -> None:
    remote.behave = ["ok", "wrong"]
    launch = Launch(remote)
    results = launch.send()
    assert [result.tries for result in results] == [1, 1, 1, 1]
    assert len(remote.jobs) == 15
    found = list(records(launch.jobs, results))
    assert [record["submission"] for record in found] == ["sent"] * 5 + ["failed"] * 5 + ["sent"] * 10
    assert "There is no such type." in found[5]["error"]
    summary = summarise(launch.jobs, results, 1.0)
    assert (summary.sent, summary.failed, summary.unsent) == (15, 5, 0)


def test_a_server_that_stays_away_ends_the_launch(remote: UnsteadySite) -> None:
    remote.behave = ["ok", *["busy"] * TRIES]
    launch = Launch(remote)
    results = launch.send()
    assert [(result.tries, result.last) for result in results] == [(1, False), (TRIES, True)]
    summary = summarise(launch.jobs, results, 1.0)
    assert (summary.sent, summary.failed, summary.unsent) == (5, 5, 10)
    assert [record["submission"] for record in records(launch.jobs, results)][-10:] == ["unsent"] * 10


def test_whoever_ends_it_between_two_batches_leaves_the_rest_unsent(remote: UnsteadySite) -> None:
    launch = Launch(remote)
    launch.ends_at = 2
    results = launch.send()
    assert len(results) == 2
    assert len(remote.jobs) == 10


def test_whoever_ends_it_while_the_server_is_away_is_not_held_up(remote: UnsteadySite) -> None:
    remote.behave = ["ok", *["busy"] * TRIES]
    launch = Launch(remote)
    launch.ends_at = 2
    results = launch.send()
    assert [(result.tries, result.error is None) for result in results] == [(1, True), (1, False)]


def test_a_slow_server_is_given_time(remote: UnsteadySite) -> None:
    launch = Launch(remote)
    remote.behave = ["ok", lambda: launch.clock.sleep(10), lambda: launch.clock.sleep(10)]
    launch.send()
    assert launch.waits == [0.1, pytest.approx(5.1), pytest.approx(10.1)]


def test_a_token_that_is_refused_ends_it_at_once(remote: UnsteadySite) -> None:
    remote.token = "right"
    with pytest.raises(TokenRefused):
        Launch(remote, "wrong").send()
    assert len(Launch(remote, "right").send()) == 4


def test_a_site_that_is_not_well_or_not_there_is_not_used(remote: UnsteadySite) -> None:
    remote.ready = False
    with SiteApi(remote.url) as api, pytest.raises(TryAgain, match="it lacks database"):
        api.require_ready()
    with SiteApi("http://127.0.0.1:1") as api, pytest.raises(TryAgain):
        api.require_ready()


def test_a_site_without_a_worker_that_can_is_not_used(remote: UnsteadySite) -> None:
    remote.nodes = [node("gpu_ai")]
    with SiteApi(remote.url) as api, pytest.raises(PlatformError):
        api.workers()


def test_what_is_no_api_of_ours_is_named(remote: UnsteadySite) -> None:
    with SiteApi(f"{remote.url}/elsewhere") as api, pytest.raises(UserError):
        api.require_ready()


@pytest.mark.parametrize("server", ["", "127.0.0.1:4100", "ftp://host", "http://[::1", "http://host:port"])
def test_what_is_no_address_is_refused(server: str) -> None:
    with pytest.raises(UserError):
        SiteApi(server)
