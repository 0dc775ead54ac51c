"""How far the times of audio packets are off, as of recorders that take the moment at which a packet came for its time.

A hole puts all packets after it later. Jitter does not last: what is late is followed by what is less so. The sum of it
must not be filled with silence, nor cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise
from math import lcm
from pathlib import Path
from statistics import median
from typing import Final

from av.error import FFmpegError

from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, blame_disk, open_media
from reelmill.ffmpeg.reading.tracks import codec_name, decodable_audio

#: Seconds at the beginning of a file that are looked at: a recorder does so throughout.
_SECONDS: Final = 10
#: Packets within which what is late has become so, and those within which it must be less so; over more of them,
#: durations in whole milliseconds add up.
_WITHIN: Final = 25
#: Packets at the beginning that are left out: times of what a decoder is to warm up with are made up.
_FIRST: Final = 4


def with_jitter(path: Path, info: MediaInfo) -> MediaInfo:
    """The facts of a video with how far the times of each of its audio tracks are off.

    Args:
        path: its file, of which the beginning is read.
        info: its facts.

    Returns:
        The same with ``AudioTrack.jitter``.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    found: dict[int, list[tuple[Fraction, Fraction]]] = {}
    with open_media(path) as container:
        # Packets of Vorbis overlap, so that how long one stands depends on the next.
        tracks = [one for one in decodable_audio(container) if codec_name(one[1]) != "vorbis"]
        first: Fraction | None = None
        try:
            for packet in demuxed(container, [stream for _, stream in tracks]) if tracks else ():
                if packet.pts is None or packet.time_base is None:
                    continue
                time = packet.pts * packet.time_base
                first = time if first is None else first
                if time > first + _SECONDS:
                    break
                times = found.setdefault(packet.stream.index, [])
                times.append((time, (packet.duration or 0) * packet.time_base))
        except FFmpegError as error:  # what comes before the damage counts
            blame_disk(error, path)
        numbers = {number: stream.index for number, stream in tracks}
        if "mp4" in container.format.name:
            found = {index: _evenly_long(times) for index, times in found.items()}
    audio = [
        replace(track, jitter=float(jitter(found.get(numbers.get(track.index, -1), [])[_FIRST:])))
        for track in info.audio
    ]
    return replace(info, audio=tuple(audio))


def _evenly_long(packets: list[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    """Packets of an mp4, which has no durations but the time to the next."""
    steps = [after - before for (before, _), (after, _) in pairwise(packets)]
    usual = median(steps) if steps else Fraction(0)
    return [(time, usual) for time, _ in packets]


def jitter(packets: Sequence[tuple[Fraction, Fraction]]) -> Fraction:
    """How far times fall back, again and again or after having become late (pure).

    One step back alone is none: it is where recordings join.

    Args:
        packets: when each is heard and how long it stands, in seconds.

    Returns:
        Seconds at most.
    """
    clock = lcm(*(figure.denominator for packet in packets for figure in packet))
    ticks = [(int(time * clock), int(length * clock)) for time, length in packets]  # fractions are slow to compare
    return Fraction(_jitter_in_ticks(ticks), clock)


def _jitter_in_ticks(packets: Sequence[tuple[int, int]]) -> int:
    late, most, back, expected = deque[int](maxlen=2 * _WITHIN), 0, [0] * 2, None
    for time, length in packets:
        expected = time if expected is None else expected
        late.append(time - expected)
        pairs = list(zip(late, accumulate(late, min), strict=True))[-_WITHIN:]
        most = max(most, *(min(one - before, one - late[-1]) for one, before in pairs))
        back = sorted([*back, late[-2] - late[-1]])[-2:] if len(late) > 1 else back
        expected += length
        if not length:  # nobody knows what was to come when
            return 0
    return max(most, back[0])
