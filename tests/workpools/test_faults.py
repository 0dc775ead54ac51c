"""Faults of the worker's own code, of what the server answers and of what others wrote: none of them costs more than
itself."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import VariableCreate
from prefect.client.schemas.objects import FlowRun

from reelmill.queue import retry_policy
from reelmill.queue.worker_facts import WorkerFacts, variable_name
from tests.workpools.conftest import Engine, database_url
from tests.workpools.faulty import KINDS, STAGES
from workpools.processes.forkserver import end_by_identifier
from workpools.site.worker_registry import WorkerRegistry

pytestmark = pytest.mark.site


def _name(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:6]}"


def _faulty(engine: Engine, pool: str, faults: str, **given: Any) -> FlowRun:
    return engine.submit(pool, variables={"env": {"FAULTS": faults}, "max_retries": 0}, **given)


def _check_no_process(engine: Engine, run: FlowRun) -> None:
    identifier = engine.until(run, lambda run: run.infrastructure_pid is not None).infrastructure_pid or ""
    assert end_by_identifier(identifier) is False, "it was alive"


def test_whatever_fails_every_job_is_settled_and_its_slot_is_free(engine: Engine, tmp_path: Path) -> None:
    pool, name = engine.pool(_name("faulty"), limit=1), _name("faulty")
    with engine.worker(pool, name, module="tests.workpools.faulty", silent_seconds=1) as worker:
        # Its background tasks and its first poll have failed by now, and its next poll is ten minutes away.
        worker.said("the watch over states failed and is started again")
        worker.said("the watch over events failed and is started again")
        worker.said("the renewal of VRAM leases failed and is started again")
        worker.said("the rescue failed and is started again")
        worker.said("the poll for jobs failed")
        worker.said("publishing its own facts failed")
        assert engine.ended(engine.submit(pool)).state_name == "Completed"

        for kind in KINDS:
            for stage in STAGES:
                _check_stage(engine, pool, stage, kind, tmp_path / f"{stage} {kind}")

        lost = engine.ended(_faulty(engine, pool, "lose:it"))
        assert (lost.state_name, lost.state and lost.state.message) == ("Crashed", "Its worker lost hold of it.")

        broken = engine.submit(pool, variables={"env": {"NO_SUCH": "{{ prefect.blocks.secret.no-such-block }}"}})
        broken = engine.until(broken, lambda run: run.labels.get(retry_policy.CLASS_LABEL) == "user_error")
        assert broken.state_name == "Crashed", "waiting would not help"

        assert engine.ended(engine.submit(pool)).state_name == "Completed"
        assert worker.process.poll() is None


def _check_stage(engine: Engine, pool: str, stage: str, kind: str, folder: Path) -> None:
    does = "sleep" if stage == "watch" else "nothing"
    # What is settled without a fault before needs one to come as far as its own.
    faults = f"begin:{kind} settle:{kind}" if stage == "settle" else f"{stage}:{kind}"
    run = _faulty(engine, pool, faults, does=does, seconds=60, path=str(folder))
    if stage == "leave":
        assert engine.ended(run).state_name == "Completed"
        return
    by_rule = stage != "settle"
    ended = engine.until(run, lambda run: retry_policy.DEAD_LETTER in run.tags) if by_rule else engine.ended(run)
    assert ended.state_name == "Crashed", (stage, kind)
    assert ended.state is not None
    assert (ended.state.message or "").startswith("The worker failed at it: "), (stage, kind)
    if stage == "watch":
        _check_no_process(engine, run)
    if by_rule:
        assert ended.labels[retry_policy.CLASS_LABEL] == "runtime_error", (stage, kind)


@contextmanager
def _variables(engine: Engine, values: Mapping[str, Any]) -> Iterator[None]:
    """Variables as workers of other versions left them."""
    for name, value in values.items():
        engine.client.create_variable(VariableCreate(name=variable_name(name), value=value))
    try:
        yield
    finally:
        for name in values:
            engine.client.delete_variable_by_name(variable_name(name))


def test_variables_of_other_versions_neither_stop_a_worker_nor_keep_one_from_starting(engine: Engine) -> None:
    pool, name, other = engine.pool(_name("mixed")), _name("mixed"), _name("other")
    newer = WorkerFacts("newer-cpu", "newer", "cpu").to_json() | {"schema": 2, "vram": [{"size": 1}]}
    values = {f"{other}-{at}": value for at, value in enumerate(({}, "garbage", [1], None, newer, {"worker": "old"}))}
    with _variables(engine, values), engine.worker(pool, name) as before:
        before.said(f"the variable {variable_name(f'{other}-1')} is skipped")
        assert engine.ended(engine.submit(pool)).state_name == "Completed"
        assert before.log.read_text().count(f"the variable {variable_name(f'{other}-0')} is skipped") == 1
        nodes = {node.name for node in engine.dispatch.nodes.all()}
        assert name in nodes or engine.site.settings.node_name in nodes


def test_variables_of_workers_gone_for_good_are_removed_and_no_others(engine: Engine) -> None:
    """More of them than the server gives at once; an old one of a living worker, and a new one of nobody, stay."""
    living, nobody = f"{engine.site.settings.node_name}-cpu", _name("nobody")
    dead = [f"dead-{at}-{nobody}" for at in range(205)]

    async def forget() -> list[str]:
        async with get_client() as client:
            for name in [nobody, *dead]:
                await client.create_variable(VariableCreate(name=variable_name(name), value="garbage"))
            _backdate(engine, [variable_name(name) for name in [living, *dead]])
            registry = WorkerRegistry(client, "cpu", logging.getLogger(__name__))
            removed = await registry.remove_dead(living, timedelta(days=7).total_seconds())
            left = {variable["name"] for variable in await registry._variables()}
            assert {variable_name(living), variable_name(nobody)} <= left
            assert not left & set(removed)
            await client.delete_variable_by_name(variable_name(nobody))
            return removed

    assert asyncio.run(forget()) == sorted(map(variable_name, dead))


def _backdate(engine: Engine, names: list[str]) -> None:
    with psycopg.connect(database_url(engine.site)) as connection:
        connection.execute("UPDATE variable SET updated = now() - interval '8 days' WHERE name = ANY(%s)", [names])
