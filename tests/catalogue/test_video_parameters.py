"""Names of videos in a job's parameters become ids, so that the same work folds whatever its videos are called."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import event

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.video_parameters import (
    KEY,
    resolve_parameters,
    single_video_parameters,
    video_parameters,
)
from reelmill.errors import UnknownVideo
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("catalogue")

NAME = {"type": "string", KEY: True}
SCHEMA = {
    "properties": {
        "video_id": NAME,
        "video_ids": {"anyOf": [{"type": "array", "items": NAME}, {"type": "null"}], "default": None},
        "title": {"type": "string", "description": KEY},
    }
}


def _add(*names: str) -> dict[str, str]:
    records = [
        Video(title=name, path=f"inbox/{name}.mp4", directory_type="inbox", filename=f"{name}.mp4", size=1, mtime_ns=1)
        for name in names
    ]
    with session() as opened:
        scanning.upsert_videos(opened, records)
    return {record.title: str(record.id) for record in records}


def _resolved(schema: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    with session() as opened:
        return resolve_parameters(opened, schema, parameters)


def test_names_become_ids_and_nothing_else_changes() -> None:
    ids = _add("a", "b")
    assert video_parameters(SCHEMA) == {"video_id", "video_ids"}
    given = {"video_id": "a.mp4", "video_ids": ["inbox/b.mp4", "A", ids["b"].upper()], "title": "a.mp4", "strange": "a"}
    assert _resolved(SCHEMA, **given) == {
        "video_id": ids["a"],
        "video_ids": [ids["b"], ids["a"], ids["b"]],
        "title": "a.mp4",
        "strange": "a",
    }
    assert _resolved(SCHEMA, video_ids=None) == {"video_ids": None}


def test_parameters_of_an_older_deployment_go_by_their_names() -> None:
    ids = _add("a", "b")
    older = {"properties": {"video_id": {"type": "string"}, "video_ids": {"type": "array"}, "title": {}}}
    given = {"video_id": "a", "video_ids": ["b"], "title": "a"}
    assert _resolved(older, **given) == {"video_id": ids["a"], "video_ids": [ids["b"]], "title": "a"}
    assert single_video_parameters(older) == ["video_id"]
    assert _resolved({}, video_id="a") == {"video_id": "a"}


def test_what_leads_nowhere_is_named() -> None:
    ids = _add("a")
    for name in ("nowhere.mp4", str(uuid.UUID(int=3))):
        with refused(UnknownVideo, name=name):
            _resolved(SCHEMA, video_ids=[ids["a"], name])


def test_ids_are_looked_up_at_once() -> None:
    ids = _add(*map(str, range(500)))
    sent: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(get_engine(), "before_cursor_execute", count)
    try:
        assert _resolved(SCHEMA, video_ids=list(ids.values())) == {"video_ids": list(ids.values())}
    finally:
        event.remove(get_engine(), "before_cursor_execute", count)
    assert len(sent) == 1
