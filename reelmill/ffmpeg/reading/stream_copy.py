"""May a video track be joined to others as it is? Read from its packets; nothing is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.error import FFmpegError

from reelmill.errors import ReelmillError
from reelmill.ffmpeg.codecs import WEB
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, blame_disk, main_video, open_media

#: How far a frame may stand from its place at an even rate, in seconds: containers that count milliseconds round.
_ROUNDING: Final = Fraction(1, 900)
#: Frames a web player holds back to put them in order; more is no video track for the web.
_MOST_DELAY: Final = 4
_RATES: Final = (1, 120)
_UNSPECIFIED: Final = (0, 2)  # colour matrix (ITU-T H.273, table 4)
_BT709, _BT601 = 1, 6
_SAME: Final = {5: _BT601}  # BT.470BG has the same matrix


class NotCopyable(ReelmillError):
    """Why a track has to be encoded anew; a plan's reason rather than a failure."""


@dataclass(frozen=True)
class Form:
    """What tracks must share to follow one another in one file."""

    width: int
    height: int
    rate: Fraction
    matrix: int  # colour matrix, ITU-T H.273 table 4


@dataclass(frozen=True)
class CopyableTrack:
    """A track that may be copied whole."""

    form: Form
    frames: int
    delay: int  # frames that must be read ahead of the first one shown


def delay(order: Sequence[int]) -> int:
    """How many frames must be read ahead of the first one shown (pure).

    Args:
        order: for each packet, in reading order, at which place its frame is shown: 0, 1, 2, ….

    Returns:
        Their number; 0 where frames are stored as they are shown.
    """
    return max((place - shown for place, shown in enumerate(order)), default=0)


def places(times: Sequence[Fraction], rate: Fraction) -> list[int]:
    """At which place each packet's frame is shown (pure).

    Args:
        times: when each packet's frame is shown, in reading order, in seconds.
        rate: frames a second.

    Returns:
        The places, from 0, in reading order.

    Raises:
        NotCopyable: they do not stand evenly, or some are there twice or not at all.
    """
    first = times[0]
    if min(times) < first:
        raise NotCopyable("it begins in the middle of a GOP")
    shown = []
    for time in times:
        place = round((time - first) * rate)
        if abs(first + place / rate - time) > _ROUNDING:
            raise NotCopyable("its frames do not follow at an even rate")
        shown.append(place)
    if sorted(shown) != list(range(len(shown))):
        raise NotCopyable("frames are missing, or there twice")
    return shown


def copyable_track(path: Path, info: MediaInfo) -> CopyableTrack:
    """What is to be known of the main video track of ``path`` to join it as it is.

    Args:
        path: the file.
        info: its facts.

    Returns:
        The track's form and numbers.

    Raises:
        NotCopyable: it must be encoded anew, and why.
        FileMissing, NotAVideo, InputError: it does not open.
    """
    video, rate = info.video, info.video.frame_rate
    if video.codec != WEB.name or not video.plain:
        unusual = "turned, interlaced, not in square pixels, or in colours or a size that not every browser shows"
        raise NotCopyable(f"its frames are {unusual if video.codec == WEB.name else video.codec}")
    if rate is None or not _RATES[0] <= rate <= _RATES[1]:
        raise NotCopyable("its rate is unknown")
    times, matrix = _packets(path)
    order = places(times, rate)
    ahead = delay(order)
    if ahead > _MOST_DELAY:
        raise NotCopyable(f"{ahead} of its frames must be read ahead")
    if matrix in _UNSPECIFIED:
        matrix = _BT709 if video.height >= 720 else _BT601
    form = Form(video.width, video.height, rate, _SAME.get(matrix, matrix))
    return CopyableTrack(form, len(times), ahead)


def shown_interval(path: Path) -> tuple[Fraction, Fraction]:
    """When the main track's first frame is shown, and for how long there are frames: from the packets.

    A container may promise more than it holds.

    Returns:
        Both in seconds, the first from the start of the file; 0 and 0 where no packet has a time.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
    """
    times: list[Fraction] = []
    longest = Fraction(0)
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        offset = Fraction(container.start_time or 0, av.time_base)
        try:
            for packet in demuxed(container, found[1]):
                if packet.pts is not None and packet.time_base is not None and packet.size and not packet.is_discard:
                    times.append(packet.pts * packet.time_base - offset)
                    longest = max(longest, times[-1] + (packet.duration or 0) * packet.time_base)
        except FFmpegError as error:  # what comes before the damage counts
            blame_disk(error, path)
    if not times:
        return Fraction(0), Fraction(0)
    if longest == max(times) and len(times) > 1:  # a container without durations: the last stands as the others do
        longest += (longest - min(times)) / (len(times) - 1)
    first = max(Fraction(0), min(times))
    return first, longest - first


def _packets(path: Path) -> tuple[list[Fraction], int]:
    """Presentation times in reading order, in seconds from the start of the file; and the colour matrix."""
    times: list[Fraction] = []
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        stream = found[1]
        matrix = int(stream.codec_context.colorspace or 0)
        offset = Fraction(container.start_time or 0, av.time_base)
        try:
            for packet in demuxed(container, stream):
                if packet.size == 0:
                    continue
                if packet.pts is None or packet.time_base is None or packet.is_corrupt:
                    raise NotCopyable("a frame has no time, or is damaged")
                if packet.is_discard or (not times and not packet.is_keyframe):
                    raise NotCopyable("frames at its start are not to be shown")
                times.append(packet.pts * packet.time_base - offset)
        except FFmpegError as error:
            blame_disk(error, path)
            raise NotCopyable(f"it cannot be read to its end ({error.strerror})") from error
    if not times:
        raise NotCopyable("it holds no frame")
    return times, matrix
