"""What the people of the site agree on, over HTTP."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from reelmill.api.services import Services

_URL = "/api/media/settings"
_TRANSCODER = f"{_URL}/reelmill-transcoder"


def test_blocks_are_read_and_changed(api: TestClient, services: Services) -> None:
    library, transcoder = api.get(_URL).json()["data"]
    assert library["values"]["directoryTypes"] == ["videos", "shows", "home"]
    assert (transcoder["values"]["maxHeight"], transcoder["valueSchemas"]["maxHeight"]["maximum"]) == (1080, 4320)
    changed = api.patch(_TRANSCODER, json={"values": {"maxHeight": 720, "stall_timeout": 60}, "reason": "a slow disk"})
    assert (changed.status_code, changed.json()["values"]["maxHeight"]) == (200, 720)
    assert api.get(_URL).json()["data"] == [library, changed.json()]
    (entry,) = services.dispatcher.audit.entries().entries
    assert (entry.action, entry.origin, entry.reason) == ("settings.change", "api", "a slow disk")
    assert entry.details["after"] == {"max_height": 720, "stall_timeout": 60}


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (_TRANSCODER, {"values": {"maxHeight": 9999}}, 422, "values.maxHeight"),
        (_TRANSCODER, {"values": {"maxHeight": 720, "max_height": 480}}, 422, "values"),
        (_TRANSCODER, {"values": {"speed": 1}}, 422, "values.speed"),
        (_TRANSCODER, {"values": {}}, 422, "values"),
        (_TRANSCODER, {"maxHeight": 720}, 422, "values"),
        (f"{_URL}/nothing", {"values": {"maxHeight": 720}}, 404, None),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    api: TestClient, path: str, body: dict[str, object], status: int, field: str | None
) -> None:
    before = api.get(_URL).json()
    response = api.patch(path, json=body)
    assert (response.status_code, response.json()["error"].get("field")) == (status, field)
    assert api.get(_URL).json() == before
