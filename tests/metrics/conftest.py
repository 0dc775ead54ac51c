from __future__ import annotations

from collections.abc import Iterator

import pytest

from reelmill.catalogue.engine import get_engine
from reelmill.settings import get_settings
from tests.metrics.prefect_database import SCHEMA, make_tables, remove_tables


@pytest.fixture
def prefect_tables(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogue's database has Prefect's tables, and no server: as every query here finds them, and nobody else."""
    url = catalogue.replace("+psycopg", "")
    sign = "&" if "?" in url else "?"
    monkeypatch.setenv("REELMILL_DATABASE_URL", f"{url}{sign}options=-csearch_path%3D{SCHEMA},public")
    get_settings.cache_clear()
    make_tables()
    yield
    remove_tables()
    get_engine().dispose()
