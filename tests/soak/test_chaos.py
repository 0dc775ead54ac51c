"""Whatever is killed, every job comes to its right end, once, and nothing is held by the dead.

Short as a test; ``make soak SOAK_MINUTES=30 SEED=1`` is the long one.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_CLIENT_RETRY_EXTRA_CODES, temporary_settings

from deployments import member, processes
from deployments.site import Site
from reelmill.queue import retry_policy
from reelmill.settings import Settings, get_settings
from tests.patience import PATIENCE, until
from tests.soak.chaos import Chaos, Planned
from tests.soak.load import Notes

MINUTES = float(os.environ.get("SOAK_MINUTES", "0.5"))
SEED = int(os.environ.get("SEED", "1"))

pytestmark = [pytest.mark.site, pytest.mark.timeout(MINUTES * 60 + 1800)]


@pytest.fixture
def own_site(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site of its own, with short times."""
    for name, value in {
        "REELMILL_DATA_DIR": str(open_folder / "soak"),
        "REELMILL_MEDIA_ROOT": str(open_folder / "soak-media"),
        "REELMILL_RETRY_BASE_SECONDS": "0.25",
        "REELMILL_SILENT_SECONDS": "10",
        "REELMILL_BREAKER_FAILURES": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    for name, value in {"PREFECT_WORKER_HEARTBEAT_SECONDS": "2", "PREFECT_WORKER_QUERY_SECONDS": "1"}.items():
        monkeypatch.setitem(member.WORKER_ENVIRONMENT, name, value)
    monkeypatch.setattr(processes, "DEATHS", 10_000)  # these deaths are no sign of an illness
    settings = Settings(prefect_port=4600, drain_seconds=2)
    with (
        Site(settings) as up,
        temporary_settings({**up.client_settings, PREFECT_CLIENT_RETRY_EXTRA_CODES: "500"}),
    ):
        yield up


@pytest.fixture
def chaos(own_site: Site, tmp_path: Path) -> Iterator[Chaos]:
    with get_client(sync_client=True) as client:
        yield Chaos(own_site, client, tmp_path, random.Random(SEED))


def test_whatever_is_killed_every_job_comes_to_its_right_end_once(chaos: Chaos) -> None:
    chaos.run(MINUTES * 60)
    found = chaos.settle(PATIENCE)
    story = {planned.key: _story(chaos, planned, found.get(planned.run)) for planned in chaos.planned}
    assert {key: told for key, told in story.items() if told} == {}
    assert Counter(planned.does for planned in chaos.planned)["good"] > 5
    _nothing_is_held(chaos.client)
    until(lambda: not chaos.families(), chaos.families)  # a job is over a moment before its processes are
    assert not [path for path in chaos.folder.iterdir() if path.suffix not in (".notes", ".lock", ".out")]
    print(f"\n{len(chaos.planned)} jobs, kills: {dict(chaos.kills)}")


def _story(chaos: Chaos, planned: Planned, run: FlowRun | None) -> str:
    """What is wrong with how a job ended; empty where nothing is."""
    if run is None or run.state is None:
        return "lost"
    notes = Notes(chaos.folder, planned.key)
    if notes.count("overlap"):
        return "two processes worked on it at once"
    if notes.count("made") > 1:
        return "made twice"
    state, made = run.state.type, notes.output.exists()
    told = f"{state.value} {run.state.message!r}, made: {made}, starts: {notes.count('start')}, {run.labels}"
    if planned.cancelled and state is StateType.CANCELLED:
        return ""
    if planned.does == "bad":
        right = state is StateType.FAILED and run.labels.get(retry_policy.CLASS_LABEL) == "input_error" and not made
    else:
        right = state is StateType.COMPLETED and made
    return "" if right else told


def _nothing_is_held(client: SyncPrefectClient) -> None:
    """Slots and GPU memory are free: shares of the dead come back within the time of a lease."""
    deadline = time.monotonic() + PATIENCE
    while True:
        limits = client.read_global_concurrency_limits(limit=100)
        held = {limit.name: limit.active_slots for limit in limits if limit.active_slots}
        if not held:
            break
        assert time.monotonic() < deadline, held
        time.sleep(1)
    types = ["RUNNING", "PENDING", "CANCELLING"]
    answer = client.request("POST", "/flow_runs/count", json={"flow_runs": {"state": {"type": {"any_": types}}}})
    assert answer.json() == 0
