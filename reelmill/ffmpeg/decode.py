"""Does it really play? Decoding in process, counting what comes out and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.video.stream import VideoStream

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.probe import blame_disk, main_video, open_media
from reelmill.ffmpeg.tally import DecodeReport, Tally

#: Seconds decoded at the start, in the middle and at the end by a quick check.
WINDOW: Final = Fraction(2)


_Stream = VideoStream | AudioStream | SubtitleStream


def picture_track(path: Path, container: InputContainer) -> VideoStream:
    """The main picture track, to be decoded as fast as may be.

    Raises:
        NotAVideo: there is none.
    """
    found = main_video(container)
    if found is None:
        raise NotAVideo(f"{path.name} has no picture track.")
    video = found[1]
    # Whether a picture decodes does not depend on how it is smoothed.
    video.codec_context.options = {"skip_loop_filter": "all"}
    video.thread_type = "AUTO"
    return video


def _streams(path: Path, container: InputContainer, all_tracks: bool) -> list[_Stream]:
    video = picture_track(path, container)
    if not all_tracks:
        return [video]
    return [video, *container.streams.audio, *container.streams.subtitles]


def check_whole(path: Path, *, on_progress: Callable[[float], None] | None = None) -> DecodeReport:
    """Decode everything: the main picture track and every audio track.

    Args:
        path: the file.
        on_progress: called with the fraction done, for each packet that has a time.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    tally = Tally()
    with open_media(path) as container:
        streams = _streams(path, container, all_tracks=True)
        length = Fraction(container.duration or 0, 1_000_000)
        tally.follow(container.streams.audio)
        try:
            for packet in container.demux(streams):
                at = tally.take(packet)
                if on_progress is not None and at is not None and length:
                    on_progress(min(1.0, max(0.0, float(at / length))))
        except FFmpegError as error:
            blame_disk(error, path)
            tally.errors.append(f"the file cannot be read further ({error.strerror or error})")
    return tally.report()


def check_windows(path: Path, duration: Fraction | None) -> DecodeReport:
    """Decode the first, middle and last ``WINDOW`` seconds; all of a file that is short or of unknown length.

    A window that holds no picture is an error: the container promises more than there is.
    """
    if duration is None or duration <= 4 * WINDOW:
        return check_whole(path)
    tally = Tally()
    for start in (Fraction(0), duration / 2, duration - WINDOW):
        before = tally.frames + tally.audio_frames
        tally.begin_window()
        with open_media(path) as container:
            streams = _streams(path, container, all_tracks=True)
            offset = Fraction(container.start_time or 0, 1_000_000)
            try:
                if start:
                    container.seek(int((offset + start) * 1_000_000), backward=True)
                _decode_until(tally, container.demux(streams), offset + start + WINDOW)
            except FFmpegError as error:
                blame_disk(error, path)
                tally.errors.append(f"nothing can be read at {float(start):.1f} s ({error.strerror or error})")
        if tally.frames + tally.audio_frames == before and not tally.errors:
            tally.errors.append(f"nothing after {float(start):.1f} s of a promised {float(duration):.1f} s")
    return tally.report()


def _decode_until(tally: Tally, packets: Iterable[Packet[Any]], end: Fraction) -> None:
    for packet in packets:
        at = tally.take(packet)
        if at is not None and at > end and packet.stream.type == "video":
            break


def shown_at(path: Path, at: Fraction) -> Fraction:
    """When the picture that is on show ``at`` seconds after the start began: the last that begins before it or then.

    Raises:
        NotAVideo: no picture decodes.
    """
    found: Fraction | None = None
    with open_media(path) as container:
        (video,) = _streams(path, container, all_tracks=False)
        offset = Fraction(container.start_time or 0, 1_000_000)
        container.seek(int((offset + at) * 1_000_000), backward=True)
        for packet in container.demux(video):
            for time in _times(packet):
                if found is not None and time - offset > at:
                    return found
                found = time - offset
    if found is None:
        raise NotAVideo(f"{path.name} holds no picture that decodes.")
    return found


def _times(packet: Packet[Any]) -> list[Fraction]:
    """When the pictures of a packet begin; none where it does not decode."""
    try:
        frames = packet.decode()
    except (EOFError, FFmpegError):
        return []
    return [frame.pts * frame.time_base for frame in frames if frame.pts is not None and frame.time_base is not None]
