"""The one reading of a source before it is encoded; what it copies on the way stays in the chunk store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from reelmill.catalogue.models import Video
from reelmill.errors import DiskFull, ReelmillError
from reelmill.ffmpeg.commands.filters import text_subtitles
from reelmill.ffmpeg.reading.flash_index import sought_from_start
from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable, PacketTaker, index_or_reason, take_packets
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.source_reading import CompanionCopy, PacketTimes, SourceReading, source_reading
from reelmill.ffmpeg.remux.companion_copy import index_and_companions
from reelmill.ffmpeg.remux.indexed_copy import copied_with_index
from reelmill.operations import size_estimates
from reelmill.operations.chunk_store.chunk_maker import ChunkMaker
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.store import Store, StoredChunk
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import SourceContent, recipe
from reelmill.settings import get_settings
from reelmill.storage.file_state import FileState

#: The number of the way in which companions are copied.
_WAY: Final = 2


class _NoCopy(ReelmillError):
    """That a video, or what comes with it, stays where it is."""


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
        state, content = FileState.of(source), self._bench.content(self._video, source, info.video.number)
        copied = self._copied_with_index(content, source, info, *takers) if sought_from_start(source, info) else None
        if copied is None:
            reading = self._with_companions(content, source, info, *takers)
        else:
            reading = self._with_companions(content, copied, info)
            known = None if reading.known is None else replace(reading.known, frames_copy=copied)
            reading = replace(reading, known=known)
        state.require(source, self._video.path)
        return reading

    def _copied_with_index(
        self, content: SourceContent, source: Path, info: MediaInfo, *takers: PacketTaker
    ) -> Path | None:
        # None where there is no room for it, or what it would lack; else all packets have passed by the takers.

        def copy(target: Path) -> dict[str, Any]:
            state = FileState.of(source)
            copied = copied_with_index(source, target, *takers)
            state.require(source, self._video.path)
            if not copied:
                raise _NoCopy
            return {"node": get_settings().node_name, "frames": 0}

        try:
            stored = self._stored("indexed", content, info.size, copy)
        except (_NoCopy, DiskFull):
            return None
        if stored.reused and takers:
            take_packets(stored.path, *takers)
        return stored.path

    def _with_companions(self, content: SourceContent, source: Path, info: MediaInfo, *takers: PacketTaker) -> Reading:
        times, found = PacketTimes(), list[Index | NotCuttable]()
        takers = (*takers, times)
        if not (info.audio_tracks or text_subtitles(info)):
            index = index_or_reason(source, *takers)
            return Reading(index, source_reading(index, times, None))

        def copy(target: Path) -> dict[str, Any]:
            state = FileState.of(source)
            index, copied = index_and_companions(source, info, target, *takers)
            state.require(source, self._video.path)
            found.append(index)
            if copied is None:
                raise _NoCopy
            return {"node": get_settings().node_name, "frames": 0, "later": str(copied.later)}

        try:
            stored = self._stored("companions", content, size_estimates.companions(info), copy)
        except _NoCopy:
            return Reading(found[0])
        if stored.reused:
            self._bench.report.line("copy of the audio and subtitles, made before")
        index = found[0] if found else index_or_reason(source, *takers)
        copied = CompanionCopy(stored.path, Fraction(stored.facts["later"]))
        return Reading(index, source_reading(index, times, copied))

    def _stored(
        self, kind: str, content: SourceContent, size: int, copy: Callable[[Path], dict[str, Any]]
    ) -> StoredChunk:
        """What is copied of a source, found in the store or made; it is claimed, and there is room for it."""
        store, key = Store(self._bench.root), recipe(kind, [content], way=_WAY)
        self._claim.add([key])
        if store.progress(key) < 1:
            self._bench.disk.require(size)
        return ChunkMaker(store, self._bench.report).find_or_make(key, copy)
