"""The filters of the Prefect server that the dispatcher uses, applied to runs in memory: pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State

Spec = Mapping[str, Any]

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def chosen(runs: Iterable[FlowRun], flow_names: Mapping[Any, str], body: Spec) -> list[FlowRun]:
    """The runs that a request's body chooses.

    Args:
        runs: all there are, the first created first.
        flow_names: by flow id.
        body: of the request: ``flow_runs``, ``flows``, ``work_pools``, ``work_pool_queues`` and ``sort``.

    Returns:
        The runs in the order that ``sort`` names; else the last created first.

    Raises:
        NotImplementedError: a filter or an order that this module does not know.
    """
    found = [
        run
        for run in runs
        if _run_fits(run, body.get("flow_runs") or {})
        and _name_fits(flow_names[run.flow_id], body.get("flows"))
        and _name_fits(run.work_pool_name, body.get("work_pools"))
        and _name_fits(run.work_queue_name, body.get("work_pool_queues"))
    ]
    newest_first = found[::-1]
    sort = body.get("sort")
    if sort is None:
        return newest_first
    if sort not in _ORDERS:
        raise NotImplementedError(f"The in-memory server knows no order {sort}.")
    key, descending = _ORDERS[sort]
    return sorted(newest_first, key=key, reverse=descending)


_ORDERS: Final[Mapping[str, tuple[Callable[[FlowRun], Any], bool]]] = {
    "EXPECTED_START_TIME_DESC": (lambda run: run.expected_start_time or _EARLIEST, True),
    "ID_DESC": (lambda run: run.id, True),
    "NEXT_SCHEDULED_START_TIME_ASC": (lambda run: run.next_scheduled_start_time or _EARLIEST, False),
}


def _run_fits(run: FlowRun, spec: Spec) -> bool:
    return all(_CONDITIONS[name](run, wants) for name, wants in _conditions(spec, _CONDITIONS))


def _conditions(spec: Spec, known: Mapping[str, Any]) -> list[tuple[str, Spec]]:
    given = [(name, wants) for name, wants in spec.items() if wants is not None and name != "operator"]
    for name, _ in given:
        if name not in known:
            raise NotImplementedError(f"The in-memory server knows no filter {name}.")
    return given


def _state_fits(state: State[Any] | None, spec: Spec) -> bool:
    facts = {"type": "SCHEDULED", "name": "Scheduled"}
    if state is not None:
        facts = {"type": state.type.value, "name": state.name or ""}
    fits = [_value_fits(facts[name], wants) for name, wants in _conditions(spec, facts)]
    return any(fits) if spec.get("operator") == "or_" else all(fits)


def _value_fits(value: str, spec: Spec) -> bool:
    allowed, denied = spec.get("any_"), spec.get("not_any_")
    return (allowed is None or value in allowed) and (denied is None or value not in denied)


def _name_fits(name: str | None, spec: Spec | None) -> bool:
    return spec is None or _value_fits(name or "", spec.get("name") or {})


def _tags_fit(tags: list[str], spec: Spec) -> bool:
    every, some = spec.get("all_"), spec.get("any_")
    return (every is None or set(every) <= set(tags)) and (some is None or bool(set(some) & set(tags)))


def _time_fits(at: datetime | None, spec: Spec) -> bool:
    after, before = spec.get("after_"), spec.get("before_")
    if at is None:
        return after is None and before is None
    return (after is None or at >= datetime.fromisoformat(after)) and (
        before is None or at <= datetime.fromisoformat(before)
    )


def _text_fits(text: str, spec: Spec) -> bool:
    """``like_`` as the database has it, with each wildcard escaped."""
    return _value_fits(text, spec) and re.sub(r"\\(.)", r"\1", spec.get("like_") or "").lower() in text.lower()


_CONDITIONS: Final[Mapping[str, Callable[[FlowRun, Spec], bool]]] = {
    "id": lambda run, spec: _value_fits(str(run.id), spec),
    "idempotency_key": lambda run, spec: _value_fits(run.idempotency_key or "", spec),
    "deployment_id": lambda run, spec: _value_fits(str(run.deployment_id), spec),
    "name": lambda run, spec: _text_fits(run.name, spec),
    "tags": lambda run, spec: _tags_fit(run.tags, spec),
    "state": lambda run, spec: _state_fits(run.state, spec),
    "end_time": lambda run, spec: _time_fits(run.end_time, spec),
    "expected_start_time": lambda run, spec: _time_fits(run.expected_start_time, spec),
}
