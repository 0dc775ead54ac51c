"""Put a file into the catalogue the way a scan does, and see what is in the library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import product_sources
from reelmill.catalogue.models import Video
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scan import scan
from reelmill.operations.ownership import MARKER
from reelmill.operations.publishing.marking import mark
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip
from tests.operations.crashes import RECIPE


def add(bench: Workbench, path: Path) -> Video:
    """Scan the folder of ``path`` and answer with its record."""
    (video,) = add_all(bench, [path])
    return video


def add_all(bench: Workbench, paths: Sequence[Path]) -> list[Video]:
    """The same of several in one folder, with one scan; in the order given."""
    relative = [bench.root.relative(path) for path in paths]
    (kind,) = {bench.root.directory_type(path) for path in relative}
    scan(bench.root, kind, directory_types=[kind], settle_seconds=0, report=bench.report)
    with session() as opened:
        return [opened.exec(select(Video).where(Video.path == path)).one() for path in relative]


class Taken(NamedTuple):
    """What a product holds of one video, as the catalogue has it."""

    source: str
    source_start: float | None
    source_end: float | None
    starts_at: float | None
    ends_at: float | None
    cell: int | None


def taken(path: str) -> list[Taken]:
    """What the product at ``path`` is made of."""
    with session() as opened:
        product = opened.exec(select(Video).where(Video.path == path)).one()
        found = product_sources.sources_of(opened, product.id)
        times = ("source_start", "source_end", "starts_at", "ends_at", "cell")
        return [
            Taken(source.path, *(getattr(row, name) for name in times)) for row, source in found if source is not None
        ]


def marked(path: Path) -> Path:
    """A short video as it is once it was published by the recipe of ``crashes``: its bytes stay as they are."""
    clip(path, seconds=0.2, size="64x48", options=("-movflags", "+faststart"))
    mark(path, RECIPE, None)
    return path


def files(root: MediaRoot) -> list[Path]:
    """Every file under the root, hidden ones and work too, in order; but for the marker that any job writes."""
    return sorted(path for path in root.path.rglob("*") if path.is_file() and path != root.path / MARKER)
