"""Whatever is sent to the API: no fault of ours comes back, and what comes back is as /openapi.json describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reelmill.api.access.roles import Role
from reelmill.api.services import Services
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.storage.media_root import MediaRoot
from tests.api.callers import login
from tests.api.library import add_video

#: What reads nothing but the tables of a Prefect server, or wants a worker: there is neither.
_NEED_A_SITE: Final = ("/api/media/events", "/readyz")


def no_fault_of_ours(context: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """A check: that a server of the site is away is none."""
    if response.status_code == 503 and case.operation.path in _NEED_A_SITE:
        return None
    return not_a_server_error(context, response, case)


_CHECKS: Final = [
    no_fault_of_ours, status_code_conformance, content_type_conformance, response_schema_conformance
]  # fmt: skip

#: Requests for each operation, always the same ones: many by who may ask nearly everything, some by those who may not.
_MANY: Final = 8
_SOME: Final = 3

#: Values of the parameters of paths that name something, by how a path begins.
Known = Mapping[str, Mapping[str, str]]


@pytest.fixture
def known(catalogue: str, services: Services, media_root: MediaRoot) -> Known:
    """A job, a pool and a video that there are; the video has a file and a thumbnail."""
    video_id = add_video()
    for path in ("inbox/chaplin.mp4", "thumbnails/chaplin.jpg"):
        file = media_root.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"some bytes")
    with session() as opened:
        video = opened.get_one(Video, video_id)
        video.thumbnail_path = "thumbnails/chaplin.jpg"
    job = services.dispatcher.jobs.submit("validate", {"video_id": str(video_id)})
    return {
        "/api/media/jobs/{": {"id": str(job.public_id)},
        "/api/media/pools/{": {"name": "cpu"},
        "/api/media/settings/{": {"name": "reelmill-transcoder"},
        "/api/media/videos/{": {"name": "chaplin.mp4"},
    }


@pytest.mark.parametrize("role", [*Role, None])
def test_answers_are_as_described(one_app: FastAPI, services: Services, known: Known, role: Role | None) -> None:
    one_app.state.services = services
    schema = schemathesis.openapi.from_asgi("/openapi.json", one_app)
    headers = login(role) if role is not None else {}
    found: list[Any] = list(schema.get_all_operations())
    operations = [one.ok() for one in found]
    assert {operation.path for operation in operations} == set(one_app.openapi()["paths"])
    assert len(operations) >= 36
    for operation in operations:
        names = next((names for start, names in known.items() if operation.path.startswith(start)), {})
        _examine(operation, headers, names, _MANY if role is Role.SUPER_ADMIN else _SOME)


def _examine(operation: Any, headers: dict[str, str], names: Mapping[str, str], examples: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(), st.booleans())
    def examine(case: Case[Any], real: bool) -> None:
        if real:  # what is made up names nothing that there is
            case.path_parameters = {**(case.path_parameters or {}), **names}
        case.call_and_validate(headers=headers, checks=_CHECKS)

    examine()
