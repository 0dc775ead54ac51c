"""Whatever is sent to the API: no fault of ours comes back, and what comes back is as /openapi.json describes it."""

from __future__ import annotations

from typing import Any, Final

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reelmill.api.access.roles import Role
from reelmill.api.services import Services
from tests.api.callers import login

_CHECKS: Final = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance
]  # fmt: skip

#: Requests for each operation and caller; always the same ones.
_EXAMPLES: Final = 8


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("role", [Role.SUPER_ADMIN, Role.AUTOMATION, None])
def test_answers_are_as_described(one_app: FastAPI, services: Services, role: Role | None) -> None:
    one_app.state.services = services
    schema = schemathesis.openapi.from_asgi("/openapi.json", one_app)
    headers = login(role) if role is not None else {}
    operations: list[Any] = list(schema.include(path_regex="^/api/media/(jobs|pools|batches)").get_all_operations())
    assert len(operations) >= 20
    for operation in operations:
        _examine(operation.ok(), headers)


def _examine(operation: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def examine(case: Case[Any]) -> None:
        case.call_and_validate(headers=headers, checks=_CHECKS)

    examine()
