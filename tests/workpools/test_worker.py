"""Workers as processes of their own: they drain, step back when their machine is ill, pass work on to registry."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import VariableFilter
from prefect.client.schemas.objects import FlowRun

from reelmill.queue import retry_policy
from reelmill.queue.worker_facts import WorkerFacts, variable_name
from tests.patience import PATIENCE
from tests.workpools.conftest import Engine, said

pytestmark = pytest.mark.site


def _name(word: str) -> str:
    """Names that no earlier test of the session used, since the server never forgets a worker."""
    return f"{word}-{uuid.uuid4().hex[:6]}"


def _facts(engine: Engine, worker: str) -> WorkerFacts:
    answer = engine.client.request(
        "POST", "/variables/filter", json={"variables": VariableFilter().model_dump(mode="json"), "limit": 200}
    )
    kept = {found["name"]: found["value"] for found in answer.json()}
    return WorkerFacts.from_json(kept[variable_name(worker)])


def test_told_to_stop_it_lets_its_jobs_end_and_told_twice_it_puts_them_back(engine: Engine, tmp_path: Path) -> None:
    pool, name = engine.pool(_name("drained")), _name("drained")
    with engine.worker(pool, name, limit=1) as worker:
        long = engine.submit(pool, does="sleep", seconds=2)
        engine.named(long, "Running")
        later = engine.submit(pool)
        worker.process.send_signal(signal.SIGTERM)
        worker.said("draining: 1 jobs may end")
        assert worker.process.wait(PATIENCE) == 0
        assert engine.read(long).state_name == "Completed"
        assert engine.read(later).state_name == "Scheduled", "it took nothing new"
    with engine.worker(pool, name, limit=1) as worker:
        assert engine.ended(later).state_name == "Completed"
        longer = engine.submit(pool, does="sleep", seconds=60, path=str(tmp_path))
        engine.named(longer, "Running")
        worker.process.send_signal(signal.SIGTERM)
        worker.said("draining")
        worker.process.send_signal(signal.SIGINT)
        assert worker.process.wait(PATIENCE) == 0
        back = engine.read(longer)
        assert (back.state_name, back.infrastructure_pid) == ("Scheduled", None)
        assert retry_policy.RETRIES_LABEL not in back.labels, "it is no failure"
        assert "the worker was stopped" in (back.state.message or "" if back.state else "")


def test_both_limits_hold_and_a_freed_slot_is_filled_at_once(engine: Engine) -> None:
    pool, name = engine.pool(_name("limited")), _name("limited")
    with engine.worker(pool, name, limit=3):
        # Every claim after the first is made by a slot that came free: the next poll would be in ten minutes.
        assert _most_at_once(engine, [engine.submit(pool, does="sleep", seconds=2) for _ in range(5)]) == 3
        engine.client.update_work_pool(pool, WorkPoolUpdate(concurrency_limit=2))
        assert _most_at_once(engine, [engine.submit(pool, does="sleep", seconds=2) for _ in range(4)]) == 2


def _most_at_once(engine: Engine, runs: list[FlowRun]) -> int:
    times = [(run.start_time, run.end_time) for run in (engine.ended(run) for run in runs)]
    return max(sum(begun <= at < ended for begun, ended in times if begun and ended) for at, _ in times if at)


def test_a_worker_whose_jobs_all_fail_by_its_fault_pauses_itself_until_it_is_well(
    engine: Engine, tmp_path: Path
) -> None:
    pool, name = engine.pool(_name("ill")), _name("ill")
    root = tmp_path / "not mounted yet"
    with engine.worker(
        pool, name, media_root=root, breaker_failures=2, breaker_seconds=0.5, retry_base_seconds=60
    ) as worker:
        for run in [engine.submit(pool, does="disk_full") for _ in range(2)]:
            engine.named(run, "AwaitingRetry")
        worker.said("pauses itself: its last 2 jobs failed: The disk is full.")
        waiting = engine.submit(pool)
        worker.said(f"still paused: the media root {root} is empty or not there; mount it")
        assert engine.read(waiting).state_name == "Scheduled", "one bad node does not eat the queue"
        (root / "library").mkdir(parents=True)
        worker.said("takes jobs again")
        assert engine.ended(waiting).state_name == "Completed"


def test_a_job_that_waited_long_for_vram_goes_to_a_neighbour_that_has_it(engine: Engine, tmp_path: Path) -> None:
    pool, here, there = engine.pool(_name("two")), _name("here"), _name("there")
    common: dict[str, Any] = {"virtual_vram_mb": 8000, "give_back_seconds": 1}
    with engine.worker(pool, f"{here}-{pool}", limit=2, node_name=here, data_dir=tmp_path / here, **common):
        holds = engine.submit(pool, does="sleep", seconds=60, variables={"vram_mb": 8000})
        engine.named(holds, "Running")
        waits = engine.submit(pool, variables={"vram_mb": 6000})
        state = engine.named(waits, "WaitingForVram").state
        assert state is not None
        assert state.message == "6000 MB of VRAM needed and 0 free on virtual"
        neighbour = f"{there}-{pool}"
        with engine.worker(pool, neighbour, limit=1, node_name=there, data_dir=tmp_path / there, **common):
            ended = engine.ended(waits)
            assert ended.state_name == "Completed"
            assert ended.labels["prefect.worker.name"] == neighbour
            assert "Given back: another node has the VRAM it waited for." in _messages(engine, ended.id)
            large = engine.ended(engine.submit(pool, variables={"vram_mb": 9000}))
            assert large.state_name == "Failed"
            assert large.state is not None
            assert "needs 9000 MB of VRAM and the largest GPU alive, virtual, has 8000 MB" in (
                large.state.message or ""
            )
            assert _facts(engine, neighbour).vram[0].total_mb == 8000
        engine.dispatch.jobs.cancel(holds.id)
        engine.named(holds, "Cancelled", seconds=30)


def _messages(engine: Engine, run_id: uuid.UUID) -> list[str | None]:
    return [state.message for state in engine.client.read_flow_run_states(run_id)]


def test_flows_that_must_be_fetched_first_run_all_the_same(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "fetched.py").write_text(
        "from prefect import flow\n\n@flow(name='fetched')\ndef fetched() -> int:\n    return 7\n"
    )
    deployment = engine.client.create_deployment(
        flow_id=engine.client.create_flow_from_name("fetched"),
        name="cpu",
        entrypoint="fetched.py:fetched",
        work_pool_name="cpu",
        work_queue_name="default-medium",
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path)}}],
    )
    run = engine.client.create_flow_run_from_deployment(deployment)
    assert engine.ended(run).state_name == "Completed"


def test_two_workers_of_one_name_are_one_too_many(engine: Engine) -> None:
    name = f"{engine.site.settings.node_name}-cpu"  # the site's own is up
    refused = pytest.raises(AssertionError, match=f"A worker named {name} is already up on this node")
    with refused, engine.worker("cpu", name):
        pass


def test_the_worker_tells_what_it_does_in_lines_a_person_reads(engine: Engine) -> None:
    run = engine.ended(engine.submit("gpu_ai"))
    log = engine.site.settings.log_dir / "worker-gpu_ai.log"
    said(log, f"{run.name}: completed; 1 of 1 slots free")
    assert f"{run.name}: received, at limit (1/1)" in log.read_text()
