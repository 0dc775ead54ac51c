"""Bearer tokens: signed with the site's key, each with a row in the catalogue by which it is revoked.

A token is a JWT, so that one which this site has not signed costs no question to the database. The text itself is kept
nowhere: whoever loses it makes another.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import jwt
from sqlmodel import Session, col, select

from reelmill.api.access.roles import Role
from reelmill.catalogue import audit, site_identity
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import ApiToken, AuditEntry
from reelmill.clock import SYSTEM, Clock
from reelmill.errors import UnknownName, UserError
from reelmill.queue.actor import Actor

_ALGORITHM: Final = "HS256"
_LONGEST_NAME: Final = 64

#: How long a site's first token holds.
FIRST_DAYS: Final = 90
_LONGEST_TTL: Final = timedelta(days=100 * 365)


class TokenRefused(UserError):
    """A token that opens nothing; its message is for the site's log, and holds nothing of the token's text."""


@dataclass(frozen=True)
class IssuedToken:
    """A new token: the only time that its text is at hand."""

    text: str = field(repr=False)
    row: ApiToken


def signing_key() -> str:
    """What the site's tokens are signed with; made at its first use, by one of those who come at once."""
    with session() as opened:
        site = site_identity.site(opened)
        if site.token_key is None:
            opened.refresh(site, with_for_update=True)
        site.token_key = site.token_key or secrets.token_urlsafe(48)
        opened.add(site)
        return site.token_key


def issue(name: str, role: Role, ttl: timedelta | None, by: Actor, clock: Clock = SYSTEM) -> IssuedToken:
    """Make a token.

    Args:
        name: whose it is; the actor of what is done with it.
        role: what it may.
        ttl: how long it holds; None: until it is revoked.
        by: who makes it, for the audit table.
        clock: by which it expires.

    Returns:
        The token, with its text.

    Raises:
        UserError: the name or the time cannot be.
    """
    if not (name.isprintable() and name.strip() == name and 1 <= len(name) <= _LONGEST_NAME):
        raise UserError(f"The name of a token is 1 to {_LONGEST_NAME} printable characters, not {name!r}.")
    if ttl is not None and not timedelta() < ttl <= _LONGEST_TTL:
        raise UserError("A token holds for a second at least and a hundred years at most, or for ever (never).")
    now = clock.now().replace(microsecond=0)  # as the token's own times are
    expires_at = None if ttl is None else now + ttl
    row = ApiToken(name=name, role=role, created_at=now, expires_at=expires_at)
    claims = {"sub": name, "role": str(role), "jti": str(row.id), "iat": now}
    text = jwt.encode(claims | ({} if expires_at is None else {"exp": expires_at}), signing_key(), _ALGORITHM)
    with session() as opened:
        opened.add(row)
        _audit(opened, "create token", by, [row])
    return IssuedToken(text, row)


def issue_first(by: Actor, clock: Clock = SYSTEM) -> IssuedToken | None:
    """Make the first token of a site, which opens everything.

    Args:
        by: who brings the site up, and whose it is; what cannot be in a name is left out.
        clock: by which it expires.

    Returns:
        The token; None where the site has had one before.
    """
    with session() as opened:
        if opened.exec(select(ApiToken).limit(1)).first() is not None:
            return None
    name = "".join(filter(str.isprintable, by.name))[:_LONGEST_NAME].strip()
    return issue(name, Role.SUPER_ADMIN, timedelta(days=FIRST_DAYS), by, clock)


def all_tokens() -> Sequence[ApiToken]:
    """Every token that was ever made, the newest first."""
    with session() as opened:
        return opened.exec(select(ApiToken).order_by(col(ApiToken.created_at).desc(), col(ApiToken.id))).all()


def revoke(which: str, by: Actor, clock: Clock = SYSTEM) -> Sequence[ApiToken]:
    """Revoke a token, or all of a name; from now on they open nothing.

    Args:
        which: its id, or a name.
        by: who revokes it, for the audit table.
        clock: of the time that is recorded.

    Returns:
        Those that held until now; none where all of them were revoked before.

    Raises:
        UnknownName: there is no such token.
    """
    with session() as opened:
        rows = opened.exec(select(ApiToken).with_for_update()).all()
        meant = [row for row in rows if which in (row.name, str(row.id))]
        if not meant:
            names = tuple(sorted({row.name for row in rows if row.revoked_at is None}))
            raise UnknownName(f"No token is called {which}; `reelmill token list` shows those there are.", which, names)
        revoked = [row for row in meant if row.revoked_at is None]
        for row in revoked:
            row.revoked_at = clock.now()
            opened.add(row)
        _audit(opened, "revoke token", by, revoked)
        return revoked


def _audit(opened: Session, action: str, by: Actor, rows: Sequence[ApiToken]) -> None:
    audit.record(
        opened,
        [
            AuditEntry(
                actor=by.name,
                origin=by.origin,
                action=action,
                reason=by.reason or None,
                details={"token": str(row.id), "name": row.name, "role": row.role},
            )
            for row in rows
        ],
    )


def holder(text: str, key: str, now: datetime) -> ApiToken:
    """Whose token it is.

    Args:
        text: of the token, whatever somebody has sent.
        key: of the site.
        now: the present.

    Returns:
        Its row, as it is at this moment.

    Raises:
        TokenRefused: it was not signed by this site, has expired, was revoked, or is not the token of that row.
        PlatformError: the database does not respond.
    """
    claims = _claims(text, key)
    with session() as opened:
        row = opened.get(ApiToken, claims.pop("jti"))
    if row is None:
        raise TokenRefused("it is signed by this site, and not known to its catalogue")
    expiry = None if row.expires_at is None else int(row.expires_at.timestamp())
    if (claims["sub"], claims["role"], claims.get("exp")) != (row.name, row.role, expiry):
        raise TokenRefused(f"it claims another name, role or time than its record, {row.id}, has")
    if row.revoked_at is not None:
        raise TokenRefused(f"token {row.id} of {row.name} was revoked at {row.revoked_at}")
    if row.expires_at is not None and row.expires_at <= now:
        raise TokenRefused(f"token {row.id} of {row.name} expired at {row.expires_at}")
    return row


def _claims(text: str, key: str) -> dict[str, Any]:
    """What a token claims, its signature being right (pure); its times are for our own clock."""
    options: Any = {"require": ["sub", "role", "jti", "iat"], "verify_exp": False, "verify_iat": False}
    try:
        claims: dict[str, Any] = jwt.decode(text, key, algorithms=[_ALGORITHM], options=options)
        return claims | {"jti": UUID(claims["jti"])}
    except (jwt.InvalidTokenError, ValueError) as error:
        raise TokenRefused("it is not a token that this site has signed") from error
