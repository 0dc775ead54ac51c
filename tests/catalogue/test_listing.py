"""Videos are listed by path, page by page."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import text

from bench import many_videos
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.filters.filter_parser import parse_filter
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.listing import Total, count_matching, every_video, narrowed, total_of

pytestmark = pytest.mark.usefixtures("catalogue")


def _add(*paths: str, **facts: Any) -> None:
    records = []
    for path in paths:
        kind, _, name = path.rpartition("/")
        values: dict[str, Any] = {"title": name, "directory_type": kind, "filename": name, "size": 1, "mtime_ns": 1}
        records.append(Video(path=path, **(values | facts)))
    with session() as opened:
        scanning.upsert_videos(opened, records)


@pytest.mark.parametrize("page", [1, 3, 7, 8, 500])
def test_all_of_them_by_path_and_each_once(page: int) -> None:
    paths = ["inbox/b", "inbox/a", "public/a", "inbox/é", "inbox/%", "inbox/Z", "inbox/ "]
    _add(*paths)
    assert sorted(video.path for video in every_video(narrowed(), page=page)) == sorted(paths)
    listed = [video.path for video in every_video(narrowed(), page=page)]
    assert listed == [video.path for video in every_video(narrowed())]


@pytest.mark.parametrize(
    ("asked", "paths"),
    [
        ({"directory_type": "public"}, ["public/a"]),
        ({"directory_type": "100% new"}, []),
        ({"invalid": True}, ["inbox/bad", "inbox/bad and gone"]),
        ({"missing": True}, ["inbox/bad and gone", "inbox/gone"]),
        ({"invalid": True, "missing": True}, ["inbox/bad and gone"]),
        ({"made": True}, ["playback/a"]),
        (
            {"where": parse_filter("size > 5 or invalid"), "directory_type": "inbox"},
            ["inbox/bad", "inbox/bad and gone"],
        ),
        ({"where": parse_filter("size > 5")}, ["playback/a"]),
    ],
)
def test_narrowed(asked: dict[str, Any], paths: list[str]) -> None:
    _add("inbox/a", "public/a")
    _add("playback/a", made_by=uuid.uuid4(), size=10)
    _add("inbox/bad", is_valid=False)
    _add("inbox/gone", missing_since=datetime.now(UTC))
    _add("inbox/bad and gone", is_valid=False, missing_since=datetime.now(UTC))
    assert [video.path for video in every_video(narrowed(**asked), page=2)] == paths


def test_no_page_holds_a_transaction_open_and_what_comes_meanwhile_is_met() -> None:
    _add("inbox/1", "inbox/2", "inbox/3")
    listing = every_video(narrowed(), page=2)
    assert [video.path for video in islice(listing, 2)] == ["inbox/1", "inbox/2"]
    with get_engine().connect() as connection:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")
        assert connection.execute(query).scalar() == 0
    _add("inbox/0", "inbox/25")
    assert [video.path for video in listing] == ["inbox/25", "inbox/3"]


def test_many_are_counted_no_further_than_a_bound_and_estimated_beyond_it() -> None:
    with get_engine().begin() as connection:
        many_videos.insert(connection, 3000)
    with session() as opened:
        whole, made = narrowed(), narrowed(made=True)
        assert total_of(opened, whole, most=5) == Total(3000)  # where nothing is left out, an index has it
        counted = count_matching(opened, made)
        assert total_of(opened, made, most=counted) == Total(counted)
        beyond = total_of(opened, made, most=counted - 1)
    assert (beyond.exact, str(beyond)) == (False, "about 270")
    assert counted / 2 < beyond.count < counted * 2
    assert [str(Total(number, exact=False)) for number in (166_251, 10_001)] == ["about 170,000", "about 10,000"]
    assert str(Total(1_000_000)) == "1,000,000"
