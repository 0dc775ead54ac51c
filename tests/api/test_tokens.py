"""Who has a token gets in, until it is revoked or over, and nobody else does; on a real catalogue."""

from __future__ import annotations

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reelmill.api.access import login, tokens
from reelmill.api.access.caller import Caller, NotLoggedIn, TooManyAttempts
from reelmill.api.access.login import OpenAccess, TokenAccess, site_access
from reelmill.api.access.rate_limit import ATTEMPTS
from reelmill.api.access.roles import Role
from reelmill.catalogue import audit, site_identity
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import ApiToken
from reelmill.clock import FakeClock
from reelmill.errors import UnknownName, UserError
from reelmill.queue.actor import Actor
from reelmill.settings import Settings
from tests.refusals import refused

_DAY = timedelta(days=1)
_HERE = "127.0.0.1"
_BY = Actor("root@nas", "for the press", "cli")


@pytest.fixture
def clock(catalogue: str) -> FakeClock:
    return FakeClock(datetime(2026, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
def access(clock: FakeClock) -> TokenAccess:
    return TokenAccess(clock)


def _caller(access: TokenAccess, text: str, address: str = _HERE) -> Caller:
    return access.caller(f"Bearer {text}", address)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("ttl", [_DAY, None])
def test_the_holder_of_a_token_is_known_by_name_and_role(
    access: TokenAccess, clock: FakeClock, role: Role, ttl: timedelta | None
) -> None:
    issued = tokens.issue("press office", role, ttl, _BY, clock)
    assert _caller(access, issued.text) == Caller("press office", role)
    assert access.caller(f"bearer  {issued.text} ", _HERE).role is role
    claims = jwt.decode(issued.text, options={"verify_signature": False})
    assert (claims["sub"], claims["role"], claims["jti"]) == ("press office", role, str(issued.row.id))
    assert claims["iat"] == int(clock.now().timestamp())
    assert claims.get("exp") == (None if ttl is None else claims["iat"] + 86400)


def test_a_token_is_over_at_its_time(access: TokenAccess, clock: FakeClock) -> None:
    issued = tokens.issue("a", Role.VIEWER, _DAY, _BY, clock)
    clock.sleep(86399)
    _caller(access, issued.text)
    clock.sleep(1)
    with refused(NotLoggedIn):
        _caller(access, issued.text)


def test_a_revocation_holds_at_once(access: TokenAccess, clock: FakeClock) -> None:
    issued, other = (tokens.issue(name, Role.VIEWER, None, _BY, clock) for name in ("a", "b"))
    _caller(access, issued.text)
    assert [row.id for row in tokens.revoke("a", _BY, clock)] == [issued.row.id]
    with refused(NotLoggedIn):
        _caller(access, issued.text)
    _caller(access, other.text)
    assert tokens.revoke("a", _BY, clock) == []


def test_a_name_stands_for_all_its_tokens_and_an_id_for_one(clock: FakeClock) -> None:
    first, second, third = (tokens.issue("a", Role.VIEWER, None, _BY, clock) for _ in range(3))
    assert [row.id for row in tokens.revoke(str(second.row.id), _BY)] == [second.row.id]
    assert {row.id for row in tokens.revoke("a", _BY)} == {first.row.id, third.row.id}
    assert all(row.revoked_at is not None for row in tokens.all_tokens())
    tokens.issue("b", Role.VIEWER, None, _BY)
    with refused(UnknownName, name="nobody", known=("b",)):
        tokens.revoke("nobody", _BY)


def _forged(issued: tokens.IssuedToken, key: str | None = None, **claims: Any) -> str:
    """A token that claims something else; None: signed with the site's own key."""
    told = jwt.decode(issued.text, options={"verify_signature": False}) | claims
    return jwt.encode({name: claim for name, claim in told.items() if claim is not None}, key or tokens.signing_key())


def _unsigned(issued: tokens.IssuedToken, algorithm: str) -> str:
    header = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    return f"{base64.urlsafe_b64encode(header).decode().rstrip('=')}.{issued.text.split('.')[1]}."


def test_what_is_no_token_of_the_site_is_refused_in_one_sentence(clock: FakeClock) -> None:
    issued = tokens.issue("a", Role.VIEWER, _DAY, _BY, clock)
    revoked = tokens.issue("r", Role.VIEWER, None, _BY, clock)
    tokens.revoke("r", _BY)
    wrong = {
        "another key": _forged(issued, "k" * 64),
        "no signature": _unsigned(issued, "none"),
        "no signature, named otherwise": _unsigned(issued, "None"),
        "another algorithm": jwt.encode({"sub": "a"}, tokens.signing_key(), "HS512"),
        "cut off": issued.text[:-1],
        "another role": _forged(issued, role="SUPER_ADMIN"),
        "another name": _forged(issued, sub="root"),
        "for longer": _forged(issued, exp=int((clock.now() + 9 * _DAY).timestamp())),
        "for ever": _forged(issued, exp=None),
        "unknown": _forged(issued, jti=str(uuid4())),
        "no id": _forged(issued, jti=None),
        "an id that is none": _forged(issued, jti="1"),
        "revoked": revoked.text,
        "no token": "hunter2",
        "the key itself": tokens.signing_key(),
    }
    sentences = set()
    for text in wrong.values():
        with pytest.raises(NotLoggedIn) as failure:
            _caller(TokenAccess(clock), text)
        sentences.add(str(failure.value))
        assert text not in str(failure.value)
    assert len(sentences) == 1, "which of it was wrong is for the log of the site alone"


@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer  ", "Basic YTpi", "token"])
def test_who_sends_no_token_is_not_known_and_has_not_failed(access: TokenAccess, sent: str | None) -> None:
    for _ in range(3 * ATTEMPTS):
        with refused(NotLoggedIn):
            access.caller(sent, _HERE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@example("\xff.\xff.\xff")
@example("." * 1000)
@example("eyJhbGciOiJIUzI1NiJ9.bnVsbA.")
@given(st.text() | st.from_regex(r"[A-Za-z0-9_=-]*\.[A-Za-z0-9_=-]*\.[A-Za-z0-9_=-]*", fullmatch=True))
def test_no_text_whatever_does_more_than_fail(catalogue: str, text: str) -> None:
    with pytest.raises(NotLoggedIn):
        _caller(TokenAccess(), text)


def test_an_address_that_fails_too_often_waits_and_a_right_token_there_does_not(
    access: TokenAccess, clock: FakeClock
) -> None:
    issued = tokens.issue("a", Role.VIEWER, None, _BY, clock)
    for _ in range(ATTEMPTS):
        with refused(NotLoggedIn):
            _caller(access, "guessed")
    with pytest.raises(TooManyAttempts) as failure:
        _caller(access, "guessed")
    assert 0 < failure.value.seconds <= 6
    assert _caller(access, issued.text).name == "a"
    with refused(NotLoggedIn):
        _caller(access, "guessed", "10.0.0.9")
    clock.sleep(failure.value.seconds)
    with refused(NotLoggedIn):
        _caller(access, "guessed")


def test_a_new_key_ends_all_tokens(access: TokenAccess, clock: FakeClock) -> None:
    issued = tokens.issue("a", Role.VIEWER, None, _BY, clock)
    _caller(access, issued.text)
    with session() as opened:
        site_identity.site(opened).token_key = None
    clock.sleep(1.5)
    with refused(NotLoggedIn):
        _caller(access, issued.text)


def test_all_who_need_the_first_key_at_once_get_the_same(catalogue: str) -> None:
    with session() as opened:
        site_identity.site(opened).token_key = None
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: tokens.signing_key(), range(8)))
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 64


@pytest.mark.parametrize("name", ["", " ", " a", "a\n", "a" * 65])
def test_a_name_that_cannot_be_shown_is_refused(catalogue: str, name: str) -> None:
    with refused(UserError):
        tokens.issue(name, Role.VIEWER, None, _BY)


@pytest.mark.parametrize("ttl", [timedelta(), -_DAY, timedelta(days=101 * 365), timedelta.max])
def test_a_time_that_makes_no_sense_is_refused(catalogue: str, ttl: timedelta) -> None:
    with refused(UserError):
        tokens.issue("a", Role.VIEWER, ttl, _BY)


def test_no_secret_is_logged(access: TokenAccess, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    expired, revoked = (tokens.issue(name, Role.SUPER_ADMIN, _DAY, _BY, clock) for name in ("e", "r"))
    _caller(access, expired.text)
    tokens.revoke("r", _BY)
    clock.sleep(86400)
    other = _forged(expired, "k" * 64)
    for text in (expired.text, revoked.text, other, "hunter2"):
        with pytest.raises(NotLoggedIn):
            _caller(access, text)
    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert [record.name for record in caplog.records].count(login.__name__) == 4
    for secret in (expired.text, revoked.text, other, "hunter2", tokens.signing_key()):
        assert secret not in logged
        assert secret.rpartition(".")[2] not in logged, "nor the signature alone"
    assert str(expired.row.id) in logged, "the site's people see which token it was"
    assert expired.text not in repr(expired)


def test_without_a_login_whoever_is_on_the_node_may_do_everything() -> None:
    access = OpenAccess()
    for here in ("127.0.0.1", "127.0.0.9", "::1"):
        assert access.caller(None, here).role is Role.SUPER_ADMIN
    for elsewhere in ("10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1", "", "localhost.example.org"):
        with refused(NotLoggedIn):
            access.caller("Bearer whatever", elsewhere)


def test_the_setting_decides_who_is_asked() -> None:
    assert isinstance(site_access(Settings(login="off")), OpenAccess)
    assert isinstance(site_access(Settings()), TokenAccess)


def test_a_record_holds_nothing_of_the_token_but_its_id(clock: FakeClock) -> None:
    issued = tokens.issue("a", Role.VIEWER, _DAY, _BY, clock)
    with session() as opened:
        row = opened.get(ApiToken, issued.row.id)
        assert row is not None
        kept = row.model_dump_json()
    assert issued.text.rpartition(".")[2] not in kept


def test_who_made_and_who_revoked_a_token_is_recorded(clock: FakeClock) -> None:
    issued = tokens.issue("a", Role.VIEWER, None, _BY, clock)
    tokens.revoke("a", Actor("bob@nas"))
    tokens.revoke("a", Actor("bob@nas"))
    with session() as opened:
        entries = audit.entries(opened).entries
    recorded = [(each.actor, each.origin, each.action, each.reason) for each in entries]
    assert recorded == [
        ("bob@nas", "python", "revoke token", None),
        ("root@nas", "cli", "create token", "for the press"),
    ]
    assert {each.details["token"] for each in entries} == {str(issued.row.id)}


def test_a_site_has_one_first_token(access: TokenAccess, clock: FakeClock) -> None:
    first = tokens.issue_first(Actor("ro\not@" + "n" * 99), clock)
    assert first is not None
    caller = _caller(access, first.text)
    assert (caller.name[:6], len(caller.name), caller.role) == ("root@n", 64, Role.SUPER_ADMIN)
    tokens.revoke(caller.name, _BY)
    assert tokens.issue_first(_BY, clock) is None, "whoever has lost it makes another by hand"
