"""The states of the runs this worker has, by one request for all of them, on an event or every second."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, StateType
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.states import Cancelled
from websockets.exceptions import WebSocketException

from reelmill.queue.job_chain import REPLACED
from workpools.server_calls import SERVER_TROUBLE, absent

_REFRESH_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = 5.0

#: States after which there is something to do here at once: a run to take, or one to stop.
_EVENTS: Final = ("Scheduled", "AwaitingRetry", "Resuming", "Cancelling", "Cancelled", "Suspended", REPLACED)

#: What a run that is no more is treated as.
_DELETED: Final[State] = Cancelled(message="The job was deleted.")


class Verdict(Enum):
    """What a run's state means for its process."""

    GO_ON = auto()
    CANCEL = auto()  # a person wants it ended
    SUSPEND = auto()  # a person wants it to go on later
    TAKEN_AWAY = auto()  # another worker settled it, since this one seemed dead, or it was scheduled anew
    OVER = auto()  # its own engine set a final state; the process is about to end


def verdict_of(state_type: StateType) -> Verdict:
    """What a state means for the process of its run (pure)."""
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
class ObservedRun:
    """A run that this worker has: the last state seen, and an event that is set whenever that changes."""

    run_id: uuid.UUID
    state: State
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def verdict(self) -> Verdict:
        """What its state means."""
        return verdict_of(self.state.type)

    def note_state(self, state: State) -> None:
        """Note the state that the server has."""
        if state.id != self.state.id:
            self.state = state
            self.changed.set()


class StateWatcher:
    """Follows all runs of the worker; ``serve`` and ``listen`` are its two endless tasks."""

    def __init__(self, client: PrefectClient, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]):
        self._client, self._logger = client, logger
        self._observed: dict[uuid.UUID, ObservedRun] = {}
        self._wake = asyncio.Event()

    def observe(self, run_id: uuid.UUID, state: State) -> ObservedRun:
        """Begin to watch a run."""
        self._observed[run_id] = ObservedRun(run_id, state)
        return self._observed[run_id]

    def forget(self, run_id: uuid.UUID) -> None:
        """Stop watching it."""
        self._observed.pop(run_id, None)

    @property
    def observed(self) -> frozenset[uuid.UUID]:
        """The runs watched."""
        return frozenset(self._observed)

    async def serve(self) -> None:
        """Refresh the states, again and again."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _REFRESH_SECONDS)
            self._wake.clear()
            try:
                await self.refresh()
            except SERVER_TROUBLE as error:
                if not absent(error):
                    raise
                self._logger.debug("the server does not answer: %s", error)

    async def refresh(self) -> None:
        """Read the states of all observed runs by one request."""
        observed = dict(self._observed)
        if not observed:
            return
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=list(observed)))
        found = {
            run.id: run.state for run in await self._client.read_flow_runs(flow_run_filter=chosen, limit=len(observed))
        }
        for run_id, run in observed.items():
            state = found.get(run_id, _DELETED)
            if state is not None:
                run.note_state(state)

    async def listen(self, pool_id: uuid.UUID, on_event: Callable[[], None]) -> None:
        """Follow the server's events of a pool, so that nobody waits for the next refresh.

        Args:
            pool_id: of the work pool.
            on_event: called at each event.
        """
        wanted = EventFilter(
            event=EventNameFilter(name=[f"prefect.flow-run.{name}" for name in _EVENTS]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
        )
        while True:
            try:
                async with get_events_subscriber(filter=wanted) as subscriber:
                    async for _event in subscriber:
                        self._wake.set()
                        on_event()
            except (WebSocketException, *SERVER_TROUBLE) as error:  # the refresh every second goes on meanwhile
                self._logger.debug("the event stream ended: %s", error)
            await asyncio.sleep(_RECONNECT_SECONDS)
