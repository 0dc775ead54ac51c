"""What web copies save together: each as it was made, none that is gone, none counted for better than it is."""

from __future__ import annotations

from typing import Any

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import tagging
from reelmill.catalogue.filters.filter_parser import parse_filter
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.savings import Savings, savings_of
from reelmill.catalogue.videos.searching import by_path


def _video(name: str, size: int, **more: Any) -> Video:
    return Video(title=name, path=f"playback/{name}", directory_type="playback", filename=name, size=size, mtime_ns=1,
        **more)  # fmt: skip


def test_copies_save_what_they_are_smaller_by_and_take_it_off_where_they_are_larger(catalogue: str) -> None:
    with session() as opened:
        assert savings_of(opened) == Savings(0, 0, 0)
        videos = [
            _video("source", 100), _video("small", 2**40, source_size=2**41), _video("large", 70, source_size=60),
            _video("gone", 1, source_size=90, missing_since=utc_now()),
            _video("rotten", 1, source_size=90, is_valid=False),
        ]  # fmt: skip
        scanning.upsert_videos(opened, videos)
        large = by_path(opened, "playback/large")
        assert large is not None
        tagging.set_by_person(opened, large.id, "sea")
    with session() as opened:
        assert savings_of(opened) == Savings(2, 2**41 + 60, 2**40 + 70)
        assert savings_of(opened, parse_filter("tag = sea")) == Savings(1, 60, 70)
        assert savings_of(opened, parse_filter("saved > 0")) == Savings(1, 2**41, 2**40)
