"""What the packets of a file that is read through show to be wrong: its clock, its channels, its frames' shape."""

from __future__ import annotations

from typing import Any, Final

from av.container import InputContainer
from av.packet import Packet

from reelmill.ffmpeg.reading.audio.channel_watch import ChannelWatch
from reelmill.ffmpeg.reading.frames.frame_shapes import NEW, ShapeWatch
from reelmill.ffmpeg.reading.probe import main_video
from reelmill.ffmpeg.reading.tracks import decodable_audio
from reelmill.ffmpeg.remux.time_line import TimeLine

#: How many seconds before it is shown no frame is decoded.
_FORWARD: Final = 10
#: Frames that are asked whether times of presentation are to be believed.
ASKED: Final = 256


class BroadcastWatch:
    """Takes the packets of a broadcast.

    Args:
        codec: of its main video track.
    """

    def __init__(self, codec: str):
        self.ahead = False  # whether a frame is to be shown long after it is decoded
        self._asked = self._early = 0
        self._shapes, self._channels, self._line = ShapeWatch(codec), ChannelWatch(), TimeLine()
        self._main = -1
        self._heard: frozenset[int] = frozenset()

    def begin(self, container: InputContainer) -> None:
        """See which of its tracks count."""
        found = main_video(container)
        assert found is not None
        self._main = found[1].index
        self._heard = frozenset(stream.index for _, stream in decodable_audio(container))

    def add(self, packet: Packet[Any]) -> None:
        """Take a packet of any track."""
        index = packet.stream.index
        if index == self._main:
            if self._asked < ASKED:
                self._asked += 1
                self._early += shown_early(packet)
            self._shapes.add(bytes(packet) if packet.is_keyframe else b"")
            self.ahead = self.ahead or _far_ahead(packet)
        elif index in self._heard:
            self._channels.add(packet)
        else:
            return
        if packet.dts is not None:
            self._line.shift(index, packet.dts, packet.duration or 0)

    def end(self) -> None:
        """What comes before damage counts as well."""

    @property
    def early(self) -> bool:
        """Whether most of its first frames are said to be shown before they are decoded."""
        return 2 * self._early > self._asked

    @property
    def jumped(self) -> bool:
        """Whether its clock jumps or starts again."""
        return self._line.jumped

    @property
    def channels_change(self) -> bool:
        """Whether an audio track changes its channels on the way."""
        return bool(self._channels.changing)

    @property
    def shapes_change(self) -> bool:
        """Whether its frames change their shape on the way."""
        return self._shapes.changed


class KeyframeWatch:
    """Takes the packets of a file whose frames may change their shape, as those of recorded calls do.

    Args:
        codec: of its main video track.
    """

    def __init__(self, codec: str):
        self._shapes, self._main, self._extradata = ShapeWatch(codec), -1, b""

    @property
    def able(self) -> bool:
        """Whether packets of this codec show their shape."""
        return self._shapes.able

    def begin(self, container: InputContainer) -> None:
        """See which track is shown."""
        found = main_video(container)
        assert found is not None
        self._main, self._extradata = found[1].index, bytes(found[1].codec_context.extradata or b"")

    def add(self, packet: Packet[Any]) -> None:
        """Take a packet of any track."""
        if packet.stream.index != self._main or not packet.size:
            return
        self._extradata = bytes(packet.get_sidedata(NEW)) if packet.has_sidedata(NEW) else self._extradata
        if packet.is_keyframe:
            self._shapes.add(bytes(packet), self._extradata)

    def end(self) -> None:
        """What comes before damage counts as well."""

    @property
    def shapes_change(self) -> bool:
        """Whether its frames change their shape on the way."""
        return self._shapes.changed


def shown_early(packet: Packet[Any]) -> bool:
    """Whether a frame is said to be shown before it is decoded."""
    return packet.pts is not None and packet.dts is not None and packet.pts < packet.dts


def _far_ahead(packet: Packet[Any]) -> bool:
    """Whether a frame is to be shown so long after it is decoded that no decoder could hold what comes between."""
    if packet.pts is None or packet.dts is None or packet.time_base is None:
        return False
    return (packet.pts - packet.dts) * packet.time_base > _FORWARD
