"""The process of the REST API: what it is started with."""

from __future__ import annotations

import pytest
import uvicorn
from uvicorn.main import main

from deployments.rest_api import arguments, environment
from reelmill.settings import Settings


def _options(proxy: str | None) -> dict[str, object]:
    """What uvicorn itself makes of the command line."""
    module, *given = arguments("127.0.0.1", 4100, proxy)
    assert module == uvicorn.__name__
    return main.make_context(module, given).params


@pytest.mark.parametrize(("proxy", "proxy_headers", "allowed"), [(None, False, None), ("10.0.0.9", True, "10.0.0.9")])
def test_who_a_request_comes_from_is_believed_of_the_proxy_alone(
    proxy: str | None, proxy_headers: bool, allowed: str | None
) -> None:
    options = _options(proxy)
    assert options["proxy_headers"] is proxy_headers
    assert options["forwarded_allow_ips"] == allowed


def test_a_prefect_server_that_is_away_is_found_out_within_seconds() -> None:
    assert int(environment(Settings(), 4100)["PREFECT_CLIENT_MAX_RETRIES"]) <= 1
