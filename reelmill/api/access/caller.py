"""Who calls a route, and what the route demands of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

from reelmill.api.access.roles import ALLOWED, Permission, Role
from reelmill.errors import UserError


@dataclass(frozen=True)
class Caller:
    """Somebody who is known to the API."""

    name: str  # the actor of what is done
    role: Role


class NotLoggedIn(UserError):
    """A request without a token, or with one that is none, is over or was revoked."""


class NotAllowed(UserError):
    """The caller's role does not allow it.

    Carries ``permission``, the one that is missing.
    """

    def __init__(self, message: str, permission: Permission):
        super().__init__(message, permission)
        self.permission = permission


class TooManyAttempts(UserError):
    """Too many failed logins from one address.

    Carries ``seconds`` until the next is looked at.
    """

    def __init__(self, message: str, seconds: float):
        super().__init__(message, seconds)
        self.seconds = seconds


class Access(Protocol):
    """Knows callers by what they send."""

    def caller(self, authorization: str | None, address: str) -> Caller:
        """The caller of a request.

        Args:
            authorization: its header of that name.
            address: that it comes from.

        Returns:
            Who it is.

        Raises:
            NotLoggedIn: nobody whom we know.
            TooManyAttempts: that address has guessed too often.
        """


def known_caller(request: Request) -> Caller:
    """A dependency of a route that any role may call: ``caller: Annotated[Caller, Depends(known_caller)]``.

    Args:
        request: that the gate has let in.

    Returns:
        Who makes it.
    """
    caller: Caller = request.state.caller
    return caller


def caller_of(request: Request) -> Caller:
    """Who makes a request, looked up at this moment.

    Args:
        request: that is made.

    Returns:
        Who makes it.

    Raises:
        NotLoggedIn: nobody whom we know.
        TooManyAttempts: the address that it comes from has guessed too often.
    """
    access: Access = request.app.state.services.access
    address = request.client.host if request.client is not None else ""
    return access.caller(request.headers.get("Authorization"), address)


def requires(permission: Permission) -> Callable[[Request], Caller]:
    """A dependency of a route: ``caller: Annotated[Caller, Depends(requires(Permission.MANAGE_JOBS))]``.

    Args:
        permission: that the route demands.

    Returns:
        What FastAPI calls before the route; it answers 401, 403 or 429 in its place.
    """

    def dependency(request: Request) -> Caller:
        caller = known_caller(request)
        if permission not in ALLOWED[caller.role]:
            raise NotAllowed(f"The role {caller.role} may not {permission}.", permission)
        return caller

    return dependency
