"""``reelmill token`` as a person and a program use it, on a real catalogue."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from reelmill.api.access.login import TokenAccess
from reelmill.api.access.roles import Role
from reelmill.cli.main import app
from reelmill.errors import UnknownName, UserError

pytestmark = pytest.mark.usefixtures("catalogue")


def _json(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["token", *arguments, "--output", "json"])
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_a_token_is_made_listed_and_revoked() -> None:
    made = _json("create", "press", "--role", "VIEWER", "--ttl", "12h")
    access = TokenAccess()
    caller = access.caller(f"Bearer {made['token']}", "127.0.0.1")
    assert (caller.name, caller.role) == ("press", Role.VIEWER)
    (listed,) = _json("list")["tokens"]
    assert {name: fact for name, fact in made.items() if name != "token"} == listed
    assert (listed["name"], listed["role"], listed["state"]) == ("press", "VIEWER", "valid")
    (revoked,) = _json("revoke", "press")["revoked"]
    assert (revoked["id"], revoked["state"]) == (made["id"], "revoked")
    assert _json("revoke", made["id"])["revoked"] == []
    shown = CliRunner().invoke(app, ["token", "list"]).stdout
    assert "revoked" in shown
    assert made["token"] not in shown + json.dumps(_json("list"))


@pytest.mark.parametrize(
    ("ttl", "days"), [("90d", 90), ("2w", 14), ("24h", 1), ("1440min", 1), ("86400s", 1), ("never", None)]
)
def test_how_long_a_token_holds_is_said_in_one_word(ttl: str, days: int | None) -> None:
    made = _json("create", "a", "--role", "VIEWER", "--ttl", ttl)
    if days is None:
        assert made["expires_at"] is None
    else:
        lifetime = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
        assert lifetime.total_seconds() == days * 86400


@pytest.mark.parametrize("ttl", ["90", "d", "-1d", "1y", "0d", "999999999w", "1.5h", ""])
def test_a_time_that_is_none_is_refused(ttl: str) -> None:
    result = CliRunner().invoke(app, ["token", "create", "a", "--role", "VIEWER", "--ttl", ttl, "--output", "json"])
    assert isinstance(result.exception, UserError)
    assert _json("list")["tokens"] == []


def test_a_token_goes_into_no_log_by_itself() -> None:
    create = ["token", "create", "a", "--role", "SUPER_ADMIN"]
    result = CliRunner().invoke(app, create)
    assert isinstance(result.exception, UserError)
    assert _json("list")["tokens"] == [], "none was made that nobody has seen"


def test_whoever_is_unknown_is_named() -> None:
    result = CliRunner().invoke(app, ["token", "revoke", "nobody"])
    assert isinstance(result.exception, UnknownName)
    assert result.exception.name == "nobody"
