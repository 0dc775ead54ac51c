"""The one reading of a source before it is encoded; what it copies on the way stays in the chunk store."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from reelmill.catalogue.models import Video
from reelmill.errors import ReelmillError
from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable, read_index
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.source_reading import CompanionCopy, SourceReading
from reelmill.ffmpeg.remux.companion_copy import index_and_companions
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.chunk_maker import ChunkMaker
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import recipe
from reelmill.settings import get_settings

#: The number of the way in which companions are copied.
_WAY: Final = 1


class _NoCopy(ReelmillError):
    """That the companions of a video stay where they are."""


class _Reader:
    """One reading; the index outlives it where nothing was copied."""

    def __init__(self, source: Path, info: MediaInfo):
        self._source, self._info = source, info
        self.index: Index | None = None

    def copy(self, target: Path) -> dict[str, Any]:
        """Copy the companions; the facts to record of the copy."""
        self.index, copied = index_and_companions(self._source, self._info, target)
        if copied is None:
            raise _NoCopy
        return {"node": get_settings().node_name, "frames": 0, "later": str(copied.later), "end": copied.end}


def read_with_companions(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, claim: JobClaim
) -> tuple[Index | NotCuttable, SourceReading | None]:
    """Read a source for its index, and copy its audio and subtitles where that spares further readings.

    Args:
        bench: what to work with.
        video: the record.
        source: the file to read.
        info: its facts.
        claim: of the job, which keeps the copy until it ends.

    Returns:
        The index, or why there is none; and the reading, None where it spares none.

    Raises:
        InputError: it cannot be used.
        DiskFull: there is no room for the copy.
        LockLost, PlatformError: see ``ChunkMaker``.
    """
    key = recipe("companions", [bench.content(video, source, info.video.number)], way=_WAY)
    reader, store = _Reader(source, info), Store(bench.root)
    claim.add([key])
    if store.progress(key) < 1:
        bench.disk.require(size_estimates.companions(info))
    try:
        stored = ChunkMaker(store, bench.report).find_or_make(key, reader.copy)
        index = reader.index or read_index(source)
    except NotCuttable as reason:
        return reason, None
    except _NoCopy:
        assert reader.index is not None
        return reader.index, None
    if stored.reused:
        bench.report.line("copy of the audio and subtitles, made before")
    copied = CompanionCopy(stored.path, Fraction(stored.facts["later"]), stored.facts["end"])
    return index, SourceReading(index, copied)
