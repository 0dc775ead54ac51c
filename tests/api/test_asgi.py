"""What uvicorn serves: who is kept out before any route is asked."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from reelmill.api.asgi import application
from reelmill.settings import get_settings


@pytest.mark.parametrize(
    ("login", "headers", "code"),
    [
        ("off", {"Host": "127.0.0.1:4110"}, 200),
        ("off", {"Host": "localhost:4110", "Origin": "http://localhost:4110"}, 200),
        ("off", {"Host": "evil.example:4110"}, 403),
        ("off", {"Host": "127.0.0.1:4110", "Origin": "http://evil.example"}, 403),
        ("off", {"Host": "127.0.0.1:4110", "Origin": "http://127.0.0.1:8080"}, 403),
        ("on", {"Host": "a.name.of.a.proxy"}, 200),
    ],
)
def test_without_a_login_pages_of_others_are_not_served(
    monkeypatch: pytest.MonkeyPatch, login: str, headers: dict[str, str], code: int
) -> None:
    monkeypatch.setenv("REELMILL_LOGIN", login)
    monkeypatch.setenv("REELMILL_API_PORT", "4110")
    get_settings.cache_clear()
    assert TestClient(application()).get("/healthz", headers=headers).status_code == code
