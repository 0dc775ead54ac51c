"""Who does something over HTTP, and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body
from pydantic import Field

from reelmill.api.access.caller import Caller
from reelmill.api.naming import ApiRequest
from reelmill.api.texts import Line
from reelmill.dispatch import Actor


class Reason(ApiRequest):
    """Why something is done, for the job's log and for the record of who did what."""

    reason: Line | None = Field(default=None, examples=["the wrong preset"])


#: A body that may be left out.
OptionalReason = Annotated[Reason | None, Body()]


def actor_of(caller: Caller, reason: Reason | None) -> Actor:
    """The caller as the queue knows them.

    Args:
        caller: of the route.
        reason: what was sent, if anything was.

    Returns:
        Who does it.
    """
    return Actor(caller.name, (reason.reason or "") if reason is not None else "", origin="api")
