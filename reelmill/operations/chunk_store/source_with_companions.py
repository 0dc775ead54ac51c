"""The one reading of a source before it is encoded; what it copies on the way stays in the chunk store."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from reelmill.catalogue.models import Video
from reelmill.errors import ReelmillError
from reelmill.ffmpeg.commands.filters import text_subtitles
from reelmill.ffmpeg.reading.flash_index import sought_from_start
from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable, PacketTaker, index_or_reason
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.source_reading import CompanionCopy, PacketTimes, SourceReading, source_reading
from reelmill.ffmpeg.remux.companion_copy import index_and_companions
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.chunk_maker import ChunkMaker
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.store import Store
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import recipe
from reelmill.settings import get_settings
from reelmill.storage.file_state import FileState

#: The number of the way in which companions are copied.
_WAY: Final = 2


class _NoCopy(ReelmillError):
    """That the companions of a video stay where they are."""


@dataclass(frozen=True)
class Reading:
    """What one reading of a source found."""

    index: Index | NotCuttable = field(repr=False)  # or why it has none
    known: SourceReading | None = field(default=None, repr=False)  # None: each step reads the source again


class SourceReader:
    """Reads the source of a web copy, once for all that is asked of its packets.

    Args:
        bench: what to work with.
        video: its record.
        claim: of the job, which keeps the copy of its audio and subtitles until it ends.
    """

    def __init__(self, bench: Workbench, video: Video, claim: JobClaim):
        self._bench, self._video, self._claim = bench, video, claim
        self._read: tuple[Path, Reading] | None = None

    def read_packets(self, source: Path, info: MediaInfo, taker: PacketTaker) -> None:
        """Read a file through for whoever takes its packets, and keep what ``read`` would find.

        Raises:
            InputError, ChangedMeanwhile, DiskFull, LockLost, PlatformError: see ``read``.
        """
        self._read = source, self._reading(source, info, taker)

    def read(self, source: Path, info: MediaInfo) -> Reading:
        """Read a source for its index, and copy its audio and subtitles where that spares further readings.

        Args:
            source: the file.
            info: its facts.

        Returns:
            What was found, now or before.

        Raises:
            InputError: it cannot be used.
            ChangedMeanwhile: it is another by now.
            DiskFull: there is no room for the copy.
            LockLost, PlatformError: see ``ChunkMaker``.
        """
        if self._read is None or self._read[0] != source:
            self._read = source, self._reading(source, info)
        return self._read[1]

    def _reading(self, source: Path, info: MediaInfo, *takers: PacketTaker) -> Reading:
        times, found = PacketTimes(), list[Index | NotCuttable]()
        takers = (*takers, times)
        if not (info.audio_tracks or text_subtitles(info)):
            index = index_or_reason(source, *takers)
            return Reading(index, source_reading(index, times, None))
        bench, store = self._bench, Store(self._bench.root)
        key = recipe("companions", [bench.content(self._video, source, info.video.number)], way=_WAY)
        self._claim.add([key])
        frames = sought_from_start(source, info)
        if store.progress(key) < 1:
            bench.disk.require(info.size if frames else size_estimates.companions(info))

        def copy(target: Path) -> dict[str, Any]:
            state = FileState.of(source)
            index, copied = index_and_companions(source, info, target, *takers, frames=frames)
            state.require(source, self._video.path)
            found.append(index)
            if copied is None:
                raise _NoCopy
            kept = {"later": str(copied.later), "with_frames": copied.frames}
            return {"node": get_settings().node_name, "frames": 0, **kept}

        try:
            stored = ChunkMaker(store, bench.report).find_or_make(key, copy)
        except _NoCopy:
            return Reading(found[0])
        if stored.reused:
            bench.report.line("copy of the audio and subtitles, made before")
        index = found[0] if found else index_or_reason(source, *takers)
        copied = CompanionCopy(stored.path, Fraction(stored.facts["later"]), stored.facts["with_frames"])
        return Reading(index, source_reading(index, times, copied))
