"""What the one reading of a source before its encode has found, so that no later step has to read all of it again."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.packet import Packet

from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable
from reelmill.ffmpeg.reading.probe import main_video


@dataclass(frozen=True)
class CompanionCopy:
    """The audio tracks of a video, and its subtitle tracks where some are text, in a file of their own.

    Tracks have the numbers and packets the times that they have in the video.
    """

    path: Path
    later: Fraction  # seconds by which this file begins later on that clock than the video; negative: earlier


@dataclass(frozen=True)
class SourceReading:
    """When the frames of a video are shown by its packets, and what comes with them; seconds on its own clock."""

    times: array[float]  # of the frames, sorted
    reaches: float | None  # the end of whatever ends last; None where nothing has a time
    all_tracks: bool  # whether that is so of all tracks, and not of the frames alone
    companions: CompanionCopy | None  # None: it has neither audio nor text
    frames_copy: Path | None = None  # that has the frames, of a video in which each seek reads from the start

    @property
    def beside(self) -> Path | None:
        """The file that has its audio and its text; None where it has none."""
        return None if self.companions is None else self.companions.path


class PacketTimes:
    """Takes the packets of a video for when its frames are shown; they need not make an index."""

    def __init__(self) -> None:
        self.whole = False  # whether it was read to its end
        self._frames = array("d")
        self._reaches: float | None = None
        self._main: int | None = None

    def begin(self, container: InputContainer) -> None:
        """See which track is shown."""
        found = main_video(container)
        self._main = None if found is None else found[1].index

    def add(self, packet: Packet[Any]) -> None:
        """Take a packet of any track."""
        if packet.pts is None or packet.time_base is None:
            return
        at = float(packet.pts * packet.time_base)
        end = at + float((packet.duration or 0) * packet.time_base)
        self._reaches = end if self._reaches is None else max(self._reaches, end)
        if packet.stream.index == self._main and packet.size and not packet.is_discard:
            self._frames.append(at)

    def end(self) -> None:
        """Hear that all was read."""
        self.whole = True

    def found(self) -> tuple[array[float], float | None]:
        """When frames begin, sorted, and the end of whatever ends last."""
        return array("d", sorted(self._frames)), self._reaches


def source_reading(
    index: Index | NotCuttable, times: PacketTimes, companions: CompanionCopy | None
) -> SourceReading | None:
    """What is known of a video once its index was asked for (pure).

    Args:
        index: or why it has none.
        times: which took its packets, where the index was read from those.
        companions: the copy; None where it has nothing that could be copied.

    Returns:
        The reading; None where neither packets to the end of the file nor its own tables tell when frames are shown.
    """
    if times.whole:
        frames, reaches = times.found()
        return SourceReading(frames, reaches, all_tracks=True, companions=companions)
    if isinstance(index, NotCuttable):
        return None
    frames = array("d", (float(time * index.time_base) for time in index.times))
    reaches = float((index.times[-1] + index.hold) * index.time_base)
    return SourceReading(frames, reaches, all_tracks=False, companions=companions)
