"""The filter over videos: what it reads, what it refuses, and that its SQL chooses what its words mean."""

from __future__ import annotations

import itertools
import pickle
import random
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.facts import assets, findings, tagging
from reelmill.catalogue.filters.filter_conditions import And, Comparison, Condition, Flag, Missing, Not, Or
from reelmill.catalogue.filters.filter_fields import COMPARISONS, FIELDS, FLAGS
from reelmill.catalogue.filters.video_filter import clause, parse_filter
from reelmill.catalogue.models import Asset, PerceptualHashes, Video, utc_now
from reelmill.errors import FilterError
from tests.catalogue.filters import Facts, conditions, holds

_DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "USING.md"


# --- the language -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("invalid", Flag("invalid")),
        ("thumbnail is missing", Missing("thumbnail")),
        ("Thumbnail IS NOT Missing", Not(Missing("thumbnail"))),
        ("duration > 10m", Comparison("duration", ">", Decimal(600))),
        ("duration>1.5 h", Comparison("duration", ">", Decimal(5400))),
        ("duration <= 90", Comparison("duration", "<=", Decimal(90))),
        ("size >= 2 GB", Comparison("size", ">=", Decimal(2 * 10**9))),
        ("bit_rate < 300kbit/s", Comparison("bit_rate", "<", Decimal(300_000))),
        ("height = 720px", Comparison("height", "=", Decimal(720))),
        ('path ~ "holiday/*"', Comparison("path", "~", "holiday/*")),
        (r"title = 'it\'s \\ so'", Comparison("title", "=", r"it's \ so")),
        ("video_codec != h264", Not(Comparison("video_codec", "=", "h264"))),
        ("tag !~ b*", Not(Comparison("tag", "~", "b*"))),
        ("created after 2026-01-01", Comparison("created", "after", datetime(2026, 1, 1, tzinfo=UTC))),
        ("updated before 2026-01-01T02:00+02:00", Comparison("updated", "before", datetime(2026, 1, 1, tzinfo=UTC))),
        ("not missing and invalid", And((Not(Flag("missing")), Flag("invalid")))),
        ("made or missing and invalid", Or((Flag("made"), And((Flag("missing"), Flag("invalid")))))),
        ("(made or missing) and invalid", And((Or((Flag("made"), Flag("missing"))), Flag("invalid")))),
        ("not (made or missing)", Not(Or((Flag("made"), Flag("missing"))))),
        ("title contains \n chaplin\t", Comparison("title", "contains", "chaplin")),
    ],
)
def test_a_filter_is_read(text: str, condition: Condition) -> None:
    assert parse_filter(text) == condition


@given(conditions(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)))
def test_the_text_of_a_condition_is_read_as_the_same(condition: Condition) -> None:
    assert parse_filter(str(condition)) == condition


_PARTS = [*FIELDS, *FLAGS, *{name for names in COMPARISONS.values() for name in names}, "is", "missing", "and", "or",
    "not", "(", ")", "h264", "10m", "2", "GB", '"a b"', "'", "2026-01-01", "\n", "!", "💥"]  # fmt: skip


@given(st.lists(st.sampled_from(_PARTS), max_size=12).map(" ".join) | st.text(max_size=20))
@example("(" * 2000)
@example("not " * 900)
@example("0.0000001 size")
@example("duration > 2777777777777777.777777 h")
def test_whatever_is_typed_is_a_filter_or_an_error_that_points_into_it(text: str) -> None:
    try:
        condition = parse_filter(text)
    except FilterError as error:
        refused = error
    else:
        assert parse_filter(str(condition)) == condition
        return
    assert 0 <= refused.position <= len(text)
    assert str(refused).splitlines()[0].endswith(".")
    copied = pickle.loads(pickle.dumps(refused))  # errors travel between nodes
    assert (str(copied), copied.position) == (str(refused), refused.position)


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 0, "The end stands where a field"),
        ("durration > 3", 0, "did you mean duration?"),
        ("size > 3 and lenght = 2", 13, "'lenght' is no field"),
        ("duration > 10 q", 14, "'q' is no unit of duration; it takes s, m or h"),
        ("audio_tracks = 2 px", 17, "it takes none"),
        ("duration > long", 11, "no number"),
        ("duration after 3", 9, "stands where =, !=, <, <=, >, >=, is missing or is not missing may"),
        ("copy = 3", 5, "stands where is missing or is not missing may: copy is a product"),
        ("created after yesterday", 14, "no time"),
        ("created after 0001-01-01T00:00+14:00", 14, "no time"),
        ("tag is beach", 7, "other values take `=`"),
        ("title = and", 8, "put it in quotes"),
        ("title = 'x", 8, "no closing '"),
        ("size ! 3", 5, "means nothing here"),
        ("missing )", 8, "comes too much"),
        ("(missing", 8, "the `)` of place 1"),
        ("size > 12345678901234567890", 7, "too large"),
        ("size > 12345678 TB", 16, "too large"),
        ("duration > 0.0000001", 11, "too precise"),
        ("title = 'a\0b'", 0, "stands in no name"),
        ("x" * 4001, 0, "4000 are the most"),
    ],
)
def test_an_error_points_at_its_place(text: str, position: int, reason: str) -> None:
    with pytest.raises(FilterError, match=re.escape(reason)) as caught:
        parse_filter(text)
    assert caught.value.position == position


def test_the_place_is_shown_under_the_filter() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter("missing and\nsise > 3")
    *_, text, caret = str(caught.value).splitlines()
    assert (text, caret) == ("  missing and sise > 3", "              ^")
    assert text.index("sise") == caret.index("^")


def test_every_example_of_the_document_is_a_filter() -> None:
    section = _DOCUMENT.read_text().partition("## Filters")[2].partition("\n## ")[0]
    examples = re.findall(r"^    (\S.*?)(?: {3,}#.*)?$", section, re.MULTILINE)
    assert len(examples) >= 10
    readme = _DOCUMENT.parent.parent / "README.md"
    commands = re.findall(r'--where "([^"…]+)"', readme.read_text() + _DOCUMENT.read_text())
    assert len(commands) >= 3
    assert [parse_filter(text) for text in (*examples, *commands)]
    named = set(re.findall(r"`(\w+)`", section))
    assert {*FIELDS, *FLAGS} - named == set()
    assert {unit for known in FIELDS.values() for unit in known.units} - set(
        re.findall(r"`([\w/]+)`", section)
    ) == set()


# --- the clause ---------------------------------------------------------------------------------------------------


def _chosen(opened: Session, condition: Condition) -> set[UUID]:
    return set(opened.exec(select(Video.id).where(clause(condition))))


def _library() -> list[Facts]:
    """Videos with every mixture of what filters speak of, the empty column included."""
    draw = random.Random(7)

    def one(number: int) -> Facts:
        folder = draw.choice(["inbox", "inbox/Holiday", "library/videos/holiday/a_b", "playback", "digests"])
        name = draw.choice(["beach", "BEACH", "x%y", "back\\s", "O'Neill", 'say "so"', "Été", "under_score"])
        made = draw.random() < 0.4
        video = Video(
            id=UUID(int=number), title=name, path=f"{folder}/{name}-{number}.mp4", filename=f"{name}-{number}.mp4",
            directory_type=folder.split("/")[0] if "library" not in folder else "videos",
            size=draw.choice([0, 10, 10**9, 2**62]), mtime_ns=number, content_id=f"c{number}",
            container=draw.choice([None, "mov,mp4"]), video_codec=draw.choice([None, "h264", "hevc"]),
            audio_codec=draw.choice([None, "aac"]), width=draw.choice([None, 2, 1920]),
            height=draw.choice([None, 1080]), duration=draw.choice([None, 0.0, 90.0, 600.0, 0.125]),
            bit_rate=draw.choice([None, 10**9]), audio_tracks=draw.choice([None, 0, 2]),
            is_valid=draw.random() < 0.8, missing_since=draw.choice([None, utc_now()]),
            is_product=made, recipe=f"r{number}" if made else None,
            source_size=draw.choice([0, 20, 10**9 + 90, 2**62]) if made else None, vmaf=draw.choice([None, 90.0]),
            thumbnail_path=draw.choice([None, "thumbnails/a.jpg"]),
            created_at=datetime(draw.choice([1999, 2026]), 1, 1, tzinfo=UTC),
        )  # fmt: skip
        return Facts(video)

    return [one(number) for number in range(1, 61)]


def _write_down(library: list[Facts]) -> None:
    """Store them, with what stands in other tables: of this file or of an earlier one, there or gone, wanted or not."""
    draw = random.Random(8)
    with session() as opened:
        opened.add_all([facts.video for facts in library])
    with session() as opened:
        for facts, other in zip(library, itertools.cycle(library[30:]), strict=False):
            video = facts.video
            for name in draw.sample(["beach", "under_score", "Holiday".lower()], draw.randint(0, 2)):
                tagging.set_by_person(opened, video.id, name, fits := draw.random() < 0.7)
                facts.tags |= {name} if fits else set()
            same = draw.random() < 0.5
            found: dict[str, Any] = {"video_id": video.id, "size": video.size, "mtime_ns": video.mtime_ns + (not same)}
            if draw.random() < 0.6:
                content = draw.choice([None, video.content_id])
                board = Asset(video_id=video.id, path="a.vtt", kind="storyboard", content_id=content if same else "old")
                assets.record(opened, [board])
                facts.products |= {"storyboard"} if same else set()
                hashes = PerceptualHashes(**found, algorithm="a", seconds=0, hashes=b"")
                findings.store_perceptual_hashes(opened, hashes)
                facts.products |= {"perceptual_hash"} if same else set()
            if video is not other.video and other.video.source_video_id is None:
                other.video.source_video_id = video.id
                opened.merge(other.video)
                product = {"playback": "copy", "digests": "digest"}.get(other.video.directory_type)
                facts.products |= {product} if product and other.video.missing_since is None else set()


@pytest.fixture
def library(catalogue: str) -> list[Facts]:
    """A library that the catalogue holds."""
    videos = _library()
    _write_down(videos)
    return videos


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(condition=conditions(st.text("aAbB*?%_/\\'\"é", max_size=4)))
def test_the_clause_chooses_what_the_words_mean(library: list[Facts], condition: Condition) -> None:
    meant = {facts.video.id for facts in library if holds(condition, facts)}
    with session() as opened:
        assert _chosen(opened, condition) == meant
        assert _chosen(opened, Not(condition)) == {facts.video.id for facts in library} - meant


def test_each_field_and_flag_divides_the_library(library: list[Facts]) -> None:
    """So the comparison with the naive evaluation compares something."""
    divided = ["invalid", "missing", "made", "copy is missing", "digest is missing", "storyboard is missing",
        "thumbnail is missing", "perceptual_hash is missing", "tag = beach", "tag is missing", "path ~ holiday/*",
        "path ~ '*.mp4' and width = 2", "created after 2000-01-01", "size > 1 GB", "title contains B",
        "saved < 0", "saved is missing", "vmaf = 90"]  # fmt: skip
    with session() as opened:
        counts = {text: len(_chosen(opened, parse_filter(text))) for text in divided}
    assert [text for text, count in counts.items() if not 0 < count < len(library)] == []


def test_text_never_becomes_sql(library: list[Facts]) -> None:
    statement = select(Video).where(clause(parse_filter('title = "\'; DROP TABLE video --" or tag ~ "x\' or 1=1 *"')))
    compiled = statement.compile(get_engine())
    assert "DROP" not in str(compiled)
    assert "1=1" not in str(compiled)
