"""Who may call which route: the table of docs/API.md, held for every route that there is."""

from __future__ import annotations

import re
from collections.abc import Collection

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from reelmill.api.access.roles import Role
from reelmill.api.app import OPEN_PATHS
from tests.api.callers import login

pytestmark = pytest.mark.usefixtures("catalogue")

_JOBS = "/api/media/jobs"
_CREATING = {("POST", _JOBS), ("POST", f"{_JOBS}/reencode"), ("POST", f"{_JOBS}/bulk")}

_UNDESCRIBED = tuple(("HEAD", f"/api/media/videos/{{name}}/{each}") for each in ("stream", "thumbnail", "asset"))


def _allowed(method: str, path: str) -> Collection[Role]:
    if path in (*OPEN_PATHS, "/api/media/session"):
        return list(Role)
    if path == "/metrics":
        return (Role.SUPER_ADMIN, Role.SCRAPER)
    if path.startswith("/api/media/videos") or (method, path) == ("GET", "/api/media/settings"):
        return (Role.SUPER_ADMIN, Role.VIEWER)
    return (Role.SUPER_ADMIN, Role.AUTOMATION) if (method, path) in _CREATING else (Role.SUPER_ADMIN,)


def test_every_route_is_for_the_roles_that_the_documentation_names(api: TestClient, one_app: FastAPI) -> None:
    paths = {**one_app.openapi()["paths"], **dict.fromkeys(("/docs", "/openapi.json"), ("get",))}
    routes = [*_UNDESCRIBED, *((method.upper(), path) for path, methods in paths.items() for method in methods)]
    assert len(routes) > 36
    for method, path in routes:
        url = re.sub(r"{[^}]+}", "4c1e6e3e-0000-4000-8000-000000000000", path)
        for role in Role:
            refused = api.request(method, url, headers=login(role)).status_code == 403
            assert refused == (role not in _allowed(method, path)), (method, path, role)
        nobody = api.request(method, url, headers={"Authorization": ""}).status_code
        assert (nobody == 401) == (path not in OPEN_PATHS), (method, path)
