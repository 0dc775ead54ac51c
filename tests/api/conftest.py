from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.services import Services
from reelmill.dispatch.testing import MemorySite
from reelmill.settings import get_settings
from tests.api.callers import KnownCallers, login
from tests.api.memory import memory_site


@pytest.fixture
def memory() -> MemorySite:
    """A queue in memory with a few job types."""
    return memory_site()


@pytest.fixture
def services(memory: MemorySite) -> Iterator[Services]:
    with memory.dispatcher() as prefect:
        yield Services(prefect, KnownCallers(), get_settings())


@pytest.fixture
def api(services: Services) -> Iterator[TestClient]:
    """The API over the queue in memory, called by a SUPER_ADMIN."""
    with TestClient(create_app(services), headers=login(Role.SUPER_ADMIN)) as client:
        yield client
