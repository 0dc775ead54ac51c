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
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.reading.decode_report import DecodeReport, Tally
from reelmill.ffmpeg.reading.decode_request import NO_REQUEST, DecodeRequest
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import blame_disk, main_video, open_media
from reelmill.ffmpeg.reading.seeking import Footage, SeekPoint
from reelmill.ffmpeg.reading.tracks import decodable_audio
from reelmill.troubles import Flaw

#: Seconds decoded at the start, in the middle and at the end by a quick check.
WINDOW: Final = Fraction(2)


_Stream = VideoStream | AudioStream | SubtitleStream


def fast_video_stream(path: Path, container: InputContainer) -> VideoStream:
    """The main video track, to be decoded as fast as may be.

    Args:
        path: the file.
        container: the same, open.

    Returns:
        Its stream.

    Raises:
        NotAVideo: there is none.
    """
    found = main_video(container)
    if found is None:
        raise NotAVideo(f"{path.name} has no video track.", path, Flaw.NO_VIDEO_TRACK)
    _prepare_fast(found[1])
    return found[1]


def _prepare_fast(video: VideoStream) -> None:
    # Whether a frame decodes does not depend on how it is smoothed.
    video.codec_context.options = {"skip_loop_filter": "all"}
    video.thread_type = "AUTO"


def _prepare_patient(video: VideoStream) -> None:
    # Of several threads, one that fails takes along the whole frames that come out at that moment.
    _prepare_fast(video)
    video.thread_type = "NONE"


def _streams(path: Path, container: InputContainer, all_tracks: bool) -> list[_Stream]:
    video = fast_video_stream(path, container)
    if not all_tracks:
        return [video]
    audio = [stream for _, stream in decodable_audio(container)]
    unknown = [stream for stream in container.streams.audio if stream.codec_context is None]  # only their end is noted
    return [video, *audio, *unknown, *container.streams.subtitles]


def check_whole(
    path: Path, request: DecodeRequest = NO_REQUEST, *, on_progress: Callable[[float], None] | None = None
) -> DecodeReport:
    """Decode everything: the main video track and every audio track.

    Args:
        path: the file.
        request: what else is wanted of it.
        on_progress: called with the fraction done, for each packet that has a time.

    Returns:
        What decoding found.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    tally = Tally(request=request)
    with open_media(path) as container:
        streams = _streams(path, container, all_tracks=True)
        length = Fraction(container.duration or 0, 1_000_000)
        tally.follow_audio(stream for _, stream in decodable_audio(container))
        try:
            for packet in demuxed(container, streams):
                at = tally.decode(packet)
                if on_progress is not None and at is not None and length:
                    on_progress(min(1.0, max(0.0, float(at / length))))
        except FFmpegError as error:
            blame_disk(error, path)
            tally.errors.append(f"the file cannot be read further ({error.strerror or error})")
    return tally.report()


def check_windows(path: Path, duration: Fraction | None) -> DecodeReport:
    """Decode the first, middle and last ``WINDOW`` seconds; all of a file that is short or of unknown length.

    A window that holds no frame is an error: the container promises more than there is.

    Args:
        path: the file.
        duration: seconds, as its container promises; None where it does not.

    Returns:
        What decoding found, of all windows together.
    """
    if duration is None or duration <= 4 * WINDOW:
        return check_whole(path)
    tally = Tally()
    for start in (Fraction(0), duration / 2, duration - WINDOW):
        before = tally.frames + tally.audio_frames
        tally.begin_window()
        with Footage(path) as footage:
            sought = footage.enter(start, timed=False)
        with open_media(path) as container:
            streams = _streams(path, container, all_tracks=True)
            offset = Fraction(container.start_time or 0, 1_000_000)
            try:
                if sought is None or sought > 0:
                    container.seek(int((offset + (sought or start)) * 1_000_000), backward=True)
                _decode_until(tally, demuxed(container, streams), offset + start + WINDOW)
            except FFmpegError as error:
                blame_disk(error, path)
                tally.errors.append(f"nothing can be read at {float(start):.1f} s ({error.strerror or error})")
        if tally.frames + tally.audio_frames == before and not tally.errors:
            tally.errors.append(f"nothing after {float(start):.1f} s of a promised {float(duration):.1f} s")
    return tally.report()


def _decode_until(tally: Tally, packets: Iterable[Packet[Any]], end: Fraction) -> None:
    """Decode up to a moment and to the first frame, which in a time lapse may stand long after it."""
    frames, errors = tally.frames, len(tally.errors)
    for packet in packets:
        at = tally.decode(packet)
        reached = at is not None and at > end and packet.stream.type == "video"
        if reached and (tally.frames > frames or len(tally.errors) > errors):
            break


def decoded_seek_point(path: Path, at: Fraction) -> SeekPoint:
    """How the frame on show ``at`` seconds after the start is reached; see ``frame_on_show``."""
    return frame_on_show(path, at)[0]


def frame_on_show(path: Path, at: Fraction) -> tuple[SeekPoint, VideoFrame]:
    """The frame on show ``at`` seconds after the start.

    Returns:
        How it is reached, with its beginning as decoding has shown it, and the frame, not smoothed between blocks.

    Raises:
        NotAVideo: no frame decodes.
    """
    for prepare in (_prepare_fast, _prepare_patient):
        with Footage(path, prepare) as footage:
            found = footage.on_show(at)
        if found is not None:
            return found
    raise NotAVideo(f"{path.name} holds no frame that decodes.", path, Flaw.NO_FRAMES)
