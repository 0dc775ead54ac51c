"""What becomes of a deployment that was replaced, on a server in memory: others are quicker, and jobs may be left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Failed, Scheduled

from deployments.renaming import delete_replaced, set_aside
from deployments.stanzas import Stanza, stanzas
from reelmill.clock import FakeClock
from reelmill.dispatch.server.deployments import REPLACED
from reelmill.dispatch.testing.memory_server import MemoryServer
from reelmill.queue.retry_policy import DEAD_LETTER

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class _Site:
    """A server in memory with the deployment of a stanza's older name."""

    def __init__(self) -> None:
        self.server = MemoryServer(FakeClock(_NOW))
        self.stanza: Stanza = next(stanza for stanza in stanzas() if stanza.name == "scan")
        self.server.add_pool(self.stanza.work_pool.name)
        self.server.add_deployment("scan", self.stanza.work_pool.name, {}, {})
        (self.old,) = self.server.deployments.values()
        self.old.name = self.stanza.work_pool.name

    @contextmanager
    def client(self, before: Callable[[httpx.Request], None] = lambda _: None) -> Iterator[SyncPrefectClient]:
        def respond(request: httpx.Request) -> httpx.Response:
            before(request)
            return self.server.respond(request)

        transport = httpx.MockTransport(respond)
        with SyncPrefectClient("http://memory/api", httpx_settings={"transport": transport}) as client:
            yield client

    def delete_before_a_change(self, request: httpx.Request) -> None:
        """What another node does that is quicker."""
        if request.method == "PATCH":
            self.server.deployments.pop(self.old.id, None)

    def set_aside(self, client: SyncPrefectClient) -> DeploymentResponse | None:
        return set_aside(client, self.stanza, "scan")


@pytest.fixture
def queue() -> _Site:
    return _Site()


@pytest.mark.parametrize("tags", [[], [REPLACED]])
def test_another_node_deletes_it_while_it_is_set_aside(queue: _Site, tags: list[str]) -> None:
    queue.old.tags = tags
    with queue.client(queue.delete_before_a_change) as client:
        assert queue.set_aside(client) is None


def test_another_node_is_quicker_to_delete_it(queue: _Site) -> None:
    queue.old.tags = [REPLACED]
    said: list[str] = []
    with queue.client(queue.delete_before_a_change) as client:
        delete_replaced(client, said.append)
    assert (said, queue.server.deployments) == ([], {})


def test_runs_that_the_scheduler_adds_after_the_pause_go_when_it_is_deployed_again(queue: _Site) -> None:
    with queue.client() as client:
        queue.set_aside(client)
        later: State[Any] = Scheduled(scheduled_time=_NOW + timedelta(days=1))
        added, asked_for = (client.create_flow_run_from_deployment(queue.old.id, state=later) for _ in range(2))
        queue.server.runs[added.id].auto_scheduled = True
        left = queue.set_aside(client)
    assert left is not None
    assert (left.paused, left.tags.count(REPLACED)) == (True, 1)
    assert list(queue.server.runs) == [asked_for.id]


def test_it_stays_while_a_dead_letter_may_be_sent_back(queue: _Site) -> None:
    queue.old.tags = [REPLACED]
    said: list[str] = []
    with queue.client() as client:
        run = client.create_flow_run_from_deployment(queue.old.id, tags=[DEAD_LETTER])
        queue.server.set_state(run.id, Failed())  # years before the present time of this node
        delete_replaced(client, said.append)
        assert (said, len(queue.server.deployments)) == ([], 1)
        client.update_flow_run(run.id, tags=[])
        delete_replaced(client, said.append)
    assert (len(said), queue.server.deployments) == (1, {})
