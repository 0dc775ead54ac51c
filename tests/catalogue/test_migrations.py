from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from reelmill.catalogue import engine as engine_module
from reelmill.catalogue.engine import alembic_config, bring_up_to_date, get_engine, migrate, revisions
from reelmill.catalogue.models import SCHEMA
from reelmill.errors import PlatformError, SiteError
from reelmill.settings import Settings
from reelmill.troubles import SiteTrouble
from tests.catalogue.databases import differences, url_of
from tests.refusals import refused


def test_nothing_upgraded_is_the_models(empty: Engine) -> None:
    assert differences(empty) != []
    migrate(empty)
    assert differences(empty) == []


def test_again_changes_nothing(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO {SCHEMA}.video (id, title, path, directory_type, filename, size, mtime_ns, is_valid, "
                "created_at, updated_at) VALUES (gen_random_uuid(), 't', 'p', 'd', 'f', 1, 1, true, now(), now())"
            )
        )
    migrate(empty)
    with empty.connect() as connection:
        assert connection.execute(text(f"SELECT path FROM {SCHEMA}.video")).scalars().all() == ["p"]


def test_many_at_once(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(empty), range(4)))
    assert differences(empty) == []


def test_a_schema_of_a_newer_version_is_left_as_it_is(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text(f"ALTER TABLE {SCHEMA}.video ADD COLUMN colour text"))
        connection.execute(text(f"UPDATE {SCHEMA}.alembic_version SET version_num = '9999'"))
    migrate(empty)
    with empty.connect() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {SCHEMA}.alembic_version")).scalars().all() == ["9999"]
    assert "colour" in {column["name"] for column in inspect(empty).get_columns("video", SCHEMA)}


def test_a_query_migrates_no_schema_that_others_may_use(empty: Engine) -> None:
    settings = Settings(database_url=url_of(empty))
    migrate(empty)
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "0009")
    with refused(SiteError, trouble=SiteTrouble.DATABASE):
        get_engine(settings)
    with empty.connect() as connection:
        assert revisions(connection).current == "0009"
    bring_up_to_date(settings).dispose()
    with empty.connect() as connection:
        assert revisions(connection).current == revisions(connection).head


def test_an_empty_database_gets_its_schema_by_whoever_comes_first(empty: Engine) -> None:
    settings = Settings(database_url=url_of(empty) + "&application_name=first")
    with ThreadPoolExecutor(4) as pool:
        for engine in pool.map(lambda _: get_engine(settings), range(4)):
            engine.dispose()
    assert differences(empty) == []


def test_an_older_process_mentions_that_the_schema_is_newer(empty: Engine, caplog: pytest.LogCaptureFixture) -> None:
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text(f"UPDATE {SCHEMA}.alembic_version SET version_num = '9999'"))
    get_engine(Settings(database_url=url_of(empty) + "&application_name=older")).dispose()
    assert [record.levelname for record in caplog.records if "newer version of Reelmill" in record.message] == [
        "WARNING"
    ]


def test_a_table_that_is_held_ends_the_migration_in_words(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LOCK_SECONDS", 1)
    migrate(empty)
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "0009")
    with empty.begin() as busy:
        busy.execute(text(f"SELECT count(*) FROM {SCHEMA}.video"))
        with refused(PlatformError):
            migrate(empty)
    with empty.connect() as connection:
        assert revisions(connection).current == "0009"
    migrate(empty)
    assert differences(empty) == []


def test_prefects_tables_are_left_alone(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE EXTENSION pg_trgm; CREATE TABLE public.flow_run (id int)"))
    migrate(empty)
    assert differences(empty) == []
    assert inspect(empty).get_table_names("public") == ["flow_run"]


def test_back_to_nothing_and_up_again(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert set(inspect(empty).get_table_names(SCHEMA)) <= {"alembic_version"}
    migrate(empty)
    assert differences(empty) == []


def test_each_step_goes_down_and_up(empty: Engine) -> None:
    migrate(empty)
    with empty.connect() as connection:
        revisions = [
            script.revision for script in ScriptDirectory.from_config(alembic_config(connection)).walk_revisions()
        ]
    assert revisions
    for _ in revisions:
        with empty.begin() as connection:
            command.downgrade(alembic_config(connection), "-1")
    for _ in revisions:
        with empty.begin() as connection:
            command.upgrade(alembic_config(connection), "+1")
    assert differences(empty) == []


def test_a_catalogue_is_of_one_site_from_its_first_migration_on(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(empty), range(4)))
    with empty.connect() as connection:
        first = connection.execute(text(f"SELECT id FROM {SCHEMA}.site")).scalars().all()
    migrate(empty)
    with empty.connect() as connection:
        assert connection.execute(text(f"SELECT id FROM {SCHEMA}.site")).scalars().all() == first
    assert len(first) == 1
    for value in ("true", "false"):
        with pytest.raises(IntegrityError), empty.begin() as connection:
            connection.execute(text(f"INSERT INTO {SCHEMA}.site VALUES ({value}, gen_random_uuid(), now())"))


_PRODUCT = """
INSERT INTO catalogue.video (id, title, path, directory_type, filename, size, mtime_ns, is_valid, is_product,
    source_video_id, details, created_at, updated_at)
SELECT md5(:path)::uuid, '', :path, 'x', 'x', 1, 1, true, CAST(:source AS text) IS NOT NULL,
    (SELECT id FROM catalogue.video WHERE path = :source), CAST(:details AS jsonb), now(), now()
"""


def test_products_of_before_have_the_rows_that_their_records_give_away(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "0012")
    made = {
        "copy": {"encoder": "libx264", "cost": None},
        "clip": {"start": 1.5, "end": 3, "reason": "loud"},
        "digest": {"scenes": 9, "segments": [{"start": 1, "end": 3.5}, {"start": 7, "end": 8}]},
        "highlights": {"moments": [{"start": 0, "end": 2}]},
        "old": None,
        "film": {"pieces": [{"source": "b", "start": 0, "duration": 2}, {"source": "gone", "start": 2, "duration": 1}]},
    }
    with empty.begin() as connection:
        for path in ("a", "b"):
            connection.execute(text(_PRODUCT), {"path": path, "source": None, "details": None})
        for path, details in made.items():
            connection.execute(text(_PRODUCT), {"path": path, "source": "a", "details": json.dumps(details)})
        connection.execute(text("UPDATE catalogue.video SET source_video_id = NULL WHERE path IN ('b', 'film')"))
    migrate(empty)
    with empty.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT video.path, source.path, source_path, source_start, source_end, starts_at, ends_at "
                "FROM catalogue.product_source JOIN catalogue.video ON video.id = product_id "
                "LEFT JOIN catalogue.video AS source ON source.id = source_id ORDER BY video.path, number"
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        ("clip", "a", "a", 1.5, 3, None, None),
        ("copy", "a", "a", None, None, None, None),
        ("digest", "a", "a", 1, 3.5, 0, 2.5),
        ("digest", "a", "a", 7, 8, 2.5, 3.5),
        ("film", "b", "b", None, None, 0, 2),
        ("film", None, "gone", None, None, 2, 3),
        ("highlights", "a", "a", 0, 2, None, None),
        ("old", "a", "a", None, None, None, None),
    ]


def test_copies_of_before_have_the_figures_that_their_records_give_away(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "0014")
    cost = {"bytes_in": 30, "cpu_seconds": 2.5, "joules": None, "vmaf": 91.5}
    made = {"measured": {"encoder": "x", "cost": cost}, "unmeasured": {"encoder": "x", "cost": None}, "old": None}
    with empty.begin() as connection:
        connection.execute(text(_PRODUCT), {"path": "source", "source": None, "details": None})
        for path, details in {**made, "replaced": made["measured"], "clip": {"start": 1}}.items():
            connection.execute(text(_PRODUCT), {"path": path, "source": "source", "details": json.dumps(details)})
        connection.execute(text("UPDATE catalogue.video SET size = 20 WHERE path = 'source'"))
        connection.execute(text("UPDATE catalogue.video SET recipe = path WHERE path NOT IN ('source', 'replaced')"))
        connection.execute(text("UPDATE catalogue.video SET directory_type = 'playback' WHERE path <> 'clip'"))
    migrate(empty)
    figures = "SELECT path, source_size, encode_cpu_seconds, encode_joules, vmaf FROM catalogue.video"
    with empty.connect() as connection:
        rows = connection.execute(text(f"{figures} WHERE source_size IS NOT NULL ORDER BY path")).all()
    assert [tuple(row) for row in rows] == [
        ("measured", 30, 2.5, None, 91.5),
        ("old", 20, None, None, None),
        ("unmeasured", 20, None, None, None),
    ]


_BOARD = """
INSERT INTO catalogue.analysis (video_id, kind, version, content_id, size, mtime_ns, result, made_at)
SELECT id, 'storyboard', 'keyframes-1', :content, 1, :mtime, 'thumbnails/b.vtt'::bytea, now()
FROM catalogue.video WHERE path = :path
"""


def test_thumbnails_and_storyboards_of_before_have_rows_and_go_back(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "0012")
        for path in ("dated", "stale", "read", "replaced"):
            connection.execute(text(_PRODUCT), {"path": path, "source": None, "details": None})
        connection.execute(text("UPDATE catalogue.video SET thumbnail_path = 'thumbnails/a.jpg' WHERE path = 'dated'"))
        connection.execute(text("UPDATE catalogue.video SET content_id = 'c' WHERE path IN ('read', 'replaced')"))
        for path, content, mtime in (("dated", None, 1), ("stale", None, 2), ("read", "c", 2), ("replaced", "d", 1)):
            connection.execute(text(_BOARD), {"path": path, "content": content, "mtime": mtime})
    migrate(empty)
    rows = (
        "SELECT video.path, asset.path, kind, asset.content_id FROM catalogue.asset "
        "JOIN catalogue.video ON video.id = video_id ORDER BY video.path, asset.path"
    )
    boards = "SELECT path FROM catalogue.analysis JOIN catalogue.video ON video.id = video_id ORDER BY path"
    with empty.begin() as connection:
        assert [tuple(row) for row in connection.execute(text(rows))] == [
            ("dated", "thumbnails/a.jpg", "thumbnail", None),
            ("dated", "thumbnails/b.vtt", "storyboard", None),
            ("read", "thumbnails/b.vtt", "storyboard", "c"),
        ]
        assert connection.execute(text(boards)).all() == []
        command.downgrade(alembic_config(connection), "0012")
        assert connection.execute(text(boards)).scalars().all() == ["dated", "read"]
