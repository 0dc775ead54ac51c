"""Put a file into the catalogue the way a scan does."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.operations.scan import scan
from reelmill.operations.workbench import Workbench


def add(bench: Workbench, path: Path) -> Video:
    """Scan the folder of ``path`` and answer with its record."""
    relative = bench.root.relative(path)
    kind = bench.root.directory_type(relative)
    scan(bench.root, kind, directory_types=[kind], settle_seconds=0, report=bench.report)
    with session() as opened:
        return opened.exec(select(Video).where(Video.path == relative)).one()
