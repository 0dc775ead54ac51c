"""What a run shows on its page in the Prefect UI: sent by a thread of its own, and later where the server is away."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.context import FlowRunContext, SettingsContext, TaskRunContext, get_settings_context
from prefect.events import Event
from prefect.exceptions import PrefectException

from reelmill.queue.progress_pace import ProgressPace, to_metadata
from reelmill.report import Outbox

#: How long a job that is done waits for a server that is away, to send what it could not send, in seconds. Its final
#: state then has the patience of Prefect's client.
PATIENCE: Final = 120.0

_pages: dict[uuid.UUID, RunPage] = {}


class RunPage:
    """The page of one run, open while its job is under way.

    Args:
        run_id: of the flow run.
        client: of its server; open for as long as the page.
    """

    def __init__(self, run_id: uuid.UUID, client: SyncPrefectClient):
        self._run_id, self._client = run_id, client
        self._outbox = Outbox()
        _pages[run_id] = self

    def add(self, kind: str, data: Any, description: str, key: str | None = None) -> None:
        """Show something.

        Args:
            kind: of artifact, as the UI knows it.
            data: what that kind shows.
            description: above it, and in lists.
            key: what it is found by; None: by its run alone.
        """
        artifact = self._artifact(kind, data, description, key)
        self._put(object(), lambda: self._client.create_artifact(artifact))

    def progress(self, bar: ProgressBar, percent: float, text: str, pace: ProgressPace) -> None:
        """Move a progress bar; of its positions only the latest is sent."""
        artifact = self._artifact("progress", percent, text)
        artifact.metadata_ = to_metadata(pace)

        def send() -> None:
            if bar.artifact is None:
                bar.artifact = self._client.create_artifact(artifact).id
            else:
                self._client.update_artifact(
                    bar.artifact, ArtifactUpdate(data=percent, description=text, metadata_=artifact.metadata_)
                )

        self._put(bar, send)

    def emit(self, events: Sequence[Event]) -> None:
        """Emit events.

        The server confirms them over HTTP; what Prefect's own ``emit_event`` holds in a queue ends with the process.

        Args:
            events: sent together, so not too many.
        """
        body = [event.model_dump(mode="json") for event in events]
        route: Any = "/events"
        self._put(object(), lambda: self._client.request("POST", route, json=body))

    def label(self, labels: Mapping[str, str | float]) -> None:
        """Add labels to the run."""
        self._put(object(), lambda: self._client.update_flow_run_labels(self._run_id, {**labels}))

    def close(self, patience: float) -> int:
        """Wait, at most so many seconds, until all is sent; returns how much never will be."""
        _pages.pop(self._run_id, None)
        return self._outbox.close(patience)

    def _put(self, key: object, send: Callable[[], object]) -> None:
        self._outbox.put(key, lambda: _delivered(send))

    def _artifact(self, kind: str, data: Any, description: str, key: str | None = None) -> ArtifactCreate:
        task = TaskRunContext.get()
        return ArtifactCreate(
            key=key,
            type=kind,
            data=data,
            description=description,
            flow_run_id=self._run_id,
            task_run_id=task.task_run.id if task is not None else None,
        )


class ProgressBar:
    """One progress bar of the page of the run we are in; outside of a job it is nowhere to be seen."""

    def __init__(self) -> None:
        self.artifact: uuid.UUID | None = None
        self._page = current_page()

    def set(self, fraction: float, text: str, pace: ProgressPace = ProgressPace()) -> None:  # noqa: B008  (frozen)
        """Move it."""
        if self._page is not None:
            self._page.progress(self, 100 * min(1.0, max(0.0, fraction)), text, pace)


def open_page() -> RunPage | None:
    """The page of the run we are in, opened; None outside of a run."""
    run_id = flow_run_id()
    return None if run_id is None else RunPage(run_id, get_client(sync_client=True))


def current_page() -> RunPage | None:
    """The page of the run we are in, from any of its threads; None where none is open."""
    run_id = flow_run_id()
    return None if run_id is None else _pages.get(run_id)


def flow_run_id() -> uuid.UUID | None:
    """The flow run we are in."""
    task = TaskRunContext.get()
    if task is not None and task.task_run.flow_run_id is not None:
        return task.task_run.flow_run_id
    flow = FlowRunContext.get()
    return flow.flow_run.id if flow is not None and flow.flow_run is not None else None


def _delivered(send: Callable[[], object]) -> bool:
    """Send something to the server once; returns False where it is away, or in trouble."""
    try:
        with _one_try():
            send()
    except httpx.HTTPStatusError as error:
        return error.response.status_code < httpx.codes.INTERNAL_SERVER_ERROR
    except (httpx.TransportError, OSError):
        return False
    except (PrefectException, RuntimeError):  # the run was deleted; the client was closed, since the run is over
        return True
    return True


def _one_try() -> SettingsContext:
    """Settings under which Prefect's client does not try again by itself.

    The outbox does, and then with what is newest; the client would go on for minutes with what is out of date. Copied,
    since ``temporary_settings`` checks every setting there is, which takes 50 ms.

    Returns:
        A context to enter.
    """
    now = get_settings_context()
    client = now.settings.client.model_copy(update={"max_retries": 0})
    return SettingsContext(profile=now.profile, settings=now.settings.model_copy(update={"client": client}))
