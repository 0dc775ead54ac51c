"""What a film's encoder spent around a moment: bits, and how coarsely it quantised."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final, cast

import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.decode import fast_video_stream
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import open_media

#: What decoders that know it say of each block of a frame: AVVideoEncParams of libavutil/video_enc_params.h, with the
#: number of blocks, where they begin and how long each is, the scale and the frame's quantiser; a block has its place,
#: its size and by how much its quantiser differs.
_PARAMETERS: Final = "VIDEO_ENC_PARAMS"
_HEAD: Final = struct.Struct("@IQQii")
_OF_BLOCK: Final = 4
#: The scale of H.264, of which six steps double a quantiser (ITU-T H.264, 8.5.9).
_H264: Final = 1


@dataclass(frozen=True)
class CodedBits:
    """What was spent around a moment."""

    kbit: float  # a second
    per_pixel: float  # bits
    quantiser: float | None  # mean of all blocks, on H.264's scale; None: another codec's


def coded_bits(film: Path, at: float, reach: float) -> CodedBits:
    """Read what the encoder of a film spent around a moment.

    Args:
        film: the file.
        at: seconds from the start of the file.
        reach: seconds on either side; less at both ends of the film.

    Returns:
        What was spent; no bits where the film has no frame there.

    Raises:
        NotAVideo, FileMissing, InputError: the file does not open.
    """
    sizes, quantisers, times = list[int](), list[float](), list[float]()
    with open_media(film) as container:
        video = fast_video_stream(film, container)
        video.thread_count = 1
        video.codec_context.options = {"skip_loop_filter": "all", "export_side_data": "venc_params"}
        begin = (container.start_time or 0) / 1_000_000 + at - reach
        try:
            container.seek(int(max(0.0, begin) * 1_000_000), backward=True)
            for packet in demuxed(container, video):
                if packet.pts is None or packet.time_base is None or not packet.size:
                    continue
                time = float(packet.pts * packet.time_base)
                if float((packet.dts or packet.pts) * packet.time_base) > begin + 2 * reach:
                    break
                found = _quantisers(packet)
                if begin <= time <= begin + 2 * reach:
                    sizes.append(packet.size)
                    times.append(time)
                    quantisers += found
        except FFmpegError:  # what could be read is enough
            pass
        return _coded(video, sizes, times, quantisers)


def _coded(video: VideoStream, sizes: list[int], times: list[float], quantisers: list[float]) -> CodedBits:
    if not sizes:
        return CodedBits(0.0, 0.0, None)
    bits, count = 8.0 * sum(sizes), len(sizes)
    length = (max(times) - min(times)) * count / max(1, count - 1) or 1 / float(video.average_rate or 25)
    pixels = max(1, video.width * video.height) * count
    return CodedBits(bits / 1000 / length, bits / pixels, fmean(quantisers) if quantisers else None)


def _quantisers(packet: Packet[Any]) -> list[float]:
    """The mean quantiser of each frame that comes out of the decoder with a packet."""
    try:
        frames = packet.decode()
    except (EOFError, FFmpegError):
        return []
    found = [_mean_quantiser(frame) for frame in frames if isinstance(frame, VideoFrame)]
    return [one for one in found if one is not None]


def _mean_quantiser(frame: VideoFrame) -> float | None:
    held = frame.side_data.get(_PARAMETERS)
    if held is None:
        return None
    data = bytes(cast(Any, held))
    blocks, begin, size, scale, whole = _HEAD.unpack_from(data)
    if scale != _H264:
        return None
    if not blocks:
        return float(whole)
    words = np.frombuffer(data, np.int32, blocks * size // 4, begin).reshape(blocks, -1)
    return float(whole + words[:, _OF_BLOCK].mean())
