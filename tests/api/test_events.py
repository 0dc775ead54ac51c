"""Who may listen to the events of a site, and what an API that cannot read it responds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from fastapi.testclient import TestClient

from reelmill.api.access.roles import Role
from reelmill.api.routes.events import while_allowed
from tests.api.callers import login

_EVENTS = "/api/media/events"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUTOMATION])
def test_events_are_for_those_who_steer_jobs(api: TestClient, role: Role) -> None:
    assert api.get(_EVENTS, headers=login(role)).status_code == 403


def test_nobody_listens_without_a_token(api: TestClient) -> None:
    assert api.get(_EVENTS, headers={"Authorization": ""}).status_code == 401


def test_a_stream_without_a_site_is_refused_before_it_begins(api: TestClient) -> None:
    response = api.get(_EVENTS)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "PlatformError")


def test_a_stream_ends_with_the_right_to_listen() -> None:
    closed = []

    async def stream() -> AsyncGenerator[str]:
        try:
            for number in range(5):
                yield str(number)
        finally:
            closed.append(True)

    async def scene() -> None:
        rights = [True, True, False]
        assert [text async for text in while_allowed(stream(), lambda: rights.pop(0), 0.0)] == ["0", "1"]
        assert closed == [True]
        assert len([text async for text in while_allowed(stream(), lambda: False, 3600.0)]) == 5

    asyncio.run(scene())
