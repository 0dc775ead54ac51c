"""Callers of the API for its tests: the token of each is the name of its role."""

from __future__ import annotations

from reelmill.api.access.caller import Caller, NotLoggedIn
from reelmill.api.access.roles import Role


def login(role: Role) -> dict[str, str]:
    """The headers of a caller."""
    return {"Authorization": f"Bearer {role}"}


class KnownCallers:
    """Knows one caller of each role: ``test-super_admin`` and so on."""

    def caller(self, authorization: str | None, address: str) -> Caller:
        token = (authorization or "").removeprefix("Bearer ")
        if token not in list(Role):
            raise NotLoggedIn("This token is not known here.")
        return Caller(f"test-{token.lower()}", Role(token))
