"""Jobs looked at on a running site."""

from __future__ import annotations

import uuid
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, VariableCreate, WorkPoolUpdate
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry, Completed, Crashed, Failed, Pending, Running, Scheduled

from reelmill.dispatch import Dispatcher, JobFilter, NodeStatus, dispatcher
from reelmill.errors import PlatformError, UnknownName, WrongParameter
from reelmill.queue.job import LANES, JobStatus
from reelmill.queue.worker_facts import VirtualGpu, WorkerFacts, variable_name
from reelmill.settings import get_settings
from tests.patience import until
from tests.refusals import refused

pytestmark = pytest.mark.site


def _video() -> dict[str, str]:
    return {"video_id": str(uuid.uuid4())}


def _mark(prefect: Dispatcher, *, number: int = 1, **options: object) -> list[uuid.UUID]:
    videos = [_video() for _ in range(number)]
    return [job.id for job in prefect.jobs.submit_many("validate", videos, **options)]  # type: ignore[arg-type]


def test_jobs_are_found_by_what_they_are(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    began = datetime.now(UTC)
    waiting, queued, failed, crashed, done = _mark(prefect, number=5, priority=2)
    client.set_flow_run_state(queued, Pending(), force=True)
    client.set_flow_run_state(failed, Failed(message="no luck"), force=True)
    client.update_flow_run(failed, name="a 50% Unlucky one", tags=["cpu", "dead-letter"])
    client.set_flow_run_state(crashed, Crashed(), force=True)
    client.set_flow_run_state(done, Completed(), force=True)
    (gpu,) = [prefect.jobs.submit("digest", _video())]

    def found(**asked: object) -> set[uuid.UUID]:
        return {job.id for job in prefect.jobs.search(JobFilter(since=began, **asked), size=200).jobs}  # type: ignore[arg-type]

    assert found() == {waiting, queued, failed, crashed, done, gpu.id}
    assert found(statuses=(JobStatus.PENDING,)) == {waiting, gpu.id}
    assert found(statuses=(JobStatus.QUEUED,)) == {queued}
    assert found(statuses=(JobStatus.FAILED, JobStatus.COMPLETED)) == {failed, crashed, done}
    assert found(types=("digest_generate",)) == {gpu.id}  # an older name
    assert found(pool="gpu_ai") == {gpu.id}
    assert found(lane="live-medium") == {waiting, queued, failed, crashed, done}
    assert found(tag="gpu_ai") == {gpu.id}
    assert found(dead_letter=True) == {failed}
    assert found(text="50% unlucky") == {failed}
    assert found(until=began) == set()
    job = prefect.jobs.read(failed)
    assert (job.status, job.message, job.dead_letter, job.waiting_reason) == (JobStatus.FAILED, "no luck", True, None)


def test_a_list_comes_in_pages_with_totals(prefect: Dispatcher) -> None:
    ids = _mark(prefect, number=5, queue="idle")
    asked = JobFilter(lane="idle", statuses=(JobStatus.PENDING,))
    pages = [prefect.jobs.search(asked, page=page, size=2) for page in (1, 2, 3)]
    assert [(page.total, page.pages, len(page.jobs)) for page in pages] == [(5, 3, 2), (5, 3, 2), (5, 3, 1)]
    assert [job.id for page in pages for job in page.jobs] == ids[::-1]
    with refused(WrongParameter, parameter="page"):
        prefect.jobs.search(asked, page=0)


def test_what_is_not_due_is_left_out_unless_asked_for(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    deployment = client.read_deployment_by_name("validate/validate")
    tomorrow: State[object] = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
    ahead = client.create_flow_run_from_deployment(
        deployment.id, parameters=_video(), state=tomorrow, work_queue_name="batch-high"
    )
    lane = JobFilter(lane="batch-high", statuses=(JobStatus.PENDING,))
    assert prefect.jobs.search(lane).total == 0
    (job,) = prefect.jobs.search(JobFilter(lane="batch-high", statuses=(JobStatus.PENDING,), include_not_due=True)).jobs
    assert (job.id, job.not_due, job.waiting_reason) == (ahead.id, True, None)
    (retry,) = _mark(prefect, queue="batch", level="high")
    client.set_flow_run_state(retry, AwaitingRetry(scheduled_time=tomorrow.state_details.scheduled_time), force=True)
    assert [job.id for job in prefect.jobs.search(lane).jobs] == [retry]


def test_a_waiting_job_has_the_reason(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    (job,) = _mark(prefect, queue="batch", level="low")

    def why() -> str | None:
        return prefect.jobs.read(job).waiting_reason

    assert why() == "the pool cpu is drained: it takes nothing new"
    client.set_flow_run_state(job, Pending(name="WaitingForVram", message="8000 MB of VRAM needed"), force=True)
    assert why() == "8000 MB of VRAM needed"
    again = datetime.now(UTC) + timedelta(minutes=2)
    client.set_flow_run_state(
        job, AwaitingRetry(scheduled_time=again, message="Retry 1 of 3 at 10:42:00: full"), force=True
    )
    assert why() == "retry 1 of 3 at 10:42:00: full"
    client.set_flow_run_state(job, Running(), force=True)
    assert why() is None
    client.set_flow_run_state(job, Scheduled(), force=True)
    prefect.lanes.pause("cpu", "batch-low")
    try:
        prefect.pools.undrain("cpu")
        assert why() == "the lane batch-low is paused"
        assert prefect.jobs.read(job).status is JobStatus.PENDING
    finally:
        prefect.pools.drain("cpu")
        prefect.lanes.resume("cpu", "batch-low")


def test_a_real_job_leaves_log_and_states_and_keeps_them_when_sent_back(prefect: Dispatcher) -> None:
    prefect.pools.undrain("cpu")
    job = prefect.jobs.wait([prefect.jobs.submit("validate", _video()).id])[0]
    assert job.status is JobStatus.FAILED
    assert "No video has the id" in (job.message or "")
    # Two processes send these lines, each when it likes: the last of the run as it ends, the worker its own after it.
    ends = ("submitted to infrastructure", "--- ERROR ---", "Finished in state Failed")
    until(lambda: all(any(end in line.text for line in prefect.jobs.log(job.id)) for end in ends))
    log = prefect.jobs.log(job.id)
    assert [line.time for line in log] == sorted(line.time for line in log)
    assert "INFO" in {line.level for line in log}
    until(lambda: prefect.jobs.log(job.id, tail=3) == prefect.jobs.log(job.id)[-3:])
    states = prefect.jobs.states(job.id)
    assert [change.state for change in states][:1] + [change.status for change in states][-2:] == [
        "Scheduled",
        JobStatus.RUNNING,
        JobStatus.FAILED,
    ]
    prefect.pools.drain("cpu")
    again = prefect.jobs.retry(job.id)
    assert (again.id, again.status, again.attempt) == (job.id, JobStatus.PENDING, 1)
    assert {line.id for line in log} <= {line.id for line in prefect.jobs.log(job.id, tail=200)}


def test_a_job_shows_as_many_retries_as_its_worker_makes(
    prefect: Dispatcher, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELMILL_MAX_RETRIES", "5")
    get_settings.cache_clear()
    (job,) = _mark(prefect)
    assert prefect.jobs.read(job).max_retries == 5
    template = client.read_work_pool("cpu").base_job_template
    edited = deepcopy(template)
    edited["variables"]["properties"]["max_retries"]["default"] = 4
    client.update_work_pool("cpu", WorkPoolUpdate(base_job_template=edited))
    try:
        assert Dispatcher(client).jobs.read(job).max_retries == 4
        assert Dispatcher(client).jobs.submit("validate", _video(), max_retries=1).max_retries == 1
    finally:
        client.update_work_pool("cpu", WorkPoolUpdate(base_job_template=template))


def test_lanes_count_what_waits(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    _mark(prefect, number=2, priority=3)
    running = _mark(prefect, number=3, priority=7)[0]
    client.set_flow_run_state(running, Running(), force=True)
    cpu, ai, encode = prefect.pools.all()
    assert (cpu.name, cpu.limit, cpu.active, cpu.drained, cpu.waiting) == ("cpu", 5, 1, True, 4)
    assert [lane.priority for lane in cpu.lanes] == list(range(1, 11))
    assert {lane.name: lane.waiting for lane in cpu.lanes if lane.waiting} == {"live-low": 2, "batch-high": 2}
    assert (ai.waiting, encode.waiting, ai.limit, encode.limit) == (0, 0, 1, 2)


def test_lanes_pause_and_pools_drain(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    prefect.lanes.pause("gpu_ai", "idle")
    assert [lane.name for lane in prefect.pools.all()[1].lanes if lane.paused] == ["idle"]
    prefect.lanes.resume("gpu_ai", "idle")
    queue = next(queue for queue in client.read_work_queues("gpu_ai") if queue.name == "idle")
    assert (queue.concurrency_limit, queue.is_paused) == (None, False)
    prefect.pools.undrain("gpu_ai")
    assert not prefect.pools.all()[1].drained
    for wrong in (prefect.pools.drain, prefect.pools.undrain):
        with refused(UnknownName, name="tape", known=("cpu", "gpu_ai", "gpu_encode")):
            wrong("tape")
    with refused(UnknownName, name="tape", known=("cpu", "gpu_ai", "gpu_encode")):
        prefect.lanes.pause("tape", "idle")
    with refused(UnknownName, name="slow", known=LANES):
        prefect.lanes.pause("cpu", "slow")


def test_the_site_in_numbers(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    before = prefect.numbers.statistics()
    done, running, _ = _mark(prefect, number=3)
    for job in (done, running):
        client.set_flow_run_state(job, Running(), force=True)
    client.set_flow_run_state(done, Completed(), force=True)
    client.create_global_concurrency_limit(_budget("vram-far-gpu0", 8000, 2000))
    client.create_global_concurrency_limit(_budget("vram-far-gpu1", 4000, 0))
    client.create_global_concurrency_limit(_budget("something-else", 5, 1))
    try:
        after = prefect.numbers.statistics()
    finally:
        for name in ("vram-far-gpu0", "vram-far-gpu1", "something-else"):
            client.delete_global_concurrency_limit_by_name(name)
    more = {status: after.by_status[status] - before.by_status[status] for status in JobStatus}
    assert {status: count for status, count in more.items() if count} == {
        JobStatus.COMPLETED: 1,
        JobStatus.RUNNING: 1,
        JobStatus.PENDING: 1,
    }
    validate = after.by_type["validate"]
    assert validate.by_status[JobStatus.RUNNING] == 1
    assert validate.mean_seconds is not None
    assert 0 <= validate.mean_seconds < 5
    far = [budget for budget in after.vram if "-far-" in budget.name]
    assert [(budget.total_mb, budget.used_mb) for budget in far] == [(8000, 2000), (4000, 0)]
    assert after.vram_total_mb >= 12000
    assert "something-else" not in {budget.name for budget in after.vram}
    with refused(WrongParameter, parameter="days"):
        prefect.numbers.statistics(days=0)


def _budget(name: str, limit: int, used: int) -> GlobalConcurrencyLimitCreate:
    return GlobalConcurrencyLimitCreate(name=name, limit=limit, active_slots=used)


def test_nodes_are_workers_joined_with_their_own_word(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    gpu = VirtualGpu("vram-far-gpu0", "gpu0", 8000)
    said = WorkerFacts("far-gpu_ai", "far", "gpu_ai", 1, 1, "the GPU is hot", [gpu], {"cores": 4}, {"cpu": 0.5})
    client.send_worker_heartbeat("gpu_ai", "far-gpu_ai", heartbeat_interval_seconds=10)
    client.create_variable(VariableCreate(name=variable_name("far-gpu_ai"), value=said.to_json()))
    client.create_variable(VariableCreate(name=variable_name("far-odd"), value={"of": "another version"}))
    try:
        nodes = {node.name: node for node in prefect.nodes.all()}
    finally:
        client.delete_variable_by_name(variable_name("far-gpu_ai"))
        client.delete_variable_by_name(variable_name("far-odd"))
        client.request("DELETE", "/work_pools/gpu_ai/workers/far-gpu_ai")  # type: ignore[arg-type]
    far = nodes.pop("far")
    assert (far.status, far.active_jobs, far.max_jobs, far.pools) == (NodeStatus.BUSY, 1, 1, ("gpu_ai",))
    assert (far.paused, far.vram, far.hardware) == (("the GPU is hot",), (gpu,), {"cores": 4})
    assert far.last_heartbeat is not None
    (own,) = nodes.values()
    assert own.status is not NodeStatus.OFFLINE
    assert own.pools == ("cpu", "gpu_ai", "gpu_encode")


def test_an_unknown_id_is_said_to_be_one(prefect: Dispatcher) -> None:
    nobody = uuid.uuid4()
    for ask in (
        prefect.jobs.read,
        prefect.jobs.log,
        prefect.jobs.states,
        prefect.jobs.retry,
        prefect.jobs.cancel,
        prefect.jobs.pause,
    ):
        with refused(UnknownName, name=str(nobody)):
            ask(nobody)


def test_a_server_that_is_away_is_said_to_be() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), dispatcher() as nobody:
        for ask in (nobody.pools.all, nobody.jobs.search):
            with refused(PlatformError):
                ask()
