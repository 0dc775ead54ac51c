"""What the server says of the runs this worker holds: one question for all of them, asked on a bell or every second."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, StateType
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.states import Cancelled
from websockets.exceptions import WebSocketException

_LOOK_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = 5.0

#: States after which there is something to do here at once: a run to take, or one to stop.
_NEWS: Final = ("Scheduled", "AwaitingRetry", "Resuming", "Cancelling", "Cancelled", "Suspended")

#: How talking to the server goes wrong while it is away or restarts.
SERVER_TROUBLE: Final = (httpx.HTTPError, OSError)

#: What a run that is no more is treated as.
_DELETED: Final[State] = Cancelled(message="The job was deleted.")


class Verdict(Enum):
    """What a run's state means for its process."""

    GO_ON = auto()
    CANCEL = auto()  # a person wants it ended
    SUSPEND = auto()  # a person wants it to go on later
    TAKEN_AWAY = auto()  # somebody settled it: we were thought dead, or it was scheduled anew
    OVER = auto()  # its own engine set a final state; the process is about to end


def judge(state_type: StateType) -> Verdict:
    """See ``Verdict``."""
    match state_type:
        case StateType.PENDING | StateType.RUNNING:
            return Verdict.GO_ON
        case StateType.CANCELLING | StateType.CANCELLED:
            return Verdict.CANCEL
        case StateType.PAUSED:
            return Verdict.SUSPEND
        case StateType.SCHEDULED:
            return Verdict.TAKEN_AWAY
        case _:
            return Verdict.OVER


@dataclass
class Held:
    """A run we hold: the last state seen, and an event set whenever that changes."""

    run_id: uuid.UUID
    state: State
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def verdict(self) -> Verdict:
        """What its state means."""
        return judge(self.state.type)

    def saw(self, state: State) -> None:
        """Note a state."""
        if state.id != self.state.id:
            self.state = state
            self.changed.set()


class Watch:
    """Looks after all held runs; ``serve`` and ``listen`` are its two endless tasks."""

    def __init__(self, client: PrefectClient, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]):
        self._client, self._logger = client, logger
        self._held: dict[uuid.UUID, Held] = {}
        self._bell = asyncio.Event()

    def hold(self, run_id: uuid.UUID, state: State) -> Held:
        """Begin to watch a run."""
        self._held[run_id] = Held(run_id, state)
        return self._held[run_id]

    def release(self, run_id: uuid.UUID) -> None:
        """Stop watching it."""
        self._held.pop(run_id, None)

    @property
    def held(self) -> frozenset[uuid.UUID]:
        """The runs watched."""
        return frozenset(self._held)

    async def serve(self) -> None:
        """Look, again and again."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), _LOOK_SECONDS)
            self._bell.clear()
            try:
                await self.look()
            except SERVER_TROUBLE as error:
                self._logger.debug("the server does not answer: %s", error)

    async def look(self) -> None:
        """Ask once for the state of everything held."""
        held = dict(self._held)
        if not held:
            return
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=list(held)))
        found = {
            run.id: run.state for run in await self._client.read_flow_runs(flow_run_filter=chosen, limit=len(held))
        }
        for run_id, entry in held.items():
            state = found.get(run_id, _DELETED)
            if state is not None:
                entry.saw(state)

    async def listen(self, pool_id: uuid.UUID, on_news: Callable[[], None]) -> None:
        """Follow the server's events of our pool, so that nobody waits for the next look."""
        wanted = EventFilter(
            event=EventNameFilter(name=[f"prefect.flow-run.{name}" for name in _NEWS]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
        )
        while True:
            try:
                async with get_events_subscriber(filter=wanted) as subscriber:
                    async for _event in subscriber:
                        self._bell.set()
                        on_news()
            except (WebSocketException, *SERVER_TROUBLE) as error:  # looking every second goes on meanwhile
                self._logger.debug("the event stream ended: %s", error)
            await asyncio.sleep(_RECONNECT_SECONDS)
