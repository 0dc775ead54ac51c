"""Files that hold the same, by their content ids."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.same_content import exact_copies, tag_names, videos_of
from reelmill.catalogue.models import Video, VideoTag
from reelmill.catalogue.videos import scanning

pytestmark = pytest.mark.usefixtures("catalogue")

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _video(name: str, content: str | None, size: int = 10, **about: Any) -> Video:
    kept: dict[str, Any] = {
        "path": f"inbox/{name}",
        "title": name,
        "directory_type": "inbox",
        "filename": name,
        "size": size,
    }
    return Video(**kept, mtime_ns=1, content_id=content, **about)


def _sets(first: int = 0, count: int = 10, files: int = 10) -> tuple[int, list[list[str]]]:
    with session() as opened:
        found = exact_copies(opened, first=first, count=count, files=files)
        return found.total, [[video.filename for video in videos] for videos in found.sets]


def test_files_of_one_content_are_a_set_and_what_takes_most_room_comes_first() -> None:
    assert _sets() == (0, [])
    with session() as opened:
        scanning.upsert_videos(
            opened,
            [
                _video("a1", "a", 100),
                _video("a2", "a", 100),
                *(_video(f"b{number}", "b", 90) for number in range(3)),
                _video("alone", "c", 1000),
                _video("unread1", None, 1000),
                _video("unread2", None, 1000),
                _video("gone1", "d", 1000),
                _video("gone2", "d", 1000, missing_since=_NOW),
                _video("made1", "e", 1000),
                _video("made2", "e", 1000, recipe="r", is_product=True),
            ],
        )
    assert _sets() == (2, [["b0", "b1", "b2"], ["a1", "a2"]])
    assert _sets(files=2) == (2, [["b0", "b1"], ["a1", "a2"]])
    assert _sets(first=1, count=1) == (2, [["a1", "a2"]])
    assert _sets(first=5) == (2, [])


def test_tags_that_fit_and_records_are_read_for_many_at_once() -> None:
    one, other = _video("one", "a"), _video("other", "b")
    with session() as opened:
        scanning.upsert_videos(opened, [one, other])
    with session() as opened:
        for name, confidence in (("sea", 0.9), ("bright", 0.4), ("refused", 0.0)):
            opened.add(VideoTag(video_id=one.id, name=name, confidence=confidence))
    with session() as opened:
        assert tag_names(opened, [one.id, other.id]) == {one.id: ("sea", "bright")}
        assert {*videos_of(opened, [one.id, uuid.uuid4()])} == {one.id}
