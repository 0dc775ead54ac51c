"""New times for a video whose own are not to be believed.

Where only times of presentation are wrong, frames are shown in the order in which the decoder gives them: one that
holds ``ahead`` packets before it gives the first frame shows the k-th frame when it reads packet k + ``ahead``, so that
is the frame's time. Where the clock of a file jumps, its tracks go on on one time line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from av.packet import Packet

from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, blame_disk, main_video, open_media
from reelmill.ffmpeg.reading.stream_copy import delay
from reelmill.ffmpeg.remux.packet_copy import copy_packets
from reelmill.ffmpeg.remux.time_line import TimeLine


def shown_order(path: Path) -> tuple[list[int], list[int]]:
    """When the packets of the main video track are decoded, in ticks, and at which place the frame of each is shown.

    A packet that gives no frame is taken to be shown when it is read.

    Returns:
        Both, in reading order.

    Raises:
        FileMissing, NotAVideo, InputError: the file does not open.
        Unreadable: the disk does not give its bytes.
    """
    read: list[int] = []
    given: list[int] = []  # the number of the packet of each frame, in the order of the frames
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        found[1].codec_context.options = {"skip_loop_filter": "all"}
        found[1].thread_type = "AUTO"
        try:
            for packet in demuxed(container, found[1]):
                if packet.size and packet.dts is None:
                    continue
                if packet.dts is not None and packet.size:
                    packet.pts = len(read)  # comes out with the frame
                    read.append(packet.dts)
                given += _given(packet)
        except FFmpegError as error:  # what comes before the damage counts
            blame_disk(error, path)
    order = list(dict.fromkeys(given))
    for number in sorted(set(range(len(read))) - set(order)):
        order.insert(min(number, len(order)), number)
    places = [0] * len(read)
    for place, number in enumerate(order):
        places[number] = place
    return read, places


def _given(packet: Packet[Any]) -> list[int]:
    try:
        return [frame.pts for frame in packet.decode() if frame.pts is not None]
    except (EOFError, FFmpegError):
        return []


def new_times(read: Sequence[int], places: Sequence[int]) -> list[int]:
    """When the frame of each packet is shown, in ticks (pure).

    Args:
        read: when each packet is decoded, in ticks and in reading order.
        places: at which place the frame of each is shown, from 0.

    Returns:
        One time for each packet, in reading order.
    """
    ahead = delay(places)
    step = read[-1] - read[-2] if len(read) > 1 else 0
    clock = [*read, *(read[-1] + step * more for more in range(1, ahead + 1))]
    return [clock[place + ahead] for place in places]


def retimed(path: Path, info: MediaInfo, target: Path) -> None:
    """Copy the main video track with new times, and the audio tracks that decode, into a Matroska file.

    Args:
        path: the video.
        info: its facts.
        target: the file to write.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    times = iter(new_times(*shown_order(path)))

    def at_new_time(packet: Packet[Any]) -> list[Packet[Any]]:
        if not packet.size or packet.dts is None:
            return []
        if packet.stream.type == "video":
            packet.pts = next(times)
        return [packet]

    copy_packets(path, info, target, "matroska", at_new_time)


def on_one_time_line(path: Path, info: MediaInfo, target: Path, container: str) -> None:
    """Copy the main video track, the audio tracks that decode and the subtitles of a file whose clock jumps.

    Args:
        path: the video.
        info: its facts.
        target: the file to write.
        container: ffmpeg's name of what to write.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    line, last = TimeLine(), dict[int, int]()

    def shifted(packet: Packet[Any]) -> list[Packet[Any]]:
        index = packet.stream.index
        time = packet.dts if packet.dts is not None else packet.pts
        if not packet.size or time is None:
            return []
        seldom = packet.stream.type == "subtitle"
        shift = line.newest_shift if seldom else line.shift(index, time, packet.duration or 0)
        # Of what overlaps at a jump, the rest follows as closely as may be: no container takes times that go back.
        packet.dts = last[index] = max(time + shift, last.get(index, time + shift - 1) + 1)
        packet.pts = max(packet.dts, packet.pts + shift if packet.pts is not None else packet.dts)
        return [packet]

    copy_packets(path, info, target, container, shifted)
