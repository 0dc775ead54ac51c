"""A catalogue of the last release, filled by its own code, goes up, down and up again: nothing of it is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from sqlalchemy import Engine, inspect, text

from reelmill.catalogue.engine import alembic_config, migrate
from reelmill.catalogue.models import SCHEMA
from tests.catalogue.databases import differences, url_of

_DUMP = Path(__file__).with_name("catalogue_0_3.sql")
_A, _B, _C = "inbox/Ferien – été ☀.mkv", "inbox/b.mp4", "inbox/c.mp4"

Rows = dict[str, list[dict[str, Any]]]


def _filled(engine: Engine) -> None:
    with psycopg.connect(url_of(engine)) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute(_DUMP.read_text())


def _rows(engine: Engine, names: dict[str, list[str]] | None = None) -> Rows:
    """Every row of every table, of the columns that are named; each table by all its values."""
    with engine.connect() as connection:
        tables = names or {name: ["*"] for name in inspect(engine).get_table_names(SCHEMA)}
        return {
            table: sorted(
                (
                    {column: bytes(value) if isinstance(value, memoryview) else value for column, value in row.items()}
                    for row in connection.execute(text(f"SELECT {', '.join(columns)} FROM {SCHEMA}.{table}")).mappings()
                ),
                key=repr,
            )
            for table, columns in tables.items()
        }


def _asked(engine: Engine, question: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def _check_new_rows(engine: Engine) -> None:
    """What the upgrade makes of what 0.3 kept."""
    made = "SELECT path FROM catalogue.video WHERE is_product ORDER BY path"
    assert [path.partition("/")[0] for (path,) in _asked(engine, made)] == [
        "clips", "clips", "clips", "compilations", "compilations", "digests", "highlights",
        "playback", "playback", "playback",
    ]  # fmt: skip
    sources = (
        "SELECT product.filename, number, source_path, source_id = source.id, source_start, source_end, starts_at, "
        "ends_at, cell FROM catalogue.product_source JOIN catalogue.video AS product ON product.id = product_id "
        "JOIN catalogue.video AS source ON source.path = source_path ORDER BY product.path, number"
    )
    assert _asked(engine, sources) == [
        ("Ferien – été ☀ scene 0001.mp4", 0, _A, True, 0, 20, None, None, None),
        ("b 00m05s.mp4", 0, _B, True, 5, 9, None, None, None),
        ("b 00m09s.mp4", 0, _B, True, 9, 13, None, None, None),
        ("random 2 5ce10f64.mp4", 0, _B, True, None, None, 0, 24, None),
        ("random 2 5ce10f64.mp4", 1, "inbox/c copy.mp4", True, None, None, 24, 35, None),
        ("Ferien – été ☀-digest.mp4", 0, _A, True, 1, 5, 0, 4, None),
        ("Ferien – été ☀-digest.mp4", 1, _A, True, 14, 16, 4, 6, None),
        ("Ferien – été ☀-highlights.mp4", 0, _A, True, 1, 5.24, None, None, None),
        ("Ferien – été ☀-highlights.mp4", 1, _A, True, 8.76, 11.24, None, None, None),
        ("Ferien – été ☀-highlights.mp4", 2, _A, True, 13.76, 16, None, None, None),
        ("Ferien – été ☀.mp4", 0, _A, True, None, None, None, None, None),
        ("b.mp4", 0, _B, True, None, None, None, None, None),
        ("joined.mp4", 0, "inbox/joined.ts", True, None, None, None, None, None),
    ]  # of the grid nothing was kept
    figures = (
        "SELECT path, source_size, size, encode_cpu_seconds, encode_joules, vmaf FROM catalogue.video "
        "WHERE source_size IS NOT NULL ORDER BY path"
    )
    assert _asked(engine, figures) == [
        ("playback/Ferien – été ☀.mp4", 1701129, 1020938, 0.8163109550000001, None, None),
        ("playback/b.mp4", 2147719, 601220, 1.370728, None, 47.165344),
        ("playback/joined.mp4", 318848, 280192, 0.22734, None, None),
    ]
    assets = (
        "SELECT video.path, right(asset.path, 12), kind, number, asset.content_id, recipe_known FROM (SELECT *, "
        "recipe IS NOT NULL AS recipe_known FROM catalogue.asset) AS asset JOIN catalogue.video ON video.id = video_id "
        "ORDER BY video.path, kind"
    )
    assert _asked(engine, assets) == [
        (_A, "dcc0f0da.vtt", "storyboard", None, None, False),
        (_A, "28cd7108.jpg", "thumbnail", None, None, False),
        (_C, "372c195e.vtt", "storyboard", None, None, False),
        (_C, "ff87deb6.jpg", "thumbnail", None, None, False),
        ("inbox/joined.ts", "223601f3.jpg", "thumbnail", None, None, False),
    ]
    assert _asked(engine, "SELECT has_unrecorded_images FROM catalogue.site") == [(True,)]


def test_nothing_is_lost_on_the_way_up_nor_down(empty: Engine) -> None:
    _filled(empty)
    before = _rows(empty)
    columns = {table: list(rows[0]) for table, rows in before.items() if rows}
    assert len(before["video"]) == 17
    migrate(empty)
    assert differences(empty) == []
    _check_new_rows(empty)
    after = _rows(empty, columns)
    boards = [row for row in before["analysis"] if row["kind"] == "storyboard"]
    assert len(boards) == 2  # rows of their own now, see above
    assert after["analysis"] == [row for row in before["analysis"] if row not in boards]
    for table in columns.keys() - {"analysis", "alembic_version"}:
        assert after[table] == before[table], table
    with empty.begin() as connection:
        command.downgrade(alembic_config(connection), "0010")
    assert _rows(empty) == before
    migrate(empty)
    _check_new_rows(empty)
    assert _rows(empty, columns) == after
