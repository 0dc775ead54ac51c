from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prefect.client.orchestration import SyncPrefectClient

from reelmill.api.access.roles import Role
from reelmill.api.app import bare_app
from reelmill.api.services import Services
from reelmill.dispatch.dispatcher import Dispatcher
from reelmill.dispatch.testing import MemorySite
from reelmill.dispatch.testing.memory_trail import MemoryTrail
from reelmill.settings import get_settings
from tests.api.callers import KnownCallers, login
from tests.api.memory import MemoryReader, memory_site


@pytest.fixture
def memory() -> MemorySite:
    """A queue in memory with a few job types."""
    return memory_site()


@pytest.fixture
def worker(memory: MemorySite) -> Iterator[SyncPrefectClient]:
    """Prefect's own client, for what a worker would do to jobs of the queue in memory."""
    with memory.client() as client:
        yield client


@pytest.fixture
def services(worker: SyncPrefectClient) -> Services:
    prefect = Dispatcher(worker, trail=MemoryTrail())
    prefect.reader = MemoryReader(prefect, worker)
    return Services(prefect, KnownCallers(), get_settings())


@pytest.fixture(scope="session")
def one_app() -> FastAPI:
    """The application for many tests; FastAPI builds it with the first request, which takes a while."""
    return bare_app()


@pytest.fixture
def api(one_app: FastAPI, services: Services) -> Iterator[TestClient]:
    """The API over the queue in memory, called by a SUPER_ADMIN."""
    one_app.state.services = services
    with TestClient(one_app, headers=login(Role.SUPER_ADMIN)) as client:
        yield client
