"""The events of a scan: what each holds, when there is one for all, and that they outlast a server in trouble."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events import Event

from flows import video_events
from flows.run_page import RunPage
from flows.video_events import VideoEvents, video_event
from reelmill.dispatch.automations.video_events import AT_MOST
from reelmill.operations.jobs.scan import ScanResult
from reelmill.operations.scan_changes import FileChange, Kind
from tests.clips import Notes
from tests.server_answers import answering


def _change(kind: Kind = "new", *, valid: bool = True) -> FileChange:
    return FileChange(kind=kind, video_id=uuid.uuid4(), path="library/videos/a.mp4", title="A", size=5, valid=valid)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("new", "reelmill.video.added"),
        ("changed", "reelmill.video.changed"),
        ("returned", "reelmill.video.changed"),
        ("missing", "reelmill.video.missing"),
    ],
)
def test_an_event_holds_what_rules_and_programs_need(kind: Kind, name: str) -> None:
    change, run_id = _change(kind, valid=False), uuid.uuid4()
    event = video_event(change, "videos", run_id)
    assert event.event == name
    assert event.resource.model_dump() == {
        "prefect.resource.id": f"reelmill.video.{change.video_id}",
        "prefect.resource.name": "library/videos/a.mp4",
        "reelmill.video-id": str(change.video_id),
        "reelmill.directory-type": "videos",
        "reelmill.valid": "false",
    }
    assert {(related.role, related.id) for related in event.related} == {
        ("directory", "reelmill.directory.videos"),
        ("flow-run", f"prefect.flow-run.{run_id}"),
    }
    assert event.payload == {
        "change": kind,
        "path": "library/videos/a.mp4",
        "title": "A",
        "directory_type": "videos",
        "size": 5,
        "valid": False,
    }


class _Page:
    def __init__(self) -> None:
        self.sent: list[list[Event]] = []

    def emit(self, events: Sequence[Event]) -> None:
        self.sent.append(list(events))


@pytest.mark.parametrize(("expected", "sent"), [(AT_MOST, [200, 50]), (AT_MOST + 1, [1])])
def test_too_many_changes_are_one_event(monkeypatch: pytest.MonkeyPatch, expected: int, sent: list[int]) -> None:
    page, notes = _Page(), Notes()
    monkeypatch.setattr(video_events, "current_page", lambda: page)
    events = VideoEvents("videos", notes)
    events.changed([_change() for _ in range(250)], expected)
    events.done(ScanResult(new=expected))
    assert [len(some) for some in page.sent] == sent
    assert {event.event for some in page.sent for event in some} == {
        "reelmill.video.added" if expected == AT_MOST else "reelmill.videos.changed"
    }
    assert notes.said("reelmill jobs submit") == (expected > AT_MOST)


def test_events_are_sent_once_a_server_in_trouble_is_well_again() -> None:
    codes = [503, 204, 204]
    with answering(codes) as url:
        page = RunPage(uuid.uuid4(), SyncPrefectClient(url))
        page.emit([video_event(_change(), "videos", None)])
        page.emit([video_event(_change(), "videos", None)])
        assert page.close(patience=15) == 0
    assert codes == []
