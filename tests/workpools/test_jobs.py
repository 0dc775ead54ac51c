"""What becomes of jobs on a real site: order, cancel, pause, retries, failures; asserted by what came out."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling

from reelmill.dispatch import Actor, NodeStatus
from reelmill.queue import retry_policy
from reelmill.queue.job import JobStatus
from tests.workpools.conftest import Engine

pytestmark = pytest.mark.site


def _family(folder: Path) -> list[psutil.Process]:
    """The processes of the run that signed last, its children included."""
    signed = sorted(folder.glob("*.run"))
    process = psutil.Process(int(signed[-1].read_text()))
    return [process, *process.children(recursive=True)]


def _sleeping(engine: Engine, run: FlowRun, folder: Path) -> list[psutil.Process]:
    """Wait until a sleeping run has its child."""
    engine.until(run, lambda _: bool(list(folder.glob("*.run"))) and len(_family(folder)) > 1)
    return _family(folder)


def _gone(family: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(family, timeout=30)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_lanes_are_served_in_their_order_and_each_in_its_own(engine: Engine) -> None:
    engine.dispatch.pools.drain("gpu_ai")
    runs = [(priority, engine.submit("gpu_ai", priority)) for priority in (10, 5, 1, 5, 7, 1)]
    engine.dispatch.pools.undrain("gpu_ai")
    ended = [(priority, engine.ended(run)) for priority, run in runs]
    started = sorted(ended, key=lambda pair: pair[1].start_time or pytest.fail("never started"))
    assert [priority for priority, _ in started] == [1, 1, 5, 5, 7, 10]
    arrived = [[run.id for priority, run in pairs if priority == 5] for pairs in (runs, started)]
    assert arrived[0] == arrived[1]


def test_a_cancelled_job_is_gone_with_its_whole_family(engine: Engine, tmp_path: Path) -> None:
    run = engine.submit("cpu", does="sleep", seconds=300, path=str(tmp_path))
    family = _sleeping(engine, run, tmp_path)
    engine.dispatch.jobs.cancel(run.id, Actor("alice@nas", "the wrong preset"))
    ended = engine.ended(run, seconds=30)
    assert ended.state is not None
    assert (ended.state.type, ended.state.name) == (StateType.CANCELLED, "Cancelled")
    assert (ended.state.message or "").startswith("Cancelled by alice@nas: the wrong preset; its work was stopped")
    assert engine.log(run).count("cancelled by ") == engine.log(run).count("by alice@nas: the wrong preset") == 1
    assert _gone(family)
    assert not (tmp_path / "done").exists()
    assert "Crashed" not in engine.states(run)


def test_a_waiting_job_is_cancelled_at_once_and_never_starts(engine: Engine, tmp_path: Path) -> None:
    engine.dispatch.pools.drain("gpu_ai")
    run = engine.submit("gpu_ai", path=str(tmp_path))
    engine.dispatch.jobs.cancel(run.id)
    assert engine.states(run)[-1] == "Cancelled"
    engine.dispatch.pools.undrain("gpu_ai")
    engine.ended(engine.submit("gpu_ai"))
    assert list(tmp_path.iterdir()) == []


def test_a_paused_job_lets_go_of_its_slot_and_goes_on_later(engine: Engine, tmp_path: Path) -> None:
    run = engine.submit("gpu_ai", does="sleep", seconds=2, path=str(tmp_path))
    family = _sleeping(engine, run, tmp_path)
    assert engine.dispatch.jobs.pause(run.id).status is JobStatus.PAUSED
    assert _gone(family)
    assert engine.ended(engine.submit("gpu_ai")).state_name == "Completed"  # in the one slot there is
    assert engine.read(run).state_name == "Suspended"
    engine.dispatch.jobs.resume(run.id)
    assert engine.ended(run).state_name == "Completed"
    assert (tmp_path / "done").exists()
    assert engine.logged(run, "--- GOES ON").count("start: work(") == 2


def test_a_failed_job_is_tried_again_and_holds_no_slot_meanwhile(engine: Engine, tmp_path: Path) -> None:
    run = engine.submit("gpu_ai", does="fail", path=str(tmp_path), variables={"max_retries": 2})
    waiting = engine.named(run, "AwaitingRetry")
    assert waiting.state is not None
    assert (waiting.state.message or "").startswith("Retry 1 of 2 at ")
    other = engine.ended(engine.submit("gpu_ai"))  # the pool has one slot
    assert other.state_name == "Completed"
    assert other.start_time is not None
    assert other.start_time < engine.begun(run, attempt=2), "the other ran while this one waited"
    ended = engine.until(run, lambda found: retry_policy.DEAD_LETTER in found.tags)
    assert ended.state_name == "Failed"
    assert engine.states(run).count("AwaitingRetry") == 2
    assert ended.labels[retry_policy.CLASS_LABEL] == "runtime_error"
    assert len(list(tmp_path.glob("*.run"))) == 3
    log = engine.logged(run, "--- RETRY ATTEMPT 2 ---")
    assert log.index("--- RETRY ATTEMPT 1 ---") < log.index("--- RETRY ATTEMPT 2 ---")
    assert "--- RETRY ATTEMPT 3 ---" not in log

    # A person sends it back: at once, the log kept, counting anew.
    engine.dispatch.jobs.retry(run.id)
    engine.until(run, lambda found: found.run_count > 3)
    engine.named(run, "AwaitingRetry")
    again = engine.read(run)
    assert again.labels[retry_policy.RETRIES_LABEL] == 1
    assert retry_policy.DEAD_LETTER not in again.tags
    engine.logged(run, "--- RETRY ATTEMPT 3 ---")


@pytest.mark.parametrize(("does", "failure_class"), [("input_error", "input_error"), ("bug", "runtime_error")])
def test_what_waiting_cannot_help_fails_at_once(engine: Engine, does: str, failure_class: str) -> None:
    run = engine.submit("cpu", does=does)
    ended = engine.until(run, lambda found: retry_policy.CLASS_LABEL in found.labels)
    assert ended.state_name == "Failed"
    assert ended.labels[retry_policy.CLASS_LABEL] == failure_class
    assert retry_policy.DEAD_LETTER not in ended.tags
    assert "AwaitingRetry" not in engine.states(run)


def test_a_parameter_that_is_none_fails_at_once_and_is_named(engine: Engine) -> None:
    scan = engine.client.read_deployment_by_name("scan/scan").id
    run = engine.client.create_flow_run_from_deployment(scan, parameters={"directory": "inbox"})
    ended = engine.ended(run)
    assert (ended.state_name, ended.labels[retry_policy.CLASS_LABEL]) == ("Failed", "user_error")
    assert ended.state is not None
    assert ended.state.message == ("There is no parameter directory; this job takes directory_type, skip_existing.")
    assert "AwaitingRetry" not in engine.states(run)


def test_a_job_sent_back_while_its_last_process_still_ends_is_run_again(engine: Engine, tmp_path: Path) -> None:
    run = engine.submit("gpu_ai", does="input_error", path=str(tmp_path))
    for runs in (2, 3):
        engine.until(run, lambda found: found.state_name == "Failed")  # the process has its last lines to send
        engine.dispatch.jobs.retry(run.id)
        engine.until(run, lambda found, runs=runs: found.run_count == runs)  # type: ignore[misc]
    engine.ended(run)
    assert len(list(tmp_path.glob("*.run"))) == 3
    assert engine.ended(engine.submit("gpu_ai")).state_name == "Completed", "the worker lives"


def test_a_killed_process_is_tried_again_by_the_same_rule(engine: Engine, tmp_path: Path) -> None:
    run = engine.submit("cpu", does="kill_once", path=str(tmp_path))
    waiting = engine.named(run, "AwaitingRetry")
    assert waiting.state is not None
    assert "killed by signal 9" in (waiting.state.message or "")
    assert engine.named(run, "Completed").run_count == 2


def test_a_family_killed_from_outside_leaves_nobody_behind(engine: Engine, tmp_path: Path) -> None:
    run = engine.submit("cpu", does="sleep", seconds=300, path=str(tmp_path), variables={"max_retries": 0})
    family = _sleeping(engine, run, tmp_path)
    os.kill(family[0].pid, 9)
    assert engine.ended(run).state_name == "Crashed"
    assert _gone(family)
    engine.until(run, lambda found: retry_policy.DEAD_LETTER in found.tags)


def test_every_waiting_job_says_why_and_can_be_moved_forward(engine: Engine, tmp_path: Path) -> None:
    holds = engine.submit("gpu_ai", does="sleep", seconds=60, path=str(tmp_path))
    _sleeping(engine, holds, tmp_path)
    first, second = engine.submit("gpu_ai", 8), engine.submit("gpu_ai", 8)
    assert engine.dispatch.jobs.read(second.id).waiting_reason == "pool full (1 of 1)"
    ahead = engine.dispatch.jobs.prioritise(second.id, priority=2)
    assert ahead.lane == "live-medium"
    assert engine.read(second).state_name == "Replaced"

    engine.dispatch.lanes.pause("gpu_ai", "live-medium")
    engine.dispatch.jobs.cancel(holds.id)
    engine.ended(first)  # the higher lane is paused, so the lower one is served
    assert engine.dispatch.jobs.read(ahead.id).waiting_reason == "the lane live-medium is paused"
    engine.dispatch.lanes.resume("gpu_ai", "live-medium")
    assert engine.dispatch.jobs.wait([ahead.id])[0].status is JobStatus.COMPLETED


def test_a_job_knows_how_much_gpu_memory_is_its_own(engine: Engine, tmp_path: Path) -> None:
    for vram in (5000, 0):
        run = engine.submit("gpu_ai", does="tell", path=str(tmp_path), variables={"vram_mb": vram})
        assert engine.ended(run).state_name == "Completed"
        assert (tmp_path / "admitted").read_text() == str(vram)


def test_the_machine_shows_with_what_it_has_and_does(engine: Engine, tmp_path: Path) -> None:
    run = engine.submit("gpu_ai", does="sleep", seconds=60, path=str(tmp_path), variables={"vram_mb": 5000})
    _sleeping(engine, run, tmp_path)
    (node,) = [node for node in engine.dispatch.nodes.all() if node.name == engine.site.settings.node_name]
    assert node.status in (NodeStatus.AVAILABLE, NodeStatus.BUSY)
    assert node.max_jobs == 8  # 5, 2 and 1
    assert node.hardware["cores"] == os.cpu_count()
    assert "libx264" in node.hardware["encoders"]
    (budget,) = [b for b in engine.dispatch.numbers.statistics().vram if b.name == f"vram-{node.name}-virtual"]
    assert (budget.total_mb, budget.used_mb) == (16_000, 5000)
    engine.client.set_flow_run_state(run.id, Cancelling())  # as Prefect's UI does
    ended = engine.ended(run, seconds=30)
    nobody = "by somebody in the Prefect UI or its command line"
    assert ended.state is not None
    assert (ended.state.message or "").startswith(f"Cancelled {nobody}; its work was stopped")
    assert engine.log(run).splitlines().count(f"cancelled {nobody}") == 1
    assert not [b for b in engine.dispatch.numbers.statistics().vram if b.name == budget.name and b.used_mb]
