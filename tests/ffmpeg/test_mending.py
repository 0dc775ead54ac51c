"""What is found wrong with a broadcast: clocks that jump, and not tracks that pause."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.ffmpeg.mending import Fault, TrackPackets, fault_of, jumps, pauses
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import clip
from tests.patched import joined

#: Packets in the order of a file: of which track, and when.
_ORDERS: dict[str, tuple[list[tuple[int, float]], bool]] = {
    "one pauses": ([(0, 0), (1, 0), *((0, n / 2) for n in range(1, 40)), (1, 19)], True),
    "both leap": ([(0, 0), (1, 0), (0, 1), (1, 1), (0, 500), (1, 500), (0, 501), (1, 501)], False),
    "they leap and come back": ([(0, 0), (1, 0), (0, 500), (1, 500), (0, 50), (1, 50), (0, 51), (1, 51)], False),
    "they lie a second apart": ([(0, 0), (1, 0), (0, 0.9), (0, 20), (1, 20.5)], False),
}


@pytest.mark.parametrize("name", _ORDERS)
def test_a_track_that_pauses_is_no_clock_that_jumps(name: str) -> None:
    order, wanted = _ORDERS[name]
    found = [[(place, time) for place, (number, time) in enumerate(order) if number == track] for track in (0, 1)]
    tracks = [TrackPackets([place for place, _ in one], [time for _, time in one]) for one in found]
    assert any(jumps(track.times) for track in tracks)
    assert pauses(tracks) == wanted


def test_a_broadcast_whose_audio_pauses_is_left_as_it_is(tmp_path: Path) -> None:
    held = ("-af", "aselect=not(between(t\\,1\\,13))")
    source = clip(tmp_path / "pause.ts", seconds=14, rate=5, options=held)
    assert fault_of(source, probe(source)) is None
    again = joined(tmp_path / "joined.ts", clip(tmp_path / "a.ts"), clip(tmp_path / "b.ts"))
    assert fault_of(again, probe(again)) is Fault.JUMPS
