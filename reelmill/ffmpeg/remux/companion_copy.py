"""The companions of a video, its audio and subtitles, copied into a file of their own as its index is read.

On a slow disk a video is so read once for all that needs its packets: encoding and proving the audio, looking into the
subtitles. Tracks and packets stay as they are; where a container cannot hold them so, there is no copy.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer
from av.packet import Packet

from reelmill.errors import InputError
from reelmill.ffmpeg.commands.filters import text_subtitles
from reelmill.ffmpeg.reading.frames.frame_shapes import NEW
from reelmill.ffmpeg.reading.packet_index import Index, NotCuttable, PacketTaker, ShapesChange, index_or_reason
from reelmill.ffmpeg.reading.probe import MediaInfo, open_media
from reelmill.ffmpeg.reading.source_reading import CompanionCopy
from reelmill.ffmpeg.reading.tracks import codec_name
from reelmill.ffmpeg.remux.mp4_companions import without_video
from reelmill.ffmpeg.remux.packet_copier import PacketCopier

#: Which containers hold what another one does, at its times: NUT counts in any unit, and lacks what WMA needs.
_CONTAINERS: Final = {"matroska,webm": "matroska", "flv": "flv", "asf": "asf", "ogg": "ogg"}
_ANY: Final = "nut"


def index_and_companions(
    source: Path, info: MediaInfo, target: Path, *takers: PacketTaker
) -> tuple[Index | NotCuttable, CompanionCopy | None]:
    """Read the index of a video, and copy its companions on the way.

    Args:
        source: the video.
        info: its facts.
        target: the file to write the companions to.
        takers: get its packets where they are read.

    Returns:
        The index or why there is none, and the copy; None where there is none.

    Raises:
        FileMissing, NotAVideo, InputError, Unreadable: see ``read_index``.
        OSError: the disk refuses what is written.
    """
    if "mp4" in info.container:
        index = index_or_reason(source, *takers)
        copied = not isinstance(index, ShapesChange) and without_video(source, target)
    else:
        kinds = ("audio", "subtitle") if text_subtitles(info) else ("audio",)
        with PacketCopier(target, _CONTAINERS.get(info.container, _ANY), kinds, unfit=_has_a_header) as copier:
            index = index_or_reason(source, *takers, copier)
        copied = copier.complete()
    later = _later(source, target, texts=bool(text_subtitles(info))) if copied else None
    return index, None if later is None else CompanionCopy(target, later)


def _later(source: Path, target: Path, *, texts: bool) -> Fraction | None:
    """By how much a copy begins later than its source; None where its tracks are others, or it does not open."""
    try:
        with open_media(source) as original, open_media(target) as copy:
            alike = _tracks(original, texts=texts) == _tracks(copy, texts=texts)
            return Fraction((copy.start_time or 0) - (original.start_time or 0), av.time_base) if alike else None
    except InputError:
        return None


def _tracks(container: InputContainer, *, texts: bool) -> list[tuple[Any, ...]]:
    heard = [
        (codec_name(one), *(() if one.codec_context is None else (one.rate, one.layout.nb_channels)))
        for one in container.streams.audio
    ]
    return [*heard, *((codec_name(one),) for one in container.streams.subtitles if texts)]


def _has_a_header(packet: Packet[Any]) -> bool:
    """Whether a packet comes with a header of its track, of which most containers have the first alone."""
    return packet.has_sidedata(NEW)
