"""Who the caller is to the API: pages ask it to know what to offer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from reelmill.api.access.caller import Caller, known_caller
from reelmill.api.access.roles import Role
from reelmill.api.naming import ApiModel

router = APIRouter(prefix="/api/media/session", tags=["site"])


class SessionView(ApiModel):
    """The caller."""

    name: str
    role: Role


@router.get("")
def read_session(caller: Annotated[Caller, Depends(known_caller)]) -> SessionView:
    """The name and the role of the caller's token; where login is off, those of everybody."""
    return SessionView(name=caller.name, role=caller.role)
