"""Whether the audio of a broadcast changes its channels on the way, as between an advertisement and a film.

The header of every packet has their number; nothing is decoded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from av.error import FFmpegError
from av.packet import Packet

from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import blame_disk, open_media
from reelmill.ffmpeg.reading.tracks import decodable_audio

#: Bytes of a packet in which its header is.
_HEAD: Final = 8
#: Channels by ``acmod``, without the one for low frequencies (ETSI TS 102 366, table 4.3).
_AC3_MODES: Final = (2, 1, 2, 3, 3, 4, 4, 5)
_ENHANCED: Final = 10  # a ``bsid`` above is that of E-AC-3
#: Channels by the configuration of an ADTS header (ISO/IEC 14496-3, table 1.19); 0 is said elsewhere.
_AAC_CONFIGURATIONS: Final = (0, 1, 2, 3, 4, 5, 6, 8)
_MPEG_MONO: Final = 3


class ChannelWatch:
    """Looks at the packets of audio tracks."""

    def __init__(self) -> None:
        self._counts: dict[int, set[int]] = {}  # by the stream's index

    def add(self, packet: Packet[Any]) -> None:
        """Take the next packet of any audio track."""
        head = bytes(memoryview(packet)[:_HEAD])
        count = channels(packet.stream.codec_context.name, head)
        if count:
            self._counts.setdefault(packet.stream.index, set()).add(count)

    @property
    def changing(self) -> dict[int, int]:
        """The most channels of each track that changes them, by the stream's index."""
        return {index: max(counts) for index, counts in self._counts.items() if len(counts) > 1}


def channels(codec: str, head: bytes) -> int:
    """How many channels a packet of audio has (pure).

    Args:
        codec: libav's name of its decoder.
        head: the beginning of the packet.

    Returns:
        Their number; 0 where its header does not say that.
    """
    if len(head) < _HEAD:
        return 0
    if codec in ("aac", "aac_fixed") and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return _AAC_CONFIGURATIONS[(head[2] & 1) << 2 | head[3] >> 6]
    if codec in ("ac3", "ac3_fixed", "eac3") and head[:2] == b"\x0b\x77":
        return _ac3_channels(head)
    if codec.startswith(("mp2", "mp3")) and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return 1 if head[3] >> 6 == _MPEG_MONO else 2
    return 0


def _ac3_channels(head: bytes) -> int:
    """Of a sync frame (ETSI TS 102 366, 4.4.2 and E.1.2.2)."""
    if head[5] >> 3 > _ENHANCED:
        if head[2] >> 6 != 0:  # a frame that adds to the one before
            return 0
        return _AC3_MODES[head[4] >> 1 & 7] + (head[4] & 1)
    mode = head[6] >> 5
    # Levels of the centre, of what is around and of Dolby Surround, two bits each, stand before the flag.
    before = 3 + 2 * (bool(mode & 1 and mode != 1) + bool(mode & 4) + (mode == 2))
    return _AC3_MODES[mode] + (int.from_bytes(head[6:8], "big") >> 15 - before & 1)


def changing_tracks(path: Path) -> dict[int, int]:
    """The audio tracks of a file that change their channels; all of it is read.

    Returns:
        The most channels of each, by its number among the audio tracks.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
        Unreadable: the disk does not give its bytes.
    """
    watch = ChannelWatch()
    with open_media(path) as container:
        tracks = decodable_audio(container)
        numbers = {stream.index: number for number, stream in tracks}
        try:
            for packet in demuxed(container, [stream for _, stream in tracks]):
                watch.add(packet)
        except FFmpegError as error:  # what comes before the damage counts
            blame_disk(error, path)
    return {numbers[index]: most for index, most in watch.changing.items()}
