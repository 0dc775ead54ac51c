"""The events of videos that a scan emits, once a change is committed: rules and other programs listen to them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from prefect.events import Event, RelatedResource, Resource

from flows.run_page import current_page, flow_run_id
from reelmill.dispatch.automations import video_events as names
from reelmill.operations.jobs.scan import ScanResult
from reelmill.operations.scan_changes import FileChange, Kind
from reelmill.report import Report

_AT_ONCE: Final = 200
_EVENTS: Final[dict[Kind, str]] = {
    "new": names.ADDED,
    "changed": names.CHANGED,
    "moved": names.CHANGED,
    "returned": names.CHANGED,
    "missing": names.MISSING,
}


class VideoEvents:
    """What one scan emits: an event for each change, or one for all where there are too many.

    They go the way of the run's page: nothing waits while the server is away, and they are sent later, for as long as a
    job waits for that. What is not sent by then is lost, as is what a killed scan had not handed on.

    Args:
        directory_type: of the scan.
        report: where it is logged that there are too many.
    """

    def __init__(self, directory_type: str, report: Report):
        self._directory_type, self._report = directory_type, report
        self._run_id, self._page = flow_run_id(), current_page()
        self._expected = 0

    def changed(self, changes: Sequence[FileChange], expected: int) -> None:
        """Emit an event for each of these changes; see ``scan_changes.Listener``."""
        self._expected = expected
        if expected > names.AT_MOST:
            return
        for start in range(0, len(changes), _AT_ONCE):
            some = changes[start : start + _AT_ONCE]
            self._emit([video_event(change, self._directory_type, self._run_id) for change in some])

    def done(self, result: ScanResult) -> None:
        """Emit one event for all changes, where there were too many."""
        if self._expected <= names.AT_MOST:
            return
        self._report.line(
            f"{self._expected} changes are more than the {names.AT_MOST} of one scan that rules are run for: "
            f"`reelmill jobs submit TYPE --where 'directory_type = {self._directory_type}'` does a job for them all"
        )
        self._emit([summary_event(result, self._directory_type, self._run_id)])

    def _emit(self, events: Sequence[Event]) -> None:
        if self._page is not None:
            self._page.emit(events)


def video_event(change: FileChange, directory_type: str, run_id: uuid.UUID | None) -> Event:
    """The event of one change (pure but for its id and time).

    Args:
        change: of a video's record.
        directory_type: the folder that the video is in.
        run_id: the scan's run; None outside of one.

    Returns:
        The event, not sent yet.
    """
    valid = "true" if change.valid else "false"
    return Event(
        event=_EVENTS[change.kind],
        resource=Resource(
            {
                "prefect.resource.id": f"{names.VIDEO}{change.video_id}",
                "prefect.resource.name": change.path,
                names.VIDEO_ID: str(change.video_id),
                names.DIRECTORY_TYPE: directory_type,
                names.VALID: valid,
            }
        ),
        related=_related(directory_type, run_id),
        payload={
            "change": change.kind,
            "path": change.path,
            "title": change.title,
            "directory_type": directory_type,
            "size": change.size,
            "valid": change.valid,
        },
    )


def summary_event(result: ScanResult, directory_type: str, run_id: uuid.UUID | None) -> Event:
    """One event for all that a scan changed (pure but for its id and time).

    Args:
        result: of the scan.
        directory_type: the folder it was of.
        run_id: its run; None outside of one.

    Returns:
        The event, not sent yet.
    """
    counts = {name: getattr(result, name) for name in ("new", "changed", "missing", "invalid")}
    resource = Resource(
        {"prefect.resource.id": f"{names.DIRECTORY}{directory_type}", "prefect.resource.name": directory_type}
    )
    return Event(
        event=names.MANY_CHANGED, resource=resource, related=_related(directory_type, run_id)[1:], payload=counts
    )


def _related(directory_type: str, run_id: uuid.UUID | None) -> list[RelatedResource]:
    related = {"directory": f"{names.DIRECTORY}{directory_type}"}
    if run_id is not None:
        related["flow-run"] = f"prefect.flow-run.{run_id}"
    return [
        RelatedResource({"prefect.resource.id": resource_id, "prefect.resource.role": role})
        for role, resource_id in related.items()
    ]
