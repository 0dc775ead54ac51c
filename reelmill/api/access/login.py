"""Who a request's caller is: the holder of its token, or, where login is off, whoever is on this node."""

from __future__ import annotations

import ipaddress
import logging
from typing import Final

from reelmill.api.access import tokens
from reelmill.api.access.caller import Access, Caller, NotLoggedIn, TooManyAttempts
from reelmill.api.access.rate_limit import FailedLogins, origin_of
from reelmill.api.access.roles import Role
from reelmill.clock import SYSTEM, Clock
from reelmill.settings import Settings

_log = logging.getLogger(__name__)

#: The signing key is read again after so many seconds, so that a new one ends all tokens.
_KEY_SECONDS: Final = 1.0

#: Who acts where nobody has to log in.
NOBODY: Final = "local"


class TokenAccess:
    """Callers are the holders of tokens.

    The limit on failed logins holds back only those that fail: a right token is never refused for what others at its
    address have sent, since behind a proxy everybody may come from one. Guessing gains nothing by that; a token is
    signed with 384 random bits. What the limit saves is the log, and whoever reads it.

    Args:
        clock: of expiry and of the limit.
    """

    def __init__(self, clock: Clock = SYSTEM):
        self._clock = clock
        self._failed = FailedLogins(clock)
        self._key: tuple[float, str] | None = None  # when it was read

    def caller(self, authorization: str | None, address: str) -> Caller:
        """See ``Access.caller``."""
        scheme, _, text = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise NotLoggedIn("Send a token (Authorization: Bearer …); `reelmill token create` on the site makes one.")
        try:
            row = tokens.holder(text.strip(), self._signing_key(), self._clock.now())
        except tokens.TokenRefused as refused:
            raise self._failure(address, refused) from None  # the token itself is in the frames of that error
        return Caller(row.name, Role(row.role))

    def _failure(self, address: str, refused: tokens.TokenRefused) -> NotLoggedIn | TooManyAttempts:
        seconds = self._failed.record(address)
        if seconds > 0:
            return TooManyAttempts(
                f"Too many failed logins from this address; the next is looked at in {seconds:.0f} s.", seconds
            )
        _log.warning("login failed from %s: %s", origin_of(address), refused)
        return NotLoggedIn("This token does not open the site: it is none of its own, has expired or was revoked.")

    def _signing_key(self) -> str:
        now = self._clock.monotonic()
        if self._key is None or now - self._key[0] > _KEY_SECONDS:
            self._key = (now, tokens.signing_key())
        return self._key[1]


class OpenAccess:
    """Login is off: every program of this node may do everything; no other node gets in, should it get through."""

    def caller(self, authorization: str | None, address: str) -> Caller:
        """See ``Access.caller``."""
        try:
            local = ipaddress.ip_address(address).is_loopback
        except ValueError:
            local = False
        if not local:
            raise NotLoggedIn("This site has no login (REELMILL_LOGIN=off) and serves its own node alone.")
        return Caller(NOBODY, Role.SUPER_ADMIN)


def site_access(settings: Settings) -> Access:
    """How the callers of this node's site are known, as its settings have it."""
    return OpenAccess() if settings.login == "off" else TokenAccess()
