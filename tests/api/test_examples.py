"""What docs/API.md has people type works, and the roles there are those of the API."""

from __future__ import annotations

import re
import shlex
import string
from pathlib import Path
from typing import Final

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from reelmill.api.access.roles import ALLOWED, Permission, Role
from reelmill.api.services import Services
from reelmill.queue.actor import Actor
from tests.api.callers import login
from tests.api.library import add_video

_TEXT: Final = (Path(__file__).parents[2] / "docs" / "API.md").read_text()
_EXAMPLES: Final = re.findall(r"^    (curl .+)$", _TEXT, re.MULTILINE)
_STREAM: Final = "/api/media/events"  # without an end


class Example:
    """A line with ``curl`` as the shell and curl read it.

    Args:
        line: as it stands in the document.
        **variables: of the shell.
    """

    def __init__(self, line: str, **variables: str):
        words = iter(shlex.split(string.Template(line).substitute(variables), comments=True)[1:])
        self.method, self.headers, self.url, self.body = "GET", dict[str, str](), "", ""
        for word in words:
            match word:
                case "-H":
                    name, _, value = next(words).partition(": ")
                    self.headers[name] = value
                case "--json":
                    self.method, self.body = "POST", next(words)
                    self.headers["Content-Type"] = "application/json"
                case "-X":
                    self.method = next(words)
                case "-N":
                    pass
                case _:
                    assert not self.url, f"curl would ask for {word}, too"
                    self.url = word


@pytest.fixture
def variables(catalogue: str, services: Services) -> dict[str, str]:
    """What the examples speak of: videos, a job and a batch that are there."""
    for name in ("chaplin.mp4", "0.mp4"):
        add_video(name)
    by, dispatcher = Actor("alice@nas"), services.dispatcher
    batch = dispatcher.batches.submit("validate", "directory_type = inbox", {}, {}, by)
    job = dispatcher.jobs.submit("compile_quad", {})
    auth = f"Authorization: {login(Role.SUPER_ADMIN)['Authorization']}"
    return {"URL": "http://testserver", "AUTH": auth, "JOB": str(job.id), "BATCH": batch.id}


def test_every_example_works_one_after_the_other(
    one_app: FastAPI, services: Services, variables: dict[str, str]
) -> None:
    one_app.state.services = services
    with TestClient(one_app) as client:
        paths = client.get("/openapi.json").json()["paths"]
        for line in _EXAMPLES:
            example = Example(line, **variables)
            if example.url.endswith(_STREAM):
                assert example.method.lower() in paths[_STREAM]
                continue
            response = client.request(
                example.method, example.url, headers=example.headers, content=example.body or None
            )
            assert response.is_success, f"{line}\n{response.status_code} {response.text}"


def test_every_route_for_jobs_pools_and_batches_has_an_example(one_app: FastAPI) -> None:
    shown = {
        (example.method, re.sub(r"\?.*", "", example.url))
        for example in (Example(line, URL="", AUTH="a: b", JOB="{id}", BATCH="{id}") for line in _EXAMPLES)
    }
    routes = {
        (method.upper(), path.replace("{name}", "gpu_encode"))
        for path, methods in one_app.openapi()["paths"].items()
        for method in methods
        if re.match("/api/media/(jobs|pools|batches)", path)
    }
    assert routes - shown == set()


def test_the_table_of_roles_is_what_the_api_allows() -> None:
    roles = [Role(name) for name in re.findall(r"`(\w+)`", _TEXT.partition("| what |")[2].partition("\n")[0])]
    assert set(roles) == set(Role)
    lines = re.findall(r"^\| ([\w ]+) \|((?: \w* ?\|){4})$", _TEXT, re.MULTILINE)
    rows = {name: tuple(cell.strip() for cell in cells.split("|")[:-1]) for name, cells in lines}
    for permission in Permission:
        assert rows[permission] == tuple("yes" if permission in ALLOWED[role] else "" for role in roles)
