"""A library to measure in: its own PostgreSQL and media root, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from reelmill.catalogue.engine import embedded, get_engine
from reelmill.operations.context import Workbench
from reelmill.settings import get_settings
from reelmill.storage.media_root import MediaRoot


class Silence:
    """A report nobody reads, so that neither side pays for printing."""

    def line(self, text: str) -> None:
        """Nothing."""

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        """Nothing."""


@contextmanager
def library() -> Iterator[Workbench]:
    """A workbench on an empty library of its own."""
    folder = Path(tempfile.mkdtemp(prefix="reelmill-bench-"))
    folder.chmod(0o755)  # under root PostgreSQL runs as another account, which must be let in
    os.environ |= {"REELMILL_DATA_DIR": str(folder / "data"), "REELMILL_MEDIA_ROOT": str(folder / "media")}
    os.environ.pop("REELMILL_DATABASE_URL", None)
    get_settings.cache_clear()
    root = MediaRoot(folder / "media")
    root.create()
    try:
        yield Workbench(root=root, report=Silence())
    finally:
        get_engine().dispose()
        embedded(get_settings().postgres_dir).release()
        shutil.rmtree(folder, ignore_errors=True)


def forget() -> None:
    """Empty the catalogue."""
    with get_engine().begin() as connection:
        connection.execute(text("TRUNCATE catalogue.video CASCADE"))
