"""A Prefect server in memory: the routes that the dispatcher calls, without a database, a scheduler or workers."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import prefect
from prefect.client.schemas.objects import Flow, FlowRun, State, WorkPool, WorkQueue
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import Automation
from prefect.states import Scheduled
from pydantic import BaseModel

from reelmill.clock import Clock
from reelmill.dispatch.testing.memory_blocks import MemoryBlocks
from reelmill.dispatch.testing.memory_filter import chosen
from reelmill.dispatch.testing.memory_records import MemoryRecords
from reelmill.queue.job import DEFAULT_PRIORITY, LANES, lane_of
from reelmill.queue.job_type import deployment_names

_Route = Callable[..., Any]
_EMPTY: Final = ("/variables/filter", "/v2/concurrency_limits/filter")


class MemoryServer:
    """What a Prefect server holds of jobs, behind the routes of its API.

    It takes every change of state, as the real one does when forced, and nothing happens by itself: a test sets the
    states that a worker would.
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self.flows: dict[uuid.UUID, Flow] = {}
        self.deployments: dict[uuid.UUID, DeploymentResponse] = {}
        self.pools: dict[str, WorkPool] = {}
        self.queues: dict[uuid.UUID, WorkQueue] = {}
        self.runs: dict[uuid.UUID, FlowRun] = {}
        self.states: dict[uuid.UUID, list[State[Any]]] = {}
        self.automations: dict[uuid.UUID, Automation] = {}
        self.records = MemoryRecords()
        self.blocks = MemoryBlocks()
        self._keys: dict[tuple[uuid.UUID, str], uuid.UUID] = {}

    def add_pool(self, name: str, limit: int | None = None) -> None:
        """Make a work pool with its ten lanes."""
        pool_id = uuid.uuid4()
        queues = [
            WorkQueue(id=uuid.uuid4(), name=lane, work_pool_id=pool_id, work_pool_name=name, priority=priority)
            for priority, lane in enumerate(LANES, start=1)
        ]
        self.queues |= {queue.id: queue for queue in queues}
        default = queues[DEFAULT_PRIORITY - 1].id
        self.pools[name] = WorkPool(
            id=pool_id, name=name, type="reelmill", concurrency_limit=limit, default_queue_id=default
        )

    def add_deployment(self, job_type: str, pool: str, schema: dict[str, Any], variables: dict[str, Any]) -> None:
        """Deploy a job type in a pool, in lane 5.

        Args:
            job_type: name of its flow.
            pool: name of a pool there is.
            schema: of the flow's parameters, as OpenAPI has it.
            variables: job variables of the deployment.
        """
        flow = next((known for known in self.flows.values() if known.name == job_type), None)
        if flow is None:
            flow = Flow(id=uuid.uuid4(), name=job_type, labels={})
            self.flows[flow.id] = flow
        taken = any(known.flow_id == flow.id for known in self.deployments.values())
        deployment = DeploymentResponse(
            id=uuid.uuid4(),
            name=deployment_names(job_type, pool)[taken],
            flow_id=flow.id,
            work_pool_name=pool,
            work_queue_name=lane_of(DEFAULT_PRIORITY),
            parameter_openapi_schema=schema,
            job_variables=variables,
            tags=[pool],
            labels={},
        )
        self.deployments[deployment.id] = deployment

    def respond(self, request: httpx.Request) -> httpx.Response:
        """The response to one request of Prefect's client; the handler for ``httpx.MockTransport``.

        Args:
            request: its path begins with ``/api``.

        Returns:
            What the real server would return.

        Raises:
            NotImplementedError: a route that this server does not have.
        """
        path = request.url.path.removeprefix("/api")
        body = json.loads(request.content) if request.content else {}
        if path == "/csrf-token":
            return httpx.Response(422, json={"detail": "CSRF protection is disabled."})
        if path == "/health":
            return _response(True, self._clock.now())
        if path in _EMPTY or re.fullmatch(r"/work_pools/[^/]+/workers/filter", path):
            return _response([], self._clock.now())
        if path == "/flow_run_states/":
            body = {"flow_run_id": request.url.params["flow_run_id"]}
        for method, pattern, route in _ROUTES:
            found = re.fullmatch(pattern, path)
            if request.method == method and found is not None:
                try:
                    return _response(route(self, body, *found.groups()), self._clock.now())
                except KeyError:
                    return httpx.Response(404, json={"detail": "Not found"}, request=request)
        raise NotImplementedError(f"The in-memory server has no route {request.method} {path}.")

    def set_state(self, run_id: uuid.UUID, state: State[Any]) -> None:
        """Put a run into a state, with the times that follow from it."""
        run, now = self.runs[run_id], self._clock.now()
        state = state.model_copy(update={"id": uuid.uuid4(), "timestamp": now})
        changes = {
            "state": state,
            "state_type": state.type,
            "state_name": state.name,
            "next_scheduled_start_time": state.state_details.scheduled_time if state.is_scheduled() else None,
            "run_count": run.run_count + state.is_running(),
            "start_time": (run.start_time or now) if state.is_running() else run.start_time,
            "end_time": now if state.is_final() else None,
        }
        self.runs[run_id] = run.model_copy(update=changes)
        self.states[run_id].append(state)

    # --- the routes ---------------------------------------------------------------------------------------------------

    def _read(self, _: Any, run_id: str) -> FlowRun:
        return self.runs[uuid.UUID(run_id)]

    def _chosen(self, body: dict[str, Any]) -> list[FlowRun]:
        names = {flow.id: flow.name for flow in self.flows.values()}
        return chosen(self.runs.values(), names, body)

    def _filter(self, body: dict[str, Any]) -> list[FlowRun]:
        start = body.get("offset") or 0
        return self._chosen(body)[start : start + (body.get("limit") or 200)]

    def _paginate(self, body: dict[str, Any]) -> dict[str, Any]:
        found, size, page = self._chosen(body), body["limit"], body["page"]
        results = [_plain(run) for run in found[(page - 1) * size : page * size]]
        return {"results": results, "count": len(found), "limit": size, "page": page, "pages": -(-len(found) // size)}

    def _count(self, body: dict[str, Any]) -> int:
        return len(self._chosen(body))

    def _history(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        since = datetime.fromisoformat(body["history_end"]) - timedelta(seconds=body["history_interval_seconds"])
        runs = self._chosen({"flows": body["flows"]})
        late = [run for run in runs if run.expected_start_time is not None and run.expected_start_time >= since]
        now, early = self._clock.now(), [run for run in runs if run not in late]
        return [{"states": _counted(early, now)}, {"states": _counted(late, now)}]

    def _set_state(self, body: dict[str, Any], run_id: str) -> dict[str, Any]:
        key = uuid.UUID(run_id)
        self.set_state(key, State.model_validate(body["state"]))
        return {"state": _plain(self.runs[key].state), "status": "ACCEPT", "details": {"type": "accept_details"}}

    def _bulk_set_state(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self._chosen(body)[: body.get("limit")]
        for run in found:
            self.set_state(run.id, State.model_validate(body["state"]))
        return {"results": [{"flow_run_id": str(run.id), "status": "ACCEPT"} for run in found]}

    def _bulk_delete(self, body: dict[str, Any]) -> dict[str, Any]:
        gone = {run.id for run in self._chosen(body)[: body.get("limit")]}
        for run_id in gone:
            del self.runs[run_id], self.states[run_id]
        self._keys = {key: run_id for key, run_id in self._keys.items() if run_id not in gone}
        self.records.forget(gone)
        return {"deleted": [str(run_id) for run_id in gone]}

    def _add_artifact(self, body: dict[str, Any]) -> Any:
        return self.records.add_artifact(body, self._clock.now())

    def _update_artifact(self, body: dict[str, Any], artifact_id: str) -> None:
        self.records.update_artifact(uuid.UUID(artifact_id), body, self._clock.now())

    def _resume(self, _: Any, run_id: str) -> dict[str, Any]:
        return self._set_state({"state": _plain(Scheduled(name="Resuming"))}, run_id)

    def _update(self, body: dict[str, Any], run_id: str) -> None:
        run = self.runs[uuid.UUID(run_id)]
        for name in body.keys() & {"name", "tags", "infrastructure_pid"}:
            setattr(run, name, body[name])

    def _label(self, body: dict[str, Any], run_id: str) -> None:
        self.runs[uuid.UUID(run_id)].labels |= body

    def _states(self, body: dict[str, Any]) -> list[State[Any]]:
        return self.states[uuid.UUID(body["flow_run_id"])]

    def _deployment_by_name(self, _: Any, job_type: str, name: str) -> DeploymentResponse:
        by_name = {(self.flows[known.flow_id].name, known.name): known for known in self.deployments.values()}
        return by_name[job_type, name]

    def _deployments(self, body: dict[str, Any]) -> list[DeploymentResponse]:
        flows = ((body.get("flows") or {}).get("name") or {}).get("any_")
        tags = set(((body.get("deployments") or {}).get("tags") or {}).get("all_") or ())
        found = [
            known
            for known in self.deployments.values()
            if (flows is None or self.flows[known.flow_id].name in flows) and tags <= set(known.tags)
        ]
        start = body.get("offset") or 0
        return found[start : start + (body.get("limit") or 200)]

    def _create(self, body: dict[str, Any], deployment_id: str) -> FlowRun:
        deployment = self.deployments[uuid.UUID(deployment_id)]
        key = body.get("idempotency_key")
        if key is not None and (deployment.id, key) in self._keys:
            return self.runs[self._keys[deployment.id, key]]
        now = self._clock.now()
        state = State.model_validate(body["state"]) if body.get("state") else Scheduled(scheduled_time=now)
        run = FlowRun(
            id=uuid.uuid4(),
            flow_id=deployment.flow_id,
            deployment_id=deployment.id,
            parameters={**deployment.parameters, **(body.get("parameters") or {})},
            tags=list(dict.fromkeys([*(body.get("tags") or []), *deployment.tags])),
            labels=body.get("labels") or {},
            job_variables=body.get("job_variables"),
            idempotency_key=key,
            work_pool_name=deployment.work_pool_name,
            work_queue_name=body.get("work_queue_name") or deployment.work_queue_name,
            created=now,
            expected_start_time=state.state_details.scheduled_time or now,
        )
        run.name = body.get("name") or run.name
        self.runs[run.id], self.states[run.id] = run, []
        if key is not None:
            self._keys[deployment.id, key] = run.id
        self.set_state(run.id, state)
        return self.runs[run.id]

    def _create_many(self, body: list[dict[str, Any]], deployment_id: str) -> dict[str, Any]:
        created = [self._create(one, deployment_id) for one in body]
        return {"results": [{"flow_run_id": str(run.id), "status": "CREATED"} for run in created]}

    def _update_deployment(self, body: dict[str, Any], deployment_id: str) -> None:
        deployment, now = self.deployments[uuid.UUID(deployment_id)], self._clock.now()
        for field in body.keys() & {"paused", "tags"}:
            setattr(deployment, field, body[field])
        for run in list(self.runs.values()):  # the server makes anew what schedules have made
            due = run.next_scheduled_start_time
            if run.deployment_id == deployment.id and run.auto_scheduled and due is not None and due > now:
                del self.runs[run.id], self.states[run.id]

    def _delete_deployment(self, _: Any, deployment_id: str) -> None:
        del self.deployments[uuid.UUID(deployment_id)]

    def _create_automation(self, body: dict[str, Any]) -> Automation:
        automation = Automation.model_validate({**body, "id": str(uuid.uuid4())})
        self.automations[automation.id] = automation
        return automation

    def _change_automation(self, body: dict[str, Any], automation_id: str) -> None:
        before = self.automations[uuid.UUID(automation_id)]
        changed = Automation.model_validate({**before.model_dump(mode="json"), **body})
        self.automations[before.id] = changed

    def _delete_automation(self, _: Any, automation_id: str) -> None:
        del self.automations[uuid.UUID(automation_id)]

    def _update_pool(self, body: dict[str, Any], name: str) -> None:
        pool = self.pools[name]
        for field in body.keys() & {"is_paused", "concurrency_limit", "base_job_template"}:
            setattr(pool, field, body[field])

    def _update_queue(self, body: dict[str, Any], queue_id: str) -> None:
        queue = self.queues[uuid.UUID(queue_id)]
        for field in body.keys() & {"is_paused", "concurrency_limit"}:
            setattr(queue, field, body[field])


_ID: Final = r"([0-9a-f-]{36})"
_ROUTES: Final[tuple[tuple[str, str, _Route], ...]] = (
    ("GET", "/admin/version", lambda *_: prefect.__version__),
    ("POST", "/flow_runs/filter", MemoryServer._filter),
    ("POST", "/flow_runs/paginate", MemoryServer._paginate),
    ("POST", "/flow_runs/count", MemoryServer._count),
    ("POST", "/flow_runs/history", MemoryServer._history),
    ("POST", "/flow_runs/bulk_set_state", MemoryServer._bulk_set_state),
    ("POST", "/flow_runs/bulk_delete", MemoryServer._bulk_delete),
    ("POST", "/logs/", lambda server, body: server.records.add_logs(body)),
    ("POST", "/logs/filter", lambda server, body: server.records.logs(body)),
    ("POST", "/artifacts/", MemoryServer._add_artifact),
    ("PATCH", f"/artifacts/{_ID}", MemoryServer._update_artifact),
    ("POST", "/artifacts/filter", lambda server, body: server.records.artifacts(body)),
    ("POST", "/block_types/filter", lambda server, _: server.blocks.kinds()),
    ("POST", "/block_schemas/filter", lambda server, body: server.blocks.schemas(body)),
    ("POST", "/block_documents/", lambda server, body: server.blocks.create(body)),
    ("PATCH", f"/block_documents/{_ID}", lambda server, body, key: server.blocks.update(body, key)),
    (
        "GET",
        "/block_types/slug/([^/]+)/block_documents/name/([^/]+)",
        lambda server, _, slug, name: server.blocks.named(slug, name),
    ),
    ("GET", f"/flow_runs/{_ID}", MemoryServer._read),
    ("PATCH", f"/flow_runs/{_ID}", MemoryServer._update),
    ("PATCH", f"/flow_runs/{_ID}/labels", MemoryServer._label),
    ("POST", f"/flow_runs/{_ID}/set_state", MemoryServer._set_state),
    ("POST", f"/flow_runs/{_ID}/resume", MemoryServer._resume),
    ("GET", "/flow_run_states/", MemoryServer._states),
    ("GET", f"/flows/{_ID}", lambda server, _, flow_id: server.flows[uuid.UUID(flow_id)]),
    ("POST", "/flows/filter", lambda server, _: list(server.flows.values())),
    ("POST", "/deployments/filter", MemoryServer._deployments),
    ("GET", "/deployments/name/([^/]+)/([^/]+)", MemoryServer._deployment_by_name),
    ("POST", f"/deployments/{_ID}/create_flow_run", MemoryServer._create),
    ("POST", f"/deployments/{_ID}/create_flow_run/bulk", MemoryServer._create_many),
    ("POST", "/automations/", MemoryServer._create_automation),
    ("POST", "/automations/filter", lambda server, _: list(server.automations.values())),
    ("PUT", f"/automations/{_ID}", MemoryServer._change_automation),
    ("PATCH", f"/automations/{_ID}", MemoryServer._change_automation),
    ("DELETE", f"/automations/{_ID}", MemoryServer._delete_automation),
    ("GET", f"/deployments/{_ID}", lambda server, _, key: server.deployments[uuid.UUID(key)]),
    ("PATCH", f"/deployments/{_ID}", MemoryServer._update_deployment),
    ("DELETE", f"/deployments/{_ID}", MemoryServer._delete_deployment),
    ("POST", "/work_pools/filter", lambda server, _: list(server.pools.values())),
    ("PATCH", "/work_pools/([^/]+)", MemoryServer._update_pool),
    ("POST", "/work_queues/filter", lambda server, _: list(server.queues.values())),
    ("PATCH", f"/work_queues/{_ID}", MemoryServer._update_queue),
)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude={"estimated_run_time", "estimated_start_time_delta"})
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _response(value: Any, now: datetime) -> httpx.Response:
    if value is None:
        return httpx.Response(204)
    date = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return httpx.Response(200, json=_plain(value), headers={"date": date})


def _counted(runs: list[FlowRun], now: datetime) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for run in runs:
        if run.state is not None:
            key = (run.state.type.value, run.state.name or "")
            counts[key] += 1
            if run.start_time is not None:
                seconds[key] += ((run.end_time or now) - run.start_time).total_seconds()
    return [
        {"state_type": kind, "state_name": name, "count_runs": count, "sum_estimated_run_time": seconds[kind, name]}
        for (kind, name), count in counts.items()
    ]
