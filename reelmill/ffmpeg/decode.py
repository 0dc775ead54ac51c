"""Does it really play? Decoding in process, counting what comes out and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.probe import blame_disk, main_video, open_media

#: Seconds decoded at the start, in the middle and at the end by a quick check.
WINDOW: Final = Fraction(2)


@dataclass(frozen=True)
class DecodeReport:
    """What decoding found. Times are seconds on the file's own clock."""

    frames: int
    audio_frames: int
    errors: tuple[str, ...]  # one sentence part each, with the time it happened
    start: Fraction | None
    last: Fraction | None  # when the last picture begins
    end: Fraction | None  # when it ends
    audio_end: Fraction | None
    ordered: bool  # presentation times never go backwards

    @property
    def clean(self) -> bool:
        """Every packet decoded, and there was a picture."""
        return not self.errors and self.frames > 0

    @property
    def span(self) -> Fraction | None:
        """Seconds from the first picture's start to the last one's end."""
        return None if self.start is None or self.end is None else self.end - self.start

    @property
    def content(self) -> Fraction | None:
        """Seconds from the first picture's start to the end of whatever ends last, picture or sound."""
        if self.start is None or self.end is None:
            return None
        return max(self.end, self.audio_end or self.end) - self.start


class _Tally:
    def __init__(self) -> None:
        self.frames = self.audio_frames = 0
        self.errors: list[str] = []
        self.start: Fraction | None = None
        self.last: Fraction | None = None
        self.end: Fraction | None = None
        self.audio_end: Fraction | None = None
        self.ordered = True
        self._previous: Fraction | None = None

    def begin_window(self) -> None:
        """Forget the last picture's time: the next one may stand before it."""
        self._previous = None

    def take(self, packet: Packet[Any]) -> Fraction | None:
        """Decode one packet; answers the time it stands at, in seconds."""
        at = None if packet.pts is None or packet.time_base is None else packet.pts * packet.time_base
        where = "" if at is None else f" at {float(at):.2f} s"
        kind = packet.stream.type
        if packet.size == 0 and (packet.pts is not None or packet.dts is not None):
            return at  # an empty packet in mid-stream: libavcodec refuses it, players skip it
        try:
            frames = packet.decode()
        except EOFError:  # a zero-length packet in mid-stream reads as a flush; players skip it
            return at
        except FFmpegError as error:
            self.errors.append(f"{kind} does not decode{where} ({error.strerror or error})")
            return at
        for frame in frames:
            if kind == "audio":
                self.audio_frames += 1
                self.audio_end = at if self.audio_end is None or at is None else max(self.audio_end, at)
                continue
            self.frames += 1
            if getattr(frame, "is_corrupt", False):
                self.errors.append(f"damaged picture{where}")
            if frame.pts is None or frame.time_base is None:
                continue
            time = frame.pts * frame.time_base
            length = (frame.duration or 0) * frame.time_base
            self.ordered = self.ordered and (self._previous is None or time >= self._previous)
            self._previous = time
            self.start = time if self.start is None else min(self.start, time)
            self.last = time if self.last is None else max(self.last, time)
            self.end = time + length if self.end is None else max(self.end, time + length)
        return at

    def report(self) -> DecodeReport:
        return DecodeReport(
            frames=self.frames,
            audio_frames=self.audio_frames,
            errors=tuple(self.errors),
            start=self.start,
            last=self.last,
            end=self.end,
            audio_end=self.audio_end,
            ordered=self.ordered,
        )


def _streams(path: Path, container: InputContainer, audio: bool) -> list[VideoStream | AudioStream]:
    found = main_video(container)
    if found is None:
        raise NotAVideo(f"{path.name} has no picture track.")
    video = found[1]
    # Whether a picture decodes does not depend on how it is smoothed.
    video.codec_context.options = {"skip_loop_filter": "all"}
    video.thread_type = "AUTO"
    return [video, *(container.streams.audio if audio else ())]


def check_whole(path: Path, *, on_progress: Callable[[float], None] | None = None) -> DecodeReport:
    """Decode everything: the main picture track and every audio track.

    Args:
        path: the file.
        on_progress: called with the fraction done, for each packet that has a time.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    tally = _Tally()
    with open_media(path) as container:
        streams = _streams(path, container, audio=True)
        length = Fraction(container.duration or 0, 1_000_000)
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
    tally = _Tally()
    for start in (Fraction(0), duration / 2, duration - WINDOW):
        before = tally.frames + tally.audio_frames
        tally.begin_window()
        with open_media(path) as container:
            streams = _streams(path, container, audio=True)
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


def _decode_until(tally: _Tally, packets: Iterable[Packet[Any]], end: Fraction) -> None:
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
        (video,) = _streams(path, container, audio=False)
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


def last_hold(path: Path) -> Fraction:
    """How many seconds the last picture stands, by its packet; 0 where that is not said. Nothing is decoded."""
    last: Fraction | None = None
    hold = Fraction(0)
    with open_media(path) as container:
        (video,) = _streams(path, container, audio=False)
        if container.duration:
            container.seek((container.start_time or 0) + container.duration, backward=True)
        for packet in container.demux(video):
            if packet.pts is not None and packet.time_base is not None:
                time = packet.pts * packet.time_base
                if last is None or time > last:
                    last, hold = time, (packet.duration or 0) * packet.time_base
    return hold
