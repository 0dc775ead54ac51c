from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.metrics.prefect_database import beside_catalogue


@pytest.fixture
def prefect_tables(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogue's database has Prefect's tables, and no server: as every query here finds them, and nobody else."""
    with beside_catalogue(catalogue, monkeypatch):
        yield
