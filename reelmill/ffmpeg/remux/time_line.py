"""One time line for packets whose clock jumps, as where two recordings were joined (pure).

The clock of a file is that of all its tracks, and they do not come to a jump at the same packet: what of one track was
sent before the jump may stand after it in the file. So each packet goes by the clock before or after, whichever it
follows its own track by. What all tracks or one of them pause for stays a hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Ticks a second of the clock of a broadcast (ISO/IEC 13818-1, 2.4.3.7).
TICKS: Final = 90_000
#: What a clock does not do by itself: go back by more than this, or leap ahead by more than that, in ticks.
_BACKWARD: Final = TICKS // 10
_FORWARD: Final = 10 * TICKS
#: For how long after a jump packets still come that were sent before it.
_BESIDE: Final = TICKS


@dataclass
class _Track:
    """How far one track has come."""

    clock: int  # the number of its clock
    last: int  # when its last packet is decoded, on the time line
    due: int  # when its next one is to come


class TimeLine:
    """Takes the packets of all tracks of a file, in its order."""

    def __init__(self) -> None:
        self._shifts = [0]  # of each clock, onto the time line
        self._since = 0  # when the newest clock began, on the time line
        self._end: int | None = None  # how far the time line has come
        self._tracks: dict[int, _Track] = {}

    @property
    def jumped(self) -> bool:
        """Whether the clock has jumped so far."""
        return len(self._shifts) > 1

    @property
    def newest_shift(self) -> int:
        """What times by the clock as it is now are to be changed by, in ticks."""
        return self._shifts[-1]

    def shift(self, index: int, time: int, hold: int) -> int:
        """Take the next packet.

        Args:
            index: of its track.
            time: when it is decoded, by the clock of its file, in ticks.
            hold: for how long, in ticks; 0 where that is not known.

        Returns:
            What its times are to be changed by, in ticks.
        """
        track = self._tracks.get(index)
        if self._end is None:
            self._end = time
        clock = self._clock_at_first(time) if track is None else self._clock_after(track, time)
        now = time + self._shifts[clock]
        if not hold and track is not None:
            hold = max(0, now - track.last)
        self._tracks[index] = _Track(clock, now, now + hold)
        self._end = max(self._end, now)
        return self._shifts[clock]

    def _clock_at_first(self, time: int) -> int:
        """By which clock a track begins."""
        assert self._end is not None
        if time + self._shifts[-1] > self._end + _FORWARD:
            return self._jump(self._end - time)
        return len(self._shifts) - 1

    def _clock_after(self, track: _Track, time: int) -> int:
        """By which clock a track goes on."""
        assert self._end is not None
        settled = self._end > self._since + _BESIDE
        clocks = range(len(self._shifts) - 1 if settled else track.clock, len(self._shifts))
        end = self._end + _FORWARD  # a track that has paused goes on where others are
        going_on = [clock for clock in clocks if track.last - _BACKWARD <= time + self._shifts[clock] <= end]
        if not going_on:
            return self._jump(track.due - time)
        return min(going_on, key=lambda clock: abs(time + self._shifts[clock] - track.due))

    def _jump(self, shift: int) -> int:
        """Begin a clock; returns its number."""
        assert self._end is not None
        self._since = self._end
        self._shifts.append(shift)
        return len(self._shifts) - 1
