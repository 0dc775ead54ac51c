"""What people call a video leads to its record, or to a sentence with the way out; an index serves each way."""

from __future__ import annotations

import copy
import pickle
import unicodedata
import uuid
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.naming import resolve_video, short_ids
from reelmill.errors import AmbiguousVideo, OutsideMediaRoot, UnknownVideo, UserError
from reelmill.storage.media_root import MediaRoot

pytestmark = pytest.mark.usefixtures("catalogue")

CHAPLIN = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


def _add(*paths: str, **facts: Any) -> None:
    records = []
    for path in paths:
        name = PurePosixPath(path)
        kind = name.parts[1] if name.parts[0] == "library" else name.parts[0]
        values: dict[str, Any] = {
            "title": name.stem,
            "directory_type": kind,
            "filename": name.name,
            "size": 1,
            "mtime_ns": 1,
        }
        records.append(Video(path=path, **(values | facts)))
    with session() as opened:
        scanning.upsert_videos(opened, records)


def _path(name: str | uuid.UUID, root: MediaRoot | None = None) -> str:
    with session() as opened:
        return resolve_video(opened, name, root).path


def _refused(name: str | uuid.UUID, root: MediaRoot | None = None) -> UserError:
    with session() as opened, pytest.raises(UserError) as refusal:
        resolve_video(opened, name, root)
    return refusal.value


@pytest.mark.parametrize(
    "name",
    [
        CHAPLIN,
        str(CHAPLIN),
        CHAPLIN.hex,
        " 0F8FAD5BD9CB469FA16570867728950E\n",
        "0f8f",
        "0F8FAD5B",
        "0f8fad5b-d9cb-46",
        "0f8fad5bd9cb46",
        "inbox/Chaplin.mp4",
        "./inbox/Chaplin.mp4",
        "public/../inbox//Chaplin.mp4",
        " inbox/Chaplin.mp4 ",
        "Chaplin.mp4",
        "CHAPLIN.MP4",
        " chaplin.mp4",
        "The Kid: 1921 / restored",
        "the kid: 1921 / RESTORED ",
    ],
)
def test_one_video_by_many_names(name: str | uuid.UUID) -> None:
    _add("inbox/Chaplin.mp4", id=CHAPLIN, title="The Kid: 1921 / restored")
    _add("inbox/other.mp4", id=uuid.UUID(int=7))
    assert _path(name) == "inbox/Chaplin.mp4"


def test_a_path_within_the_media_root_may_be_absolute(media_root: MediaRoot) -> None:
    _add("inbox/a.mp4", "public/a.mp4")
    (media_root.path / "link").symlink_to("public")
    (media_root.path.parent / "mount").symlink_to(media_root.path)
    assert _path(str(media_root.path / "public/a.mp4"), media_root) == "public/a.mp4"
    assert _path(str(media_root.path / "public/a.mp4")) == "public/a.mp4", "this node's, where none is given"
    assert _path(str(media_root.path / "link/a.mp4")) == "public/a.mp4"
    assert _path(str(media_root.path.parent / "mount/inbox/a.mp4")) == "inbox/a.mp4"
    assert _path(str(media_root.path.parent / "mount/inbox/a.mp4"), MediaRoot(media_root.path.parent / "mount"))


def test_a_path_to_somewhere_else_is_none_of_the_library(media_root: MediaRoot) -> None:
    _add("inbox/passwd")
    assert isinstance(_refused("/etc/passwd", media_root), OutsideMediaRoot)
    assert isinstance(_refused("../inbox/passwd", media_root), UnknownVideo)
    _add("inbox/odd.mp4", title="/etc/passwd")
    assert _path("/etc/passwd") == "inbox/odd.mp4"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("inbox/2019", "inbox/2019"),  # a path, though a title is the same
        ("2019", "inbox/2019"),  # a file name, though an id begins with it and a title is the same
        ("beef", "inbox/x.mp4"),  # a title, though an id begins with it
        ("beef1", "inbox/beef.mp4"),  # and here only the id does
        ("IMG.MP4", "inbox/IMG.MP4"),  # as it is written
        ("img.mp4", "public/img.mp4"),
    ],
)
def test_the_first_way_that_leads_anywhere_decides(name: str, path: str) -> None:
    _add("inbox/2019", title="nothing")
    _add("inbox/y.mp4", title="2019")
    _add("inbox/z.mp4", title="inbox/2019")
    _add("inbox/20.mp4", id=uuid.UUID("2019" + 28 * "0"))
    _add("inbox/x.mp4", title="beef")
    _add("inbox/beef.mp4", id=uuid.UUID("beef1" + 27 * "0"), title="roast")
    _add("inbox/IMG.MP4", "public/img.mp4")
    assert _path(name) == path


@pytest.mark.parametrize(
    "filename",
    [
        "100%.mp4",
        "a_b.mp4",
        "back\\slash.mp4",
        "'; DROP TABLE video; --.mp4",
        "L'ÉTÉ ☀.mp4",
        "  spaces  ",
        "%",
        "{x}.mp4",
    ],
)
def test_odd_names_are_names(filename: str) -> None:
    _add(f"inbox/{filename}", "inbox/100x.mp4", "inbox/axb.mp4", "inbox/backslash.mp4", "inbox/spaces")
    assert _path(filename) == f"inbox/{filename}"
    assert _path(f"inbox/{filename}") == f"inbox/{filename}"
    assert _path(filename.lower()) == f"inbox/{filename}"


@pytest.mark.parametrize(("stored", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_either_unicode_normalisation_leads_to_a_name(stored: Any, asked: Any) -> None:
    _add(f"inbox/{unicodedata.normalize(stored, 'Fête à Zoé.mp4')}", title=unicodedata.normalize(stored, "Ça ira"))
    for name in ("Fête à Zoé.mp4", "inbox/Fête à Zoé.mp4", "FÊTE à zoé.MP4", "Ça ira", "ça IRA"):
        assert unicodedata.normalize("NFC", _path(unicodedata.normalize(asked, name))) == "inbox/Fête à Zoé.mp4"


def test_the_one_as_it_is_written_comes_before_its_twin_in_the_other_normalisation() -> None:
    twins = [unicodedata.normalize(form, "inbox/été.mp4") for form in ("NFC", "NFD")]
    _add(*twins)
    for path in twins:
        assert _path(path) == path
        assert _path(path.removeprefix("inbox/")) == path


def test_an_original_comes_before_what_was_made_of_it_and_a_file_that_is_there_before_a_missing_one() -> None:
    _add("inbox/a.mp4", title="A")
    _add("playback/a.mp4", title="A", is_product=True)
    _add("inbox/gone/a.mp4", title="A", missing_since=datetime.now(UTC))
    _add("playback/b.mp4", is_product=True)
    _add("inbox/c.mp4", missing_since=datetime.now(UTC))
    assert [_path(name) for name in ("a.mp4", "A", "b.mp4", "c.mp4", "playback/a.mp4")] == [
        *("inbox/a.mp4", "inbox/a.mp4", "playback/b.mp4", "inbox/c.mp4", "playback/a.mp4")
    ]


@pytest.mark.parametrize(("count", "listed"), [(2, 2), (10, 10), (11, 10), (50, 10)])
def test_candidates_are_listed(count: int, listed: int) -> None:
    _add(*(f"inbox/{index:02}/a.mp4" for index in reversed(range(count))))
    refusal = _refused("a.mp4")
    assert isinstance(refusal, AmbiguousVideo)
    assert refusal.candidates == tuple(f"inbox/{index:02}/a.mp4" for index in range(listed))
    with session() as opened:
        for path in refusal.candidates:
            assert f"{path} ({resolve_video(opened, path).id.hex[:8]})" in str(refusal)
    assert "\n" not in str(refusal)


def test_a_beginning_that_is_not_enough_lists_ids_that_are() -> None:
    ids = [uuid.UUID(f"abcdef0123{index:02}" + 20 * "0") for index in range(3)]
    for index, one in enumerate(ids):
        _add(f"inbox/{index}.mp4", id=one)
    refusal = str(_refused("ABCDEF01"))
    for index, short in enumerate(short_ids(ids)):
        assert f"inbox/{index}.mp4 ({short})" in refusal
        assert _path(short) == f"inbox/{index}.mp4"


def test_an_error_travels_with_its_candidates() -> None:
    error = AmbiguousVideo("two", ("a", "b"))
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(same), same.candidates) == ("two", ("a", "b"))


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "1", "abc", "holiday.mp4", str(uuid.UUID(int=5)), "0f8fad5b-d9cb-469f-a165-70867728950", "ü" * 32),
        *("\0", "\ud800.mp4", "%", "_", "b" * 4000, "b" * 100_000, ".", ".."),
    ],
)
def test_what_nobody_is_called(name: str) -> None:
    _add("inbox/a.mp4", title="")
    refusal = _refused(name)
    assert isinstance(refusal, UnknownVideo), refusal
    assert "`reelmill videos list`" in str(refusal)


def test_the_nearest_names_are_said() -> None:
    _add("inbox/chaplin.mp4", "inbox/keaton.mp4", "inbox/keaton 2.mp4")
    _add("public/GX010042.MP4", title="At the lake")
    for typo, near in {
        "chaplon.mp4": ["inbox/chaplin.mp4"],
        "inbox/chapln.mp4": ["inbox/chaplin.mp4"],
        "keatn": ["inbox/keaton.mp4", "inbox/keaton 2.mp4"],
        "At the lakes": ["public/GX010042.MP4"],
        "GX01042.MP4": ["public/GX010042.MP4"],
        "nothing alike": [],
    }.items():
        refusal = str(_refused(typo))
        assert repr(typo) in refusal
        assert all(path in refusal for path in near)
        assert refusal.count("inbox/") - typo.count("inbox/") + refusal.count("public/") == len(near), refusal


def test_a_file_that_no_scan_has_met_is_said_to_be_there(media_root: MediaRoot) -> None:
    new = media_root.path / "inbox/new.mp4"
    new.touch()
    for name in ("inbox/new.mp4", str(new)):
        assert "inbox/new.mp4 is there and not in the catalogue yet; scan" in str(_refused(name, media_root))


def test_an_index_serves_every_way() -> None:
    """Every statement is explained as it is sent, in a library large enough for PostgreSQL to care."""
    with session() as opened:
        opened.connection().execute(text(_MANY), {"count": 20_000})
    with get_engine().connect() as connection, connection.execution_options(isolation_level="AUTOCOMMIT") as open_:
        open_.execute(text("ANALYZE catalogue.video"))
    plans: list[str] = []

    def explain(connection: Connection, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            with cursor.connection.cursor() as other:
                other.execute(f"EXPLAIN {statement}", values)
                plans.append("\n".join(row[0] for row in other.fetchall()))

    event.listen(get_engine(), "before_cursor_execute", explain)
    try:
        names = ("clip 777.mp4", "CLIP 777.MP4", "film 777", "Film 777", "c4ca4238a0", "inbox/777/clip 777.mp4")
        assert [_path(name) for name in names] == ["inbox/777/clip 777.mp4"] * 4 + [
            *("inbox/1/clip 1.mp4", "inbox/777/clip 777.mp4")
        ]
    finally:
        event.remove(get_engine(), "before_cursor_execute", explain)
    assert len(plans) > len(names)
    for plan in plans:
        assert "Seq Scan" not in plan, plan
        assert "video_path_key" not in plan or "Index Cond" in plan, plan


#: Records made by PostgreSQL itself: a thousand folders, names that look alike.
_MANY = """
    INSERT INTO catalogue.video (id, title, path, directory_type, filename, size, mtime_ns, is_valid, created_at,
                                 updated_at)
    SELECT md5(i::text)::uuid, 'film ' || i, 'inbox/' || i % 1000 || '/clip ' || i || '.mp4', 'inbox',
           'clip ' || i || '.mp4', i, i, true, now(), now()
    FROM generate_series(1, :count) AS i
"""
