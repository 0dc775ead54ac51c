from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.orchestration import PrefectClient
from prefect.settings import (
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    temporary_settings,
)

from reelmill.clock import FakeClock
from reelmill.queue.worker_facts import VirtualGpu, WorkerFacts, variable_name
from workpools.site.worker_registry import (
    RegisteredWorker,
    WorkerRegistry,
    another_node_fits,
    is_rescuer,
    silent,
    site_has_gpu,
)

NOW = datetime(2025, 3, 1, 10, 0, tzinfo=UTC)


def heard(**seconds_ago: float) -> list[RegisteredWorker]:
    return [RegisteredWorker(name, NOW - timedelta(seconds=ago)) for name, ago in seconds_ago.items()]


def facts(worker: str = "them", node: str = "there", **fields: Any) -> WorkerFacts:
    """Of an idle worker with one card of 8000 MB."""
    usual: dict[str, Any] = {
        "pool": "gpu_ai",
        "max_jobs": 2,
        "active_jobs": 0,
        "paused": None,
        "vram": [VirtualGpu(f"vram-{node}-gpu0", "gpu0", 8000)],
    }
    return WorkerFacts(worker=worker, node=node, **(usual | fields))


US = facts("us", "here")

# --- who is alive -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "found"),
    [
        pytest.param(heard(us=0, a=10, b=31), {"b"}, id="longer than the time"),
        pytest.param(heard(us=0, a=30), set(), id="just as long is not longer"),
        pytest.param(heard(us=100, a=120), set(), id="the server's clock is not asked: ours is the measure"),
        pytest.param(heard(us=100, a=131), {"a"}, id="nor is ours: what counts is our own last word"),
        pytest.param(heard(us=100, a=0), set(), id="one heard of after us"),
        pytest.param(heard(a=0, b=1000), set(), id="we were never heard of ourselves"),
        pytest.param([], set(), id="nobody"),
    ],
)
def test_silent_is_who_was_unheard_of_for_long_before_our_last_heartbeat(
    workers: list[RegisteredWorker], found: set[str]
) -> None:
    assert silent(workers, "us", 30) == found


@given(st.lists(st.floats(0, 1000)), st.floats(0.1, 100))
def test_nobody_is_silent_to_themselves(ago: list[float], seconds: float) -> None:
    workers = heard(us=500, **{f"w{number}": one for number, one in enumerate(ago)})
    assert "us" not in silent(workers, "us", seconds)


@pytest.mark.parametrize(
    ("workers", "ours"),
    [
        pytest.param(heard(us=0), True, id="alone"),
        pytest.param(heard(us=0, zoe=5), True, id="first by name"),
        pytest.param(heard(us=0, adam=5), False, id="another is before us"),
        pytest.param(heard(us=0, adam=31), True, id="who was before us fell silent"),
        pytest.param(heard(us=0, adam=31, bea=5), False, id="one silent, one alive before us"),
        pytest.param(heard(zoe=0), False, id="we were never heard of"),
        pytest.param([], False, id="nobody was"),
    ],
)
def test_the_first_by_name_of_the_living_rescues(workers: list[RegisteredWorker], ours: bool) -> None:
    assert is_rescuer(workers, "us", 30) is ours


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 30), min_size=1))
def test_of_the_living_just_one_rescues(ago: dict[str, float]) -> None:
    workers = heard(**ago)
    assert [is_rescuer(workers, name, 30) for name in ago].count(True) == 1


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 300), min_size=1))
def test_somebody_always_rescues(ago: dict[str, float]) -> None:
    workers = heard(**ago)
    assert any(is_rescuer(workers, name, 30) for name in ago)


# --- who has room -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "ever", "now"),
    [
        pytest.param(facts(), True, True, id="idle and large enough"),
        pytest.param(facts(vram=[VirtualGpu("vram-there-gpu0", "gpu0", 7999)]), False, False, id="a smaller card"),
        pytest.param(facts(vram=[]), False, False, id="no card"),
        pytest.param(
            facts(vram=[VirtualGpu("a", "gpu0", 4000), VirtualGpu("b", "gpu1", 8000)]), True, True, id="its second card"
        ),
        pytest.param(
            facts(vram=[VirtualGpu("a", "gpu0", 4000), VirtualGpu("b", "gpu1", 4000)]),
            False,
            False,
            id="two cards do not add up",
        ),
        pytest.param(facts(active_jobs=2), True, False, id="no slot left"),
        pytest.param(facts(active_jobs=1), True, True, id="one slot left"),
        pytest.param(facts(pool="gpu_encode"), False, False, id="another pool"),
        pytest.param(facts(node="here"), False, False, id="our own machine"),
        pytest.param(facts(worker="dead"), False, False, id="not alive"),
        pytest.param(facts(paused="its last 3 jobs failed: full"), False, False, id="paused"),
        pytest.param(
            facts(vram=[VirtualGpu("vram-there-virtual", "virtual", 16000)]), True, True, id="a virtual budget"
        ),
    ],
)
def test_another_machine_of_our_pool_can_take_a_job(other: WorkerFacts, ever: bool, now: bool) -> None:
    assert another_node_fits([US, other], {"us", "them"}, US, 8000) is ever
    assert another_node_fits([US, other], {"us", "them"}, US, 8000, {}) is now


@pytest.mark.parametrize(("taken", "room"), [(0, True), (4000, True), (4001, False), (8000, False)])
def test_what_is_leased_there_is_no_room(taken: int, room: bool) -> None:
    assert another_node_fits([facts()], {"them"}, US, 4000, {"vram-there-gpu0": taken, "vram-here-gpu0": 8000}) is room


def test_a_full_machine_could_take_it_some_day() -> None:
    assert another_node_fits([facts(active_jobs=2)], {"them"}, US, 8000)


def test_one_that_can_is_enough() -> None:
    assert another_node_fits(
        [US, facts("a", paused="draining"), facts("b", active_jobs=2), facts("c")], {"a", "b", "c"}, US, 1, {}
    )


def test_alone_there_is_no_other() -> None:
    assert not another_node_fits([US], {"us"}, US, 0, {})


# --- cards ------------------------------------------------------------------------------------------------------------

VIRTUAL = [VirtualGpu("vram-there-virtual", "virtual", 16000)]


@pytest.mark.parametrize(
    ("others", "found"),
    [
        pytest.param([], False, id="nobody"),
        pytest.param([facts(vram=VIRTUAL)], False, id="a virtual budget is no card"),
        pytest.param([facts()], True, id="a card"),
        pytest.param([facts(worker="dead")], False, id="a card of the dead"),
        pytest.param([facts(vram=VIRTUAL), facts("us", "here")], True, id="our own counts"),
        pytest.param([facts(pool="cpu")], True, id="of whatever pool"),
        pytest.param([facts(paused="draining")], True, id="paused or not"),
    ],
)
def test_the_site_has_a_gpu_where_a_living_worker_has_one(others: list[WorkerFacts], found: bool) -> None:
    assert site_has_gpu(others, {"us", "them"}) is found


def test_facts_come_back_from_json_as_they_went() -> None:
    assert WorkerFacts.from_json(US.to_json()) == US


# --- the word of workers of other versions ---------------------------------------------------------------------------

LEAST = {"worker": "them", "node": "there", "pool": "gpu_ai"}


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        pytest.param(LEAST, WorkerFacts("them", "there", "gpu_ai"), id="what it does not say has its default"),
        pytest.param(LEAST | {"schema": 2, "vram_v2": []}, WorkerFacts("them", "there", "gpu_ai"), id="a newer one"),
        pytest.param(json.dumps(US.to_json()), US, id="as text"),
        pytest.param(
            LEAST | {"max_jobs": "two", "paused": 1, "load": []},
            WorkerFacts("them", "there", "gpu_ai"),
            id="other types",
        ),
        pytest.param(
            LEAST
            | {"vram": [{"mb": 1}, "gpu", None, {"limit_name": "a", "device": "gpu0", "total_mb": 8, "uuid": "x"}]},
            WorkerFacts("them", "there", "gpu_ai", vram=[VirtualGpu("a", "gpu0", 8)]),
            id="GPUs that can be read",
        ),
    ],
)
def test_facts_of_another_version_are_read_as_far_as_they_go(kept: object, read: WorkerFacts) -> None:
    assert WorkerFacts.from_json(kept) == read


@pytest.mark.parametrize("kept", [{}, "garbage", "[]", [], None, 7, True, {"worker": "them"}, LEAST | {"node": None}])
def test_what_names_no_worker_is_refused_in_one_way(kept: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (JSON's own error is one)
        WorkerFacts.from_json(kept)


def test_the_names_of_the_stored_format_stay() -> None:
    """The first workers take no field that they do not know, and miss each that is not there."""
    first = {"worker", "node", "pool", "max_jobs", "active_jobs", "paused", "vram", "hardware", "load"}
    assert US.to_json().keys() == first
    assert US.to_json()["vram"][0].keys() == {"limit_name", "device", "total_mb"}


# --- what is published ------------------------------------------------------------------------------------------------


class VariableServer:
    """A server that keeps variables, and the methods of the requests for them."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.requests: list[str] = []

    def respond(self, request: httpx.Request) -> httpx.Response:
        """The response to a request of Prefect's client."""
        content = json.loads(request.content)
        self.requests.append(request.method)
        if request.method == "PATCH" and content["name"] not in self.kept:
            return httpx.Response(404, json={"detail": "Variable not found"})
        self.kept[content["name"]] = content["value"]
        return httpx.Response(201, json=content | {"id": str(uuid.uuid4())})


def publish(server: VariableServer, steps: Iterable[tuple[float, WorkerFacts]], gone: bool = False) -> None:
    """Publish facts one after the other, each so many seconds after the one before."""

    async def steps_of_a_worker() -> None:
        settings = {"transport": httpx.MockTransport(server.respond)}
        clock = FakeClock(NOW)
        async with PrefectClient("http://memory/api", httpx_settings=settings) as client:
            registry = WorkerRegistry(client, "gpu_ai", logging.getLogger(__name__), clock)
            for seconds, step in steps:
                clock.sleep(seconds)
                await registry.publish(step)
                if gone:
                    server.kept.clear()

    chosen = {PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False, PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False}
    with temporary_settings(chosen):
        asyncio.run(steps_of_a_worker())


@pytest.mark.parametrize(
    ("steps", "requests", "last"),
    [
        pytest.param([(0, US), (10, US), (100, US)], ["PATCH", "POST"], US, id="what stays is said once"),
        pytest.param(
            [(0, US), *((10, facts("us", "here", load={"memory": at})) for at in range(6))],
            ["PATCH", "POST", "PATCH", "PATCH"],
            facts("us", "here", load={"memory": 5}),
            id="a load every half minute",
        ),
        pytest.param(
            [(0, US), (1, facts("us", "here", active_jobs=1)), (1, US)],
            ["PATCH", "POST", "PATCH", "PATCH"],
            US,
            id="all else at once",
        ),
    ],
)
def test_facts_are_published_where_they_are_new(
    steps: list[tuple[float, WorkerFacts]], requests: list[str], last: WorkerFacts
) -> None:
    server = VariableServer()
    publish(server, steps)
    assert server.requests == requests
    assert server.kept == {variable_name("us"): last.to_json()}


def test_facts_that_somebody_deleted_are_published_anew() -> None:
    server = VariableServer()
    publish(server, [(0, US), (1, facts("us", "here", active_jobs=1))], gone=True)
    assert server.requests == ["PATCH", "POST", "PATCH", "POST"]
