"""What a row can hold: told before it is tried, and as PostgreSQL itself has it."""

from __future__ import annotations

import json
import random
import string
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.limits import PATH_BYTES, clean, takes_plain_names, to_json, unfit, unfit_record
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.listing import ORIGINALS, list_videos
from reelmill.classification import classify
from reelmill.errors import Unstorable


def _video(**more: Any) -> Video:
    facts: dict[str, Any] = {
        "title": "a", "path": "inbox/a.mp4", "directory_type": "inbox", "filename": "a.mp4", "size": 1, "mtime_ns": 1
    }  # fmt: skip
    return Video(**{**facts, **more})


def _keep(video: Video) -> None:
    with session() as opened:
        scanning.upsert_videos(opened, [video])


def _path(length: int) -> str:
    """One that does not compress: PostgreSQL's index takes longer ones that do."""
    letters = random.Random(length).choices(string.ascii_letters + string.digits + "-_=+", k=length - 6)
    return "inbox/" + "".join(letters)


#: Just inside and just outside of what a row holds.
_EDGES = [
    (_video(path=_path(PATH_BYTES)), _video(path=_path(PATH_BYTES + 1))),
    (_video(mtime_ns=2**63 - 1), _video(mtime_ns=2**63)),
    (_video(mtime_ns=-(2**63)), _video(mtime_ns=-(2**63) - 1)),
    (_video(size=2**63 - 1), _video(size=2**63)),
    (_video(width=2**31 - 1), _video(width=2**31)),
    (_video(audio_tracks=0), _video(audio_tracks=-(2**31) - 1)),
    (_video(bit_rate=2**62), _video(bit_rate=10**30)),
]


@pytest.mark.parametrize("edge", range(len(_EDGES)))
def test_the_limits_are_those_of_the_database(catalogue: str, edge: int) -> None:
    inside, outside = _EDGES[edge]
    assert unfit_record(inside) is None
    _keep(inside)
    reason = unfit_record(outside)
    assert reason is not None
    assert outside.path[:60] in reason
    with pytest.raises(Unstorable) as raised:
        _keep(outside)
    assert not classify(raised.value)[1]  # it used to be called a database that does not answer, and tried again


@pytest.mark.parametrize(
    ("year", "fits"),
    [(1600, False), (1678, True), (1969, True), (1970, True), (2261, True), (2263, False), (2300, False)],
)
def test_times(year: int, fits: bool) -> None:
    seconds = (datetime(year, 7, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    reason = unfit("inbox/a.mp4", int(seconds) * 10**9)
    assert (reason is None) is fits
    if reason is not None:
        assert f"inbox/a.mp4 is dated about the year {year}" in reason
        assert "touch" in reason


@pytest.mark.parametrize("name", ["caf\udce9.mp4", "nul\0.mp4"])
def test_names_that_are_no_text(name: str) -> None:
    reason = unfit(f"inbox/{name}", 1)
    assert reason is not None
    reason.encode()
    assert "is not a UTF-8 name; rename it" in reason


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), float("-inf")])
def test_durations_that_are_no_number(duration: float) -> None:
    assert "has a duration of" in (unfit_record(_video(duration=duration)) or "")


def test_details_of_any_kind_can_be_kept(catalogue: str) -> None:
    odd = {"a": float("nan"), "b": [1.5, float("-inf"), {"c\0": "\0x\ud800"}], "d": (True, None, 3, "é 🎬")}
    _keep(_video(details=odd))
    with session() as opened:
        (video,) = list_videos(opened, ORIGINALS)
    assert video.details == {"a": None, "b": [1.5, None, {"c\ufffd": "\ufffdx\ufffd"}], "d": [True, None, 3, "é 🎬"]}
    with get_engine().connect() as connection:
        found = connection.execute(text("SELECT details->'b'->0 FROM catalogue.video")).scalar_one()
    assert found == 1.5


def test_what_is_plain_stays_as_it_is() -> None:
    plain = {"a": [1, 2.5, "x"], "b": None, "c": {"d": True}}
    assert json.loads(to_json(plain)) == plain
    assert clean("é 🎬\n") == "é 🎬\n"


@pytest.mark.parametrize(
    ("folder", "takes"),
    [
        ("library/videos/", True), ("library/videos/été/", True), ("a\udcff/", False),
        (f"{'x' * (PATH_BYTES - 256)}/", True), (f"{'é' * (PATH_BYTES // 2 - 127)}/", False),
    ],
)  # fmt: skip
def test_a_folder_takes_plain_names_where_the_longest_of_them_can_be_recorded(folder: str, takes: bool) -> None:
    assert takes_plain_names(folder) is takes
    assert (unfit(f"{folder}{'n' * 255}", 0) is None) is takes
