"""What happens on the site, as it happens: one stream of server-sent events."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse

from reelmill.api.access.caller import Caller, requires
from reelmill.api.access.roles import Permission
from reelmill.api.event_feed import EventFeed
from reelmill.api.services import Site

router = APIRouter(prefix="/api/media/events", tags=["site"])

#: Nothing on the way may keep events back until there are many of them.
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class EventStream(StreamingResponse):
    """A response of server-sent events."""

    media_type = "text/event-stream"


_DESCRIPTION: Final = """
Server-sent events named `job`, `lane` and `node`, and `reload` where more has changed than is sent, so that lists must
be read anew. Every lane and node comes first. With `Last-Event-ID` the stream goes on where it stopped; a job may come
twice.
"""


@router.get("", response_class=EventStream, description=_DESCRIPTION)
async def listen(
    request: Request,
    services: Site,
    _caller: Annotated[Caller, Depends(requires(Permission.MANAGE_JOBS))],
    last_event_id: Annotated[str | None, Header(description="of the last event that was received")] = None,
) -> EventStream:
    """Jobs, lanes and nodes as they change."""
    feed = _feed(request, services)
    return EventStream(await feed.open(last_event_id or None), headers=_HEADERS)


def _feed(request: Request, services: Site) -> EventFeed:
    """The one feed of this process; made by the first who listens."""
    state = request.app.state
    if not hasattr(state, "event_feed"):
        dispatcher = services.dispatcher
        state.event_feed = EventFeed(dispatcher.reader.changes, dispatcher.snapshot.now)
    feed: EventFeed = state.event_feed
    return feed
