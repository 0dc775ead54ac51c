"""Who looks at a page, and what they may, asked anew whenever something is done."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.api.access.caller import Caller, NotAllowed
from reelmill.api.access.roles import ALLOWED, Permission
from reelmill.api.services import Services
from reelmill.dispatch import Actor


@dataclass(frozen=True)
class Viewer:
    """The holder of a token, in a browser; where login is off, whoever is on this node."""

    services: Services
    token: str | None
    address: str  # that the request came from
    caller: Caller  # as they were when the page was opened

    @property
    def name(self) -> str:
        """What their token is called."""
        return self.caller.name

    def may(self, permission: Permission | None) -> bool:
        """Whether their role allowed something when the page was opened: what a page offers depends on it."""
        return permission is None or permission in ALLOWED[self.caller.role]

    def check(self, permission: Permission | None = None) -> Actor:
        """Look them up at this moment; what is done depends on it. It asks the database.

        Args:
            permission: that is needed; None: to be known is enough.

        Returns:
            They, as the queue knows them.

        Raises:
            NotLoggedIn: their token has expired or was revoked.
            NotAllowed: their role does not allow it.
            PlatformError: the database is away.
        """
        caller = caller_by_token(self.services, self.token, self.address)
        if permission is not None and permission not in ALLOWED[caller.role]:
            raise NotAllowed(f"The role {caller.role} may not {permission}.", permission)
        return Actor(caller.name, origin="web")


def caller_by_token(services: Services, token: str | None, address: str) -> Caller:
    """Who holds a token.

    Args:
        services: of the site.
        token: its text; None where none was sent.
        address: that it came from.

    Returns:
        Who it is.

    Raises:
        NotLoggedIn: nobody whom the site knows.
        TooManyAttempts: that address has guessed too often.
    """
    return services.access.caller(None if token is None else f"Bearer {token}", address)
