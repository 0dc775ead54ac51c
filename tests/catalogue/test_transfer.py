"""The catalogue written to a file and read back: nothing of it is lost, and nothing that stands is changed."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlmodel import select

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.exports import kept_exports, transfer
from reelmill.catalogue.exports.fact_rows import ImportReport
from reelmill.catalogue.facts import product_sources, tagging
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Analysis, Asset, PerceptualHashes, ProductSource, Scene, Video, VideoTag, utc_now
from reelmill.errors import UserError
from reelmill.storage.media_root import MediaRoot
from tests.refusals import refused


def _video(path: str, **more: Any) -> Video:
    kind, _, name = path.partition("/")
    return Video(title=name, path=path, directory_type=kind, filename=name, size=10, mtime_ns=20, **more)


@pytest.fixture
def known(catalogue: str) -> dict[str, uuid.UUID]:
    """A catalogue with something of everything."""
    source = _video("inbox/a é.mp4", frame_rate=Fraction(30000, 1001), duration=1.5)
    product = _video(
        "playback/a.mp4", source_video_id=source.id, recipe="r" * 32, details={"cost": [1, None]}, source_size=30
    )
    segment = SourceSegment(source_id=source.id, source_path=source.path, source_start=0.5, source_end=1.5)
    product.created_at = source.created_at
    with session() as opened:
        opened.add(source)
        opened.flush()
        opened.add(product)
        opened.flush()
        product_sources.record(opened, product.id, [segment, segment.model_copy(update={"source_start": 1.0})])
        tagging.set_by_person(opened, source.id, "holiday")
        found = VideoTag(video_id=source.id, name="sea", confidence=0.5, evidence={"at": [1.5]})
        opened.add(found)
        opened.add(Scene(video_id=source.id, number=1, starts_at=0, ends_at=1.5))
        opened.add(Asset(video_id=source.id, path="gifs/a.gif", kind="gif"))
        opened.add(Analysis(video_id=source.id, kind="k", version="1", size=10, mtime_ns=20, result=b"\x00\xff"))
        opened.add(
            PerceptualHashes(video_id=source.id, algorithm="h", size=10, mtime_ns=20, seconds=1, hashes=b"12345678")
        )
    return {"source": source.id, "product": product.id}


def _lines() -> list[dict[str, Any]]:
    with session() as opened:
        return json.loads(json.dumps(list(transfer.rows(opened))))  # type: ignore[no-any-return]


def _load(lines: list[dict[str, Any]]) -> ImportReport:
    with session() as opened:
        return transfer.load(opened, lines)


def _lose() -> None:
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))


def test_videos_nobody_knows_are_added_many_at_a_time(catalogue: str) -> None:
    """Each took four statements; with a few that are known, or of one path, the rest are still added at once."""
    with session() as opened:
        opened.add_all([_video(f"inbox/{number}.mp4", duration=1.5 if number % 2 else None) for number in range(300)])
    lines = _lines()
    with session() as opened:
        opened.connection().execute(text("DELETE FROM catalogue.video WHERE path NOT LIKE 'inbox/1_.mp4'"))
    twice = {"table": "video", "row": {**lines[1]["row"], "id": str(uuid.uuid4())}}
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        report = _load([*lines, twice])
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)
    assert (dict(report.added), dict(report.known)) == ({"video": 290}, {"video": 11})
    assert len(asked) < 60
    assert _of(_lines()) == _of(lines)


def test_facts_are_added_many_at_a_time(catalogue: str) -> None:
    """Each took three statements. Pages are of 200 rows and a video has 7 scenes, so that many are on both sides."""
    videos = [_video(f"inbox/{number:03}.mp4", id=uuid.UUID(int=number + 1)) for number in range(300)]
    with session() as opened:
        opened.add_all(videos)
        opened.flush()
        for video in videos:
            tagging.set_by_person(opened, video.id, "holiday")
            opened.add(VideoTag(video_id=video.id, name="sea", confidence=0.5))
            opened.add_all(Scene(video_id=video.id, number=n, starts_at=n, ends_at=n + 1) for n in range(1, 8))
    lines = _lines()
    with session() as opened:
        opened.connection().execute(text("DELETE FROM catalogue.tag WHERE by_person"))
        opened.connection().execute(text("UPDATE catalogue.tag SET name = 'holiday'"))  # a person's stands
        opened.connection().execute(text("DELETE FROM catalogue.scene WHERE number > 2"))
        some = "SELECT id FROM catalogue.video WHERE path > 'inbox/100'"
        opened.connection().execute(text(f"DELETE FROM catalogue.scene WHERE video_id IN ({some})"))
    before = Counter(line["table"] for line in _of(_lines()))
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        report = _load(lines)
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)
    assert len(asked) < 100
    assert before == {"video": 300, "tag": 300, "scene": 2 * 100}
    assert dict(report.added) == {"tag": 600, "scene": 7 * 200}
    assert dict(report.known) == {"video": 300, "scene": 7 * 100}
    assert Counter(line["table"] for line in _of(_lines())) == {"video": 300, "tag": 600, "scene": 2 * 100 + 7 * 200}
    assert {tag["row"]["by_person"] for tag in _lines() if tag.get("table") == "tag"} == {True, False}
    assert _load(lines).added == {}


def test_two_that_are_one_by_now_have_what_is_known_of_the_first(catalogue: str) -> None:
    """The record of ``b`` was moved to where the export has ``a``; scenes are taken of one of them, as a whole."""
    first, second = _video("inbox/a.mp4", id=uuid.UUID(int=1)), _video("inbox/b.mp4", id=uuid.UUID(int=2))
    second.created_at = first.created_at
    with session() as opened:
        opened.add_all([first, second])
        opened.flush()
        for video, scenes in ((first, 2), (second, 5)):
            opened.add_all(Scene(video_id=video.id, number=n, starts_at=n, ends_at=n + 1) for n in range(1, scenes + 1))
        opened.add(VideoTag(video_id=first.id, name="sea", confidence=0.25))
        tagging.set_by_person(opened, second.id, "sea")
    lines = _lines()
    _lose()
    with session() as opened:
        opened.add(_video("inbox/a.mp4", id=second.id, created_at=first.created_at))
    report = _load(lines)
    kept = [line["row"] for line in _lines() if line.get("table") in ("scene", "tag")]
    assert {row["video_id"] for row in kept} == {str(second.id)}
    assert [row["number"] for row in kept if "number" in row] == [1, 2]
    assert [row["by_person"] for row in kept if "by_person" in row] == [True]
    assert dict(report.added) == {"scene": 2, "tag": 1}


def _of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All but the header, which has the time."""
    return lines[1:]


def test_all_of_it_comes_back_and_a_second_time_adds_nothing(known: dict[str, uuid.UUID]) -> None:
    lines = _lines()
    _lose()
    report = _load(lines)
    assert dict(report.added) == {
        "video": 2,
        "tag": 2,
        "analysis": 1,
        "fingerprint": 1,
        "product_source": 2,
        "asset": 1,
        "scene": 1,
    }
    assert _of(_lines()) == _of(lines)
    again = _load(lines)
    assert (dict(again.added), again.known.total(), again.renamed) == ({}, 10, 0)
    assert _of(_lines()) == _of(lines)
    with session() as opened:
        raw = opened.connection().execute(text("SELECT count(*) FROM catalogue.video WHERE details IS NULL"))
        assert raw.scalar_one() == 1


def test_what_a_scan_has_recorded_anew_has_its_earlier_id_and_tags_again(known: dict[str, uuid.UUID]) -> None:
    lines = _lines()
    _lose()
    anew = _video("inbox/a é.mp4", thumbnail_path="thumbnails/new.jpg")
    anew.created_at = utc_now() + timedelta(seconds=1)
    with session() as opened:
        opened.add(anew)
        opened.flush()
        tagging.set_by_person(opened, anew.id, "new")
        assert transfer.lacking(opened, lines) == 2
    report = _load(lines)
    assert report.renamed == 1
    with session() as opened:
        (video,) = opened.exec(select(Video).where(Video.path == "inbox/a é.mp4"))
        assert (video.id, video.frame_rate) == (known["source"], Fraction(30000, 1001))
        assert {tag.name for tag in tagging.tags_of(opened, video.id)} == {"holiday", "sea", "new"}
        product = opened.get_one(Video, known["product"])
        assert (product.source_video_id, product.recipe) == (video.id, "r" * 32)
        rows = product_sources.sources_of(opened, product.id)
        assert [(source.id, row.source_start) for row, source in rows if source] == [(video.id, 0.5), (video.id, 1.0)]
        assert transfer.lacking(opened, lines) == 0


def test_what_an_older_export_does_not_know_is_as_the_scan_saw_it(catalogue: str) -> None:
    with session() as opened:
        opened.add(_video("inbox/a.mp4"))
    lines = _lines()
    for line in lines[1:]:
        line["row"].pop("content_id", None)
    _lose()
    anew = _video("inbox/a.mp4", content_id="c" * 32, ctime_ns=5)
    anew.created_at = utc_now() + timedelta(seconds=1)
    with session() as opened:
        opened.add(anew)
    assert _load(lines).renamed == 1
    with session() as opened:
        (video,) = opened.exec(select(Video))
        assert (video.content_id, video.ctime_ns) == ("c" * 32, 5)


def test_what_stands_is_not_changed(known: dict[str, uuid.UUID]) -> None:
    lines = _lines()
    with session() as opened:
        source = opened.get_one(Video, known["source"])
        source.title, source.path = "of a person", "inbox/moved.mp4"
        tagging.set_by_person(opened, source.id, "holiday", fits=False)
        opened.add(source)
    before = _of(_lines())
    report = _load(lines)
    assert dict(report.added) == {}
    assert _of(_lines()) != _of(lines)
    assert [line for line in _of(_lines()) if line["table"] == "video"] == [
        line for line in before if line["table"] == "video"
    ]


def test_what_a_product_is_made_of_is_taken_as_a_whole_or_not_at_all(known: dict[str, uuid.UUID]) -> None:
    """Of two makings each row would fill a gap of the other."""
    lines = _lines()
    with session() as opened:
        source = opened.get_one(Video, known["source"])
        product_sources.record(opened, known["product"], [SourceSegment.whole(source)])
    assert "product_source" not in _load(lines).added
    with session() as opened:
        (row,) = opened.exec(select(ProductSource))
        assert row.source_end is None


@pytest.mark.parametrize("version", [1, 2])
def test_one_of_before_there_were_rows_of_products_is_refused(known: dict[str, uuid.UUID], version: int) -> None:
    """Read as one of today, it made originals of the products, and products of nothing."""
    header, *lines = _lines()
    for line in lines:
        line["row"].pop("is_product", None)
    _lose()
    with refused(UserError):
        _load([header | {"version": version}, *lines])
    assert _of(_lines()) == []


def test_rows_of_a_newer_version_are_left_out(known: dict[str, uuid.UUID]) -> None:
    lines = _lines()
    lines[1]["row"]["colour"] = "red"
    lines.append({"table": "smell", "row": {}})
    _lose()
    report = _load(lines)
    assert (report.added["video"], report.left) == (2, 1)


@pytest.mark.parametrize("header", [{}, {"kind": "x"}, {"kind": "reelmill catalogue", "version": transfer.VERSION + 1}])
def test_what_is_no_export_is_refused(known: dict[str, uuid.UUID], header: dict[str, Any]) -> None:
    with refused(UserError):
        _load([header, *_of(_lines())])


def test_one_a_day_is_kept_of_the_last_days(known: dict[str, uuid.UUID], media_root: MediaRoot) -> None:
    for day in range(1, kept_exports.KEPT + 4):
        assert kept_exports.write_daily(media_root, f"2026-11-{day:02}") is not None
    assert kept_exports.write_daily(media_root, f"2026-11-{kept_exports.KEPT + 3:02}") is None
    assert len(kept_exports.every(media_root)) == kept_exports.KEPT
    assert kept_exports.every(media_root)[0].name.startswith("2026-11-04")


def test_what_a_lost_catalogue_had_stays_the_newest_export(known: dict[str, uuid.UUID], media_root: MediaRoot) -> None:
    good = kept_exports.write_daily(media_root, "2026-11-01")
    assert good is not None
    _lose()
    with refused(UserError):
        kept_exports.write_daily(media_root, "2026-11-02")
    assert kept_exports.every(media_root) == [good]
    kept_exports.load(good)
    assert kept_exports.write_daily(media_root, "2026-11-02") is not None


@pytest.mark.parametrize(("kept", "now"), [("opened", "opened"), ("full", "quick")])
def test_what_was_found_broken_since_stays_broken(known: dict[str, uuid.UUID], kept: str, now: str) -> None:
    with session() as opened:
        opened.get_one(Video, known["source"]).checked_depth = kept
    lines = _lines()
    _lose()
    anew = _video("inbox/a é.mp4", is_valid=False, validation_error="rotten", checked_depth=now)
    anew.created_at = utc_now() + timedelta(seconds=1)
    with session() as opened:
        opened.add(anew)
    assert _load(lines).renamed == 1
    with session() as opened:
        video = opened.get_one(Video, known["source"])
        assert (video.is_valid, video.validation_error, video.checked_depth) == (False, "rotten", now)


@pytest.mark.parametrize("left", [b"", b"not gzip", b"\x1f\x8b\x08"])
def test_an_older_export_serves_where_the_newest_is_damaged(
    known: dict[str, uuid.UUID], media_root: MediaRoot, left: bytes
) -> None:
    good = kept_exports.write_daily(media_root, "2026-11-01")
    assert good is not None
    bad = good.with_name("2026-11-02.jsonl.gz")
    bad.write_bytes(left)
    _lose()
    assert kept_exports.lacking(media_root) == (good, 2)
    with refused(UserError):
        kept_exports.load(bad)
    kept_exports.load(good)
    assert kept_exports.lacking(media_root) == (good, 0)


def test_many_are_read_page_by_page(catalogue: str, tmp_path: Path) -> None:
    many = 2500
    with session() as opened:
        opened.add_all([_video(f"inbox/{number}.mp4") for number in range(many)])
    path = tmp_path / "all.jsonl.gz"
    assert kept_exports.write(path) == many
    _lose()
    assert kept_exports.load(path).added["video"] == many
