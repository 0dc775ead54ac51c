from __future__ import annotations

import threading
import uuid
from collections.abc import Generator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from sqlmodel import Session

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import picking, scanning, searching
from reelmill.errors import FileMissing, InputError, PlatformError, TooFewVideos, UnknownVideo
from reelmill.settings import get_settings
from reelmill.storage.media_root import OUTPUT_TYPES
from reelmill.troubles import Flaw
from tests.patience import PATIENCE
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("catalogue")


def _video(path: str, **facts: Any) -> Video:
    kind, _, name = path.rpartition("/")
    values: dict[str, Any] = {
        "title": name,
        "path": path,
        "directory_type": kind.split("/")[0],
        "filename": name,
        "size": 10,
        "mtime_ns": 1,
        "duration": 5.0,
    }
    return Video(**(values | facts))


def _add(*videos: Video) -> None:
    with session() as opened:
        scanning.upsert_videos(opened, videos)


def _get(path: str) -> Video:
    with session() as opened:
        video = searching.by_path(opened, path)
    assert video is not None
    return video


def test_every_fact_comes_back() -> None:
    facts: dict[str, Any] = {
        "title": "Ferien 2019 – été ☀",
        "filename": 'it\'s\n"odd".mp4',
        "size": 2**40,
        "mtime_ns": 1_700_000_000_123_456_789,
        "container": "mov,mp4",
        "video_codec": "h264",
        "audio_codec": "aac",
        "width": 1920,
        "height": 1080,
        "rotation": 90,
        "orientation": "portrait",
        "frame_rate": Fraction(30000, 1001),
        "duration": 12.345,
        "bit_rate": 2**33,
        "audio_tracks": 2,
        "subtitle_tracks": 1,
        "is_valid": False,
        "validation_error": "no",
        "missing_since": datetime(2026, 1, 2, tzinfo=UTC),
        "made_by": uuid.uuid4(),
        "recipe": "r" * 32,
    }
    _add(_video("inbox/a.mp4", **facts))
    found = _get("inbox/a.mp4")
    assert {name: getattr(found, name) for name in facts} == facts


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(1, 10), None])
def test_rates_are_exact(rate: Fraction | None) -> None:
    _add(_video("inbox/a.mp4", frame_rate=rate))
    assert _get("inbox/a.mp4").frame_rate == rate


def test_a_known_path_is_refreshed_and_keeps_what_people_and_jobs_gave_it() -> None:
    _add(_video("inbox/a.mp4", title="tag", thumbnail_path="t.jpg", recipe="r", made_by=uuid.UUID(int=7)))
    before = _get("inbox/a.mp4")
    with session() as opened:
        searching.get_video(opened, before.id).title = "A person's title"
    _add(_video("inbox/a.mp4", title="new tag", size=99, width=640, is_valid=False, validation_error="cut off"))
    after = _get("inbox/a.mp4")
    assert after.id == before.id
    assert after.title == "A person's title"
    assert (after.size, after.width, after.is_valid, after.validation_error) == (99, 640, False, "cut off")
    assert (after.thumbnail_path, after.made_by) == ("t.jpg", uuid.UUID(int=7))
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at


@pytest.mark.parametrize(("differs", "kept"), [({}, "r"), ({"size": 99}, None), ({"mtime_ns": 99}, None)])
def test_what_somebody_replaced_is_not_what_its_recipe_makes(differs: dict[str, int], kept: str | None) -> None:
    figures = {"source_size": 20, "encode_cpu_seconds": 1.5, "encode_joules": 3.0, "vmaf": 95.0}
    _add(_video("inbox/a.mp4", recipe="r", **figures))
    _add(_video("inbox/a.mp4", **differs))
    found = _get("inbox/a.mp4")
    assert found.recipe == kept
    assert {name: getattr(found, name) for name in figures} == (figures if kept else dict.fromkeys(figures))


def test_nothing_to_upsert_is_nothing() -> None:
    _add()
    with session() as opened:
        assert searching.count_videos(opened) == 0


def test_many_in_one_statement() -> None:
    _add(*(_video(f"inbox/{index}.mp4") for index in range(1500)))
    with session() as opened:
        assert len(scanning.known_files(opened, "inbox")) == 1500


def test_an_id_nobody_has() -> None:
    nobody = uuid.uuid4()
    with session() as opened, refused(UnknownVideo, name=str(nobody)):
        searching.get_video(opened, nobody)


def test_a_usable_video_and_others() -> None:
    _add(
        _video("inbox/good.mp4"),
        _video("inbox/gone.mp4", missing_since=datetime.now(UTC)),
        _video("inbox/bad.mp4", is_valid=False, validation_error="it is cut off"),
    )
    good, gone, bad = (_get(f"inbox/{name}.mp4").id for name in ("good", "gone", "bad"))
    with session() as opened:
        assert searching.usable_video(opened, str(good)).path == "inbox/good.mp4"
        with refused(FileMissing, path="inbox/gone.mp4", flaw=Flaw.ABSENT):
            searching.usable_video(opened, gone)
        with refused(InputError, path="inbox/bad.mp4", flaw=Flaw.INVALID):
            searching.usable_video(opened, bad)
        with pytest.raises(UnknownVideo):
            searching.usable_video(opened, "nonsense")


def test_known_files_are_of_one_type() -> None:
    _add(_video("inbox/a.mp4", size=5, mtime_ns=6), _video("public/b.mp4"))
    with session() as opened:
        assert scanning.known_files(opened, "inbox") == [("inbox/a.mp4", 5, 6, None, False)]


@pytest.mark.parametrize("count", [0, 2, 3, 6, 7])
def test_every_known_file_comes_once_and_in_order(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "PAGE", 3)
    missing = datetime.now(UTC)
    _add(*(_video(f"inbox/{n}.mp4", size=n, missing_since=missing if n == 4 else None) for n in reversed(range(count))))
    found = list(scanning.every_known_file("inbox"))
    assert found == [(f"inbox/{n}.mp4", n, 1, None, n == 4) for n in range(count)]
    assert all(isinstance(file, scanning.KnownFile) for file in found)


def test_the_next_records_are_read_while_these_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none beyond them: whoever stops there leaves neither a thread nor a connection behind."""
    asked: list[str] = []
    second = threading.Event()
    read = scanning.known_files

    def noted(opened: Session, directory_type: str, *, after: str = "", limit: int = 0) -> list[scanning.KnownFile]:
        asked.append(after)
        page = read(opened, directory_type, after=after, limit=limit)
        if after:
            second.set()
        return page

    monkeypatch.setattr(scanning, "PAGE", 2)
    monkeypatch.setattr(scanning, "known_files", noted)
    _add(*(_video(f"inbox/{n}.mp4") for n in range(6)))
    files = scanning.every_known_file("inbox")
    assert next(files).path == "inbox/0.mp4"
    assert second.wait(PATIENCE)
    assert isinstance(files, Generator)
    files.close()
    assert asked == ["", "inbox/1.mp4"]


def test_missing_and_found_again() -> None:
    _add(_video("inbox/a.mp4"), _video("inbox/b.mp4"))
    gone_at = datetime(2026, 5, 1, tzinfo=UTC)
    with session() as opened:
        scanning.mark_missing(opened, ["inbox/a.mp4"], gone_at)
        scanning.mark_missing(opened, [], gone_at)
    assert _get("inbox/a.mp4").missing_since == gone_at
    assert _get("inbox/b.mp4").missing_since is None
    with session() as opened:
        scanning.mark_found(opened, ["inbox/a.mp4"])
    assert _get("inbox/a.mp4").missing_since is None


def test_by_recipe() -> None:
    _add(_video("playback/a.mp4", recipe="abc"), _video("inbox/b.mp4"))
    with session() as opened:
        found = searching.by_recipe(opened, "abc")
        assert found is not None
        assert found.path == "playback/a.mp4"
        assert searching.by_recipe(opened, "abd") is None


def _library() -> list[str]:
    good = [f"inbox/{index}.mp4" for index in range(6)] + ["public/p.mp4"]
    _add(
        *map(_video, good),
        *(_video(f"{kind}/made.mp4", is_product=True) for kind in OUTPUT_TYPES),
        _video("inbox/made into it.mp4", is_product=True),
        _video("inbox/invalid.mp4", is_valid=False),
        _video("inbox/missing.mp4", missing_since=datetime.now(UTC)),
        _video("inbox/empty.mp4", duration=0.0),
        _video("inbox/unknown.mp4", duration=None),
    )
    return good


def test_sources_are_good_different_and_none_of_ours() -> None:
    good = _library()
    with session() as opened:
        for seed in range(20):
            picked = [video.path for video in picking.pick_sources(opened, 4, seed)]
            assert len(set(picked)) == 4
            assert set(picked) <= set(good)
        everyone = picking.pick_sources(opened, len(good), "all")
        assert {video.path for video in everyone} == set(good)


@pytest.mark.parametrize("seed", [0, 7, "a run's id"])
def test_the_same_seed_picks_the_same(seed: int | str) -> None:
    _library()
    picks = []
    for _ in range(2):
        with session() as opened:
            picks.append([video.path for video in picking.pick_sources(opened, 4, seed)])
    assert picks[0] == picks[1]


def test_another_seed_picks_another() -> None:
    _library()
    with session() as opened:
        picks = {tuple(video.path for video in picking.pick_sources(opened, 4, seed)) for seed in range(10)}
    assert len(picks) > 5


def test_too_few() -> None:
    good = _library()
    with session() as opened, refused(TooFewVideos, needed=len(good) + 1, held=len(good)):
        picking.pick_sources(opened, len(good) + 1, 0)


def test_a_session_rolls_back_on_an_error() -> None:
    class Stop(Exception):
        pass

    def add_and_stop() -> None:
        with session() as opened:
            scanning.upsert_videos(opened, [_video("inbox/a.mp4")])
            raise Stop

    with pytest.raises(Stop):
        add_and_stop()
    with session() as opened:
        assert searching.by_path(opened, "inbox/a.mp4") is None


def test_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    get_settings.cache_clear()
    with refused(PlatformError, retryable=True), session():
        pass
