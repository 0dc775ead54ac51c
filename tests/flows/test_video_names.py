"""A name that a run was given leads every attempt to the same video."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from prefect.states import Pending

from flows.run_page import RunPage
from flows.video_names import LABEL, found_ids, kept_ids
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning
from reelmill.dispatch.testing import MemorySite

_ID = str(uuid.UUID(int=7))


def _add(path: str) -> Video:
    kind, _, name = path.partition("/")
    video = Video(path=path, directory_type=kind, filename=name, title=name, size=1, mtime_ns=1)
    with session() as opened:
        scanning.upsert_videos(opened, [video])
    return video


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        ({}, {}),
        ({LABEL: json.dumps({"a.mp4": _ID})}, {"a.mp4": _ID}),
        ({LABEL: json.dumps({"a.mp4": _ID, "b.mp4": "no id", "c.mp4": 3})}, {"a.mp4": _ID}),
        ({LABEL: "{"}, {}),
        ({LABEL: "[1]"}, {}),
        ({LABEL: 3}, {}),
    ],
)
def test_what_a_run_has_kept(labels: dict[str, Any], kept: dict[str, str]) -> None:
    assert kept_ids(labels) == kept


@pytest.mark.usefixtures("catalogue")
def test_a_later_attempt_works_on_the_video_of_the_first() -> None:
    """Though it was moved by then, and another file has got its path."""
    first = _add("inbox/a.mp4")
    kept = found_ids(["inbox/a.mp4", "nowhere.mp4"], {})
    assert kept == {"inbox/a.mp4": str(first.id)}
    with session() as opened:
        video = opened.get_one(Video, first.id)
        video.path, video.directory_type = "public/a.mp4", "public"
        opened.add(video)
    assert found_ids(["inbox/a.mp4"], kept) == kept
    second = _add("inbox/a.mp4")
    assert found_ids(["inbox/a.mp4"], kept) == kept
    assert found_ids(["inbox/a.mp4"], {}) == {"inbox/a.mp4": str(second.id)}


@pytest.mark.usefixtures("catalogue")
def test_a_kept_id_that_the_catalogue_has_no_more_is_found_anew() -> None:
    now = _add("inbox/a.mp4")
    assert found_ids(["inbox/a.mp4"], {"inbox/a.mp4": _ID}) == {"inbox/a.mp4": str(now.id)}


def test_without_a_catalogue_what_was_kept_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none")
    assert found_ids(["a.mp4", "b.mp4"], {"a.mp4": _ID}) == {"a.mp4": _ID}


def test_the_run_keeps_it() -> None:
    site = MemorySite()
    site.deploy("validate", schema={"properties": {"video_id": {"type": "string"}}})
    with site.dispatcher() as prefect, site.client() as client:
        job = prefect.jobs.submit("validate", {"video_id": "a.mp4"})
        page = RunPage(job.id, client)
        page.label({LABEL: json.dumps({"a.mp4": _ID})})
        assert page.close(patience=15) == 0
        client.set_flow_run_state(job.id, Pending(), force=True)
        assert kept_ids(client.read_flow_run(job.id).labels) == {"a.mp4": _ID}
