"""Put a file into the catalogue the way a scan does, and see what is in the library."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scan import scan
from reelmill.operations.ownership import MARKER
from reelmill.storage.media_root import MediaRoot


def add(bench: Workbench, path: Path) -> Video:
    """Scan the folder of ``path`` and answer with its record."""
    relative = bench.root.relative(path)
    kind = bench.root.directory_type(relative)
    scan(bench.root, kind, directory_types=[kind], settle_seconds=0, report=bench.report)
    with session() as opened:
        return opened.exec(select(Video).where(Video.path == relative)).one()


def files(root: MediaRoot) -> list[Path]:
    """Every file under the root, hidden ones and work too, in order; but for the marker that any job writes."""
    return sorted(path for path in root.path.rglob("*") if path.is_file() and path != root.path / MARKER)
