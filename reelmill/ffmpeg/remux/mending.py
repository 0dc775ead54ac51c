"""Sources that lie about their times or colours, or change shape or channels, mended: no job needs to know of it.

What is wrong is found in the packets. ``retiming`` and bitstream filters mend it as packets are copied, and nothing is
encoded but what changes its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, Final

import ffmpeg
from av.error import FFmpegError

from reelmill.ffmpeg.codecs import UNKNOWN_COLOURS, codec_named
from reelmill.ffmpeg.commands.boxing import boxed
from reelmill.ffmpeg.commands.filters import arguments
from reelmill.ffmpeg.commands.recolouring import CONVERTED, recoloured
from reelmill.ffmpeg.reading.audio.channel_watch import changing_tracks
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.flash_index import sought_from_start
from reelmill.ffmpeg.reading.frames.frame_shapes import LOSING, indexed_shapes_differ, tabled_shapes_differ
from reelmill.ffmpeg.reading.late_video import FARTHER, begins_late
from reelmill.ffmpeg.reading.marked_turns import Turn, marked_turn, may_be_marked
from reelmill.ffmpeg.reading.packet_index import PacketTaker, take_packets
from reelmill.ffmpeg.reading.probe import MediaInfo, blame_disk, main_video, media_url, open_media, probe
from reelmill.ffmpeg.reading.tracks import UNKNOWN
from reelmill.ffmpeg.remux.ended_sequences import with_ended_sequences
from reelmill.ffmpeg.remux.packet_watches import ASKED, BroadcastWatch, KeyframeWatch, shown_early
from reelmill.ffmpeg.remux.retiming import on_one_time_line, retimed
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.report import Report

#: Containers of broadcasts, in which a clock may start again.
_BROADCAST: Final = ("mpegts", "mpeg")
#: Colour matrices (ITU-T H.273, table 4) that ffmpeg's scaler takes no frames of: 3 is reserved; YCgCo and BT.2020 of
#: constant luminance are converted, the others stand in files by mistake.
_UNKNOWN_MATRICES: Final = (3, *CONVERTED, 11, *range(12, 18))

#: Layouts that take up to so many channels.
_LAYOUTS: Final = ((2, "stereo"), (6, "5.1"), (8, "7.1"))

#: Bitstream filters that say of colours that they are not known, for codecs that are read and never encoded.
_UNTAGGED: Final = {
    "mpeg2video": f"mpeg2_metadata={UNKNOWN_COLOURS}",
    "prores": "prores_metadata=color_primaries=unknown:color_trc=unknown:colorspace=unknown",
}

#: Bitstream filters that take out marks of how a video is turned.
_UNMARKED: Final = {"h264": "h264_metadata=display_orientation=remove"}


#: Reads a file of these facts through, for whoever takes its packets.
ReadPackets = Callable[[Path, MediaInfo, PacketTaker], None]


class Fault(Enum):
    """What is wrong with a source, as a part of a sentence."""

    JUMPS = "its clock jumps or starts again"
    EARLY = "its frames are said to be shown before they are decoded"
    AHEAD = "frames are said to be shown long after they are decoded"
    LATE = "its video begins later than ffmpeg looks for it"
    CHANNELS = "its audio changes its channels on the way"
    RESERVED = "its colours are declared in a way that no scaler takes"
    SHAPES = "its frames change their shape on the way, and are boxed"
    TURNED = "it is turned by marks in its bitstream, which not every frame has"
    TILTED = "it is turned by an odd angle, and shown at the nearest quarter"


#: Faults that others may hide.
_HIDDEN: Final = (Fault.LATE, Fault.CHANNELS, Fault.SHAPES, Fault.TURNED, Fault.TILTED)


def suspect(info: MediaInfo) -> bool:
    """Whether a file is of a kind that may have to be mended, so that it is worth being looked into (pure)."""
    kind = info.container in (*_BROADCAST, "flv") or _indexed(info) or _tabled(info)
    return kind or _recoloured(info) or info.video.tilted or may_be_marked(info.video)


def read_through(info: MediaInfo) -> bool:
    """Whether a file is of a kind that is read through to find out what is to be mended (pure)."""
    return info.container in _BROADCAST


def _indexed(info: MediaInfo) -> bool:
    """Whether a file is of the kind that calls are recorded in, whose frames may change their shape."""
    return "matroska" in info.container


def _recoloured(info: MediaInfo) -> bool:
    """Whether the colours of a file are declared in a way that is to be changed; that of HDR goes with its light."""
    return info.video.matrix in _UNKNOWN_MATRICES and info.video.hdr is None


def _tabled(info: MediaInfo) -> bool:
    """Whether tables of a file have its keyframes."""
    return "mp4" in info.container


def read_for_faults(path: Path, _: MediaInfo, watch: PacketTaker) -> None:
    """The ``ReadPackets`` that does nothing beside; raises as ``fault_of`` does."""
    take_packets(path, watch)


def fault_of(path: Path, info: MediaInfo, read: ReadPackets = read_for_faults) -> Fault | None:
    """What is to be mended of a file; a broadcast and what has no index are read through for that.

    Args:
        path: the file.
        info: its facts.
        read: reads such a file through.

    Returns:
        What is wrong; None where nothing is.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
        And what ``read`` raises.
    """
    if _recoloured(info):
        return Fault.RESERVED
    if _indexed(info):
        found = Fault.SHAPES if indexed_shapes_differ(path) else None
    elif _tabled(info):
        found = Fault.SHAPES if tabled_shapes_differ(path) else None
    elif read_through(info):
        found = _fault_of_broadcast(path, info, read)
    else:
        found = _fault_of_few_packets(path, info, read)
    return found or _fault_of_turning(path, info)


def _fault_of_turning(path: Path, info: MediaInfo) -> Fault | None:
    if may_be_marked(info.video) and marked_turn(path) is not None:
        return Fault.TURNED
    return Fault.TILTED if info.video.tilted else None


def _fault_of_broadcast(path: Path, info: MediaInfo, read: ReadPackets) -> Fault | None:
    watch = BroadcastWatch(info.video.codec)
    read(path, info, watch)
    if watch.early:
        return Fault.EARLY
    if watch.ahead:
        return Fault.AHEAD
    if watch.jumped:
        return Fault.JUMPS
    if begins_late(media_url(path)):
        return Fault.LATE
    if watch.channels_change:
        return Fault.CHANNELS
    return Fault.SHAPES if watch.shapes_change else None


def _fault_of_few_packets(path: Path, info: MediaInfo, read: ReadPackets) -> Fault | None:
    number = early = 0
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        try:
            for packet in islice(demuxed(container, found[1]), ASKED):
                number, early = number + 1, early + shown_early(packet)
        except FFmpegError as error:  # what comes before the damage counts
            blame_disk(error, path)
    if 2 * early > number:
        return Fault.EARLY
    watch = KeyframeWatch(info.video.codec)
    if not watch.able or not sought_from_start(path, info):
        return Fault.SHAPES if indexed_shapes_differ(path) else None
    read(path, info, watch)
    return Fault.SHAPES if watch.shapes_change else None


def _untagged(codec: str) -> str | None:
    """The bitstream filter for a codec; None where there is none."""
    encoded = codec_named(codec)
    return _UNTAGGED.get(codec) if encoded is None else encoded.untagged


def mended(
    transcoder: Transcoder, source: tuple[Path, MediaInfo], fault: Fault, target: Path, report: Report
) -> MediaInfo:
    """Copy the tracks that decode into a file without the fault; whatever jumps may change its shape, too.

    Args:
        transcoder: whose ffmpeg copies.
        source: the video and its facts.
        fault: what is wrong.
        target: the file to write.
        report: where lines and progress go.

    Returns:
        The facts of the new file.

    Raises:
        FfmpegFailed, ProcessStalled, DiskFull.
    """
    path, info = source
    left_out, title = info.left_out, info.title
    _mend(transcoder, source, fault, target, report)
    while fault is not Fault.SHAPES:  # after which the frames are new ones
        further = fault_of(target, made) if suspect(made := probe(target)) else None
        if further not in _HIDDEN or further is fault:
            break
        fault, path = further, target.rename(_beside(target, further.name))
        try:
            _mend(transcoder, (path, made), fault, target, report)
        finally:
            path.unlink()
    return replace(probe(target), left_out=left_out, title=title)


def _mend(transcoder: Transcoder, source: tuple[Path, MediaInfo], fault: Fault, target: Path, report: Report) -> None:
    """Write a file without one fault; arguments and errors as those of ``mended``."""
    path, info = source
    if fault in (Fault.EARLY, Fault.AHEAD):
        retimed(path, info, target)
        return
    if fault is Fault.JUMPS:
        on_one_time_line(path, info, target, _container(info))
        return
    if fault is Fault.SHAPES:
        _box(transcoder, source, target, report)
        return
    if fault is Fault.LATE:
        command = with_header(path, info, target)
    elif fault is Fault.CHANNELS:
        command = in_one_layout(path, info, target, changing_tracks(path))
    elif fault in (Fault.TURNED, Fault.TILTED):
        turn = marked_turn(path) or (info.video.rotation, info.video.mirrored)
        command = copied(path, info, target, _UNMARKED.get(info.video.codec, "null"), turn)
    else:
        filters = None if info.video.matrix in CONVERTED else _untagged(info.video.codec)
        command = recoloured(path, info, target) if filters is None else copied(path, info, target, filters)
    transcoder.run(command, report, info.duration)


def _box(transcoder: Transcoder, source: tuple[Path, MediaInfo], target: Path, report: Report) -> None:
    path, info = source
    if info.video.codec not in LOSING:
        transcoder.run(boxed(path, info, target), report, info.duration)
        return
    whole = _beside(target, "whole")
    try:
        with_ended_sequences(path, info, whole)
        transcoder.run(boxed(whole, probe(whole), target), report, info.duration)
    finally:
        whole.unlink(missing_ok=True)


def _beside(target: Path, name: str) -> Path:
    """A file that is needed on the way; by its suffix it is cleared away where this process is killed."""
    return target.with_name(f"{target.stem}-{name}{target.suffix}")


def with_header(source: Path, info: MediaInfo, target: Path) -> tuple[str, ...]:
    """ffmpeg's arguments for a Matroska file of a broadcast, whose header has all that decoders need (pure).

    Args:
        source: the video.
        info: its facts.
        target: the file to write, which has none of the images that broadcasts have for subtitles.

    Returns:
        ffmpeg's arguments.
    """
    media = ffmpeg.input(media_url(source), **FARTHER)
    streams = [media[f"v:{info.video.index}"], *(media[f"a:{track.index}"] for track in info.audio)]
    options = {"c": "copy", "f": "matroska", "fflags": "+bitexact"}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def in_one_layout(source: Path, info: MediaInfo, target: Path, changing: Mapping[int, int]) -> tuple[str, ...]:
    """ffmpeg's arguments for a Matroska file in which audio that changes its channels has them all (pure).

    Args:
        source: the video.
        info: its facts.
        target: the file to write.
        changing: the most channels of each audio track that changes them, by its number among those.

    Returns:
        ffmpeg's arguments; what changes becomes lossless, all else is copied.
    """
    media = ffmpeg.input(media_url(source))
    streams = [media[f"v:{info.video.index}"], *(media[f"a:{track.index}"] for track in info.audio)]
    options: dict[str, Any] = {"c": "copy", "f": "matroska", "fflags": "+bitexact"}
    for number, track in enumerate(info.audio):
        if track.index in changing:
            layout = next(name for most, name in _LAYOUTS if changing[track.index] <= most)
            options |= {f"c:a:{number}": "flac", f"filter:a:{number}": f"aformat=channel_layouts={layout}"}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def copied(source: Path, info: MediaInfo, target: Path, filters: str, turn: Turn | None = None) -> tuple[str, ...]:
    """ffmpeg's arguments that copy the main video track, the audio tracks that decode and the subtitles (pure).

    Args:
        source: the video.
        info: its facts.
        target: the file to write.
        filters: bitstream filters for the video.
        turn: how the new container has it turned; None: as the source's has it.

    Returns:
        ffmpeg's arguments.
    """
    media = ffmpeg.input(media_url(source), **({} if turn is None else _turning(info.video.index, turn)))
    streams = [media[f"v:{info.video.index}"], *(media[f"a:{track.index}"] for track in info.audio)]
    container = _container(info)
    if turn is not None and info.container in _BROADCAST:  # which has nothing of that, and other subtitles
        container = "matroska"
    else:
        streams += [media[f"s:{place}"] for place, codec in enumerate(info.subtitle_codecs) if codec != UNKNOWN]
    options: dict[str, Any] = {"c": "copy", "f": container, "fflags": "+bitexact", "bsf:v": filters}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def _turning(index: int, turn: Turn) -> dict[str, Any]:
    """Options of an input for how its video is turned; ffmpeg counts counterclockwise, and flips before it turns."""
    rotation, mirrored = turn
    degrees = rotation if mirrored else -rotation % 360
    flip = {f"display_vflip:v:{index}": None} if mirrored else {}
    return {f"display_rotation:v:{index}": degrees, **flip}


def _container(info: MediaInfo) -> str:
    """One that keeps the times of a source's container, and is never taken for a finished web copy."""
    if info.container in _BROADCAST:
        return "mpegts" if info.container == "mpegts" else "vob"
    return "mov" if "mp4" in info.container else "matroska"
