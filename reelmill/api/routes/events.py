"""What happens on the site, as it happens: one stream of server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse

from reelmill.api.access.caller import Caller, caller_of, requires
from reelmill.api.access.roles import ALLOWED, Permission
from reelmill.api.event_feed import EventFeed
from reelmill.api.services import Site
from reelmill.errors import PlatformError, ReelmillError

router = APIRouter(prefix="/api/media/events", tags=["site"])

_EVENTS: Final = "text/event-stream"

#: Nothing on the way may keep events back until there are many of them.
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


#: Seconds after which it is asked again whether a listener still may listen.
_CHECKED: Final = 15.0


_DESCRIPTION: Final = """
Server-sent events named `job`, `removed` (a job that was cleared), `lane` and `node`, and `reload` where more has
changed than is sent, such as jobs that were archived, so that lists must be read anew. Every lane and node comes first.
With `Last-Event-ID` the stream goes on where it stopped; a job may come twice.
"""


# What is no event is JSON: a class of responses with a type of its own would lend that type to the errors of the route.
@router.get(
    "",
    response_class=StreamingResponse,
    responses={200: {"content": {_EVENTS: {}}, "description": "Events, until one of both hangs up"}},
    description=_DESCRIPTION,
)
async def listen(
    request: Request,
    services: Site,
    _caller: Annotated[Caller, Depends(requires(Permission.MANAGE_JOBS))],
    last_event_id: Annotated[str | None, Header(description="of the last event that was received")] = None,
) -> StreamingResponse:
    """Jobs, lanes and nodes as they change."""
    feed = _feed(request, services)
    stream = await feed.open(last_event_id or None)
    allowed = while_allowed(stream, lambda: _may_listen(request))
    return StreamingResponse(allowed, media_type=_EVENTS, headers=_HEADERS)


async def while_allowed(
    stream: AsyncGenerator[str], allowed: Callable[[], bool], seconds: float = _CHECKED
) -> AsyncIterator[str]:
    """A stream for as long as its listener may listen: a token may end, or be revoked, long before the stream does.

    Args:
        stream: sends something every few seconds at least.
        allowed: whether they still may; may take a moment.
        seconds: that its result counts.

    Yields:
        What the stream sends.
    """
    checked = time.monotonic()
    async with aclosing(stream):
        async for text in stream:
            if time.monotonic() - checked >= seconds:
                if not await to_thread.run_sync(allowed):
                    return
                checked = time.monotonic()
            yield text


def _may_listen(request: Request) -> bool:
    try:
        return Permission.MANAGE_JOBS in ALLOWED[caller_of(request).role]
    except PlatformError:  # the database is away, and nobody's token over for that
        return True
    except ReelmillError:
        return False


def _feed(request: Request, services: Site) -> EventFeed:
    """The one feed of this process; made by the first who listens."""
    state = request.app.state
    if not hasattr(state, "event_feed"):
        dispatcher = services.dispatcher
        state.event_feed = EventFeed(dispatcher.reader.changes, dispatcher.snapshot.now)
    feed: EventFeed = state.event_feed
    return feed
