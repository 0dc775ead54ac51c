"""How many bytes of a file are in tracks that nobody takes from it: read from its packets, nothing is decoded."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from av.error import FFmpegError

from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, blame_disk, open_media


def bytes_beside(path: Path, info: MediaInfo, subtitles: Collection[int]) -> int:
    """The bytes of all tracks but those that a copy has, up to where the file is damaged.

    Args:
        path: the file.
        info: its facts: the main video track and the audio tracks that decode are taken.
        subtitles: the subtitle tracks that are taken, from 0.

    Returns:
        Bytes of packets.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    with open_media(path) as container:
        streams = container.streams
        taken = {
            streams.video[info.video.index].index,
            *(streams.audio[track.index].index for track in info.audio),
            *(streams.subtitles[number].index for number in subtitles),
        }
        beside = [stream for stream in streams if stream.index not in taken]
        total = 0
        try:
            for packet in demuxed(container, beside):
                total += packet.size
        except FFmpegError as error:
            blame_disk(error, path)
        return total
