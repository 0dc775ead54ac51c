"""What decoding finds: counted packet by packet, returned as one report."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from reelmill.ffmpeg.reading.audio.audio_levels import LevelMeter, Levels
from reelmill.ffmpeg.reading.decode_request import NO_REQUEST, DecodeRequest, FramePicker
from reelmill.ffmpeg.reading.frames.frame_points import PointSampler
from reelmill.ffmpeg.reading.frames.raster import Raster


@dataclass(frozen=True)
class AudioTiming:
    """One audio track as it decodes, priming left out. Times are seconds on the file's own clock."""

    start: float  # of the first sample
    end: float  # of the last; what the container marks as padding is left out
    hole: float = 0.0  # the longest time without samples between two that have some
    hole_at: float = 0.0  # when that begins
    packet: float = 0.0  # the longest time that a packet stands


@dataclass(frozen=True)
class DecodeReport:
    """What decoding found. Times are seconds on the file's own clock."""

    frames: int
    audio_frames: int
    errors: tuple[str, ...]  # a clause each, with its time; an audio track of which nothing decodes has none
    start: Fraction | None
    last: Fraction | None  # when the last frame begins
    end: Fraction | None  # when it ends
    audio_end: Fraction | None
    ordered: bool  # presentation times never go backwards
    times: array[float] = field(default_factory=lambda: array("d"), repr=False)  # of each frame that has one
    text_end: Fraction | None = None  # of what is not decoded, subtitles above all; that may be after all frames
    audio: tuple[AudioTiming | None, ...] = ()  # of each audio track; None where nothing decodes
    rasters: tuple[tuple[Raster, ...], ...] = field(default=(), repr=False)  # around each frame wanted
    levels: tuple[Levels | None, ...] = field(default=(), repr=False)  # of each audio track, where they were asked for
    points: bytes = field(default=b"", repr=False)  # of each frame, where they were asked for

    @property
    def clean(self) -> bool:
        """Every packet decoded, and there was a frame."""
        return not self.errors and self.frames > 0

    @property
    def video_length(self) -> Fraction | None:
        """Seconds from the first frame's start to the last one's end."""
        return None if self.start is None or self.end is None else self.end - self.start

    @property
    def content(self) -> Fraction | None:
        """Seconds from the first frame's start to the end of whatever ends last, video or audio."""
        if self.start is None or self.end is None:
            return None
        return max(self.end, self.audio_end or self.end) - self.start

    @property
    def reach(self) -> Fraction | None:
        """What a container may count as its length: Matroska counts from its clock's zero, others from the start."""
        content = self.content
        if content is None or self.start is None:
            return None
        return max(content + max(Fraction(0), self.start), self.text_end or content)


class _AudioTally:
    """One audio track while it is decoded."""

    def __init__(self, meter: LevelMeter | None) -> None:
        self.meter = meter
        self._start: float | None = None
        self._reached = self._end = self._hole = self._hole_at = self._packet = 0.0

    def add(self, packet: Packet[Any], frame: AudioFrame) -> None:
        """Add one frame and the packet it came from."""
        if frame.pts is not None and frame.time_base is not None:
            begin = float(frame.pts * frame.time_base)
        elif self._start is not None:
            begin = self._reached  # a frame without a time follows the one before: AMR has four in a packet
        else:
            return
        length = frame.samples / frame.sample_rate
        if self.meter is not None:
            self.meter.add(frame, begin)
        self._packet = max(self._packet, length)
        if self._start is None:
            self._start = self._reached = begin
        if begin - self._reached > self._hole:
            self._hole, self._hole_at = begin - self._reached, self._reached
        self._reached = max(self._reached, begin + length)
        # The last packet of AAC is padded: only its duration states how much of it is meant to be heard.
        end = begin + length
        if packet.duration and packet.time_base and packet.pts is not None:
            promised = float((packet.pts + packet.duration) * packet.time_base)
            end = min(promised, end) if promised > begin else end
        self._end = max(self._end, end)

    @property
    def start(self) -> float | None:
        """When its first sample is heard; None where nothing has decoded yet."""
        return self._start

    def timing(self) -> AudioTiming | None:
        """When it is heard; None where nothing decodes."""
        if self._start is None:
            return None
        return AudioTiming(self._start, max(self._start, self._end), self._hole, self._hole_at, self._packet)


class Tally:
    """What decoding has found so far."""

    def __init__(self, until: int | None = None, request: DecodeRequest = NO_REQUEST) -> None:
        """Begin with nothing.

        Args:
            until: a PTS; frames shown from then on must decode and are not counted.
            request: what else is wanted.
        """
        self._until, self._request, self._picker = until, request, FramePicker(request)
        self._sampler, self._points = PointSampler() if request.points else None, bytearray()
        self.times = array("d")
        self._audio: dict[int, _AudioTally] = {}
        self._decoding: set[int] = set()  # audio streams of which a frame has decoded
        self._mute: dict[int, list[str]] = {}  # errors of audio streams of which no frame has decoded yet
        self.frames = self.audio_frames = 0
        self.errors: list[str] = []
        self.start: Fraction | None = None
        self.last: Fraction | None = None
        self.end: Fraction | None = None
        self.audio_end: Fraction | None = None
        self.text_end: Fraction | None = None
        self.ordered = True
        self._previous: Fraction | None = None

    def follow_audio(self, streams: Iterable[AudioStream]) -> None:
        """Note when the audio of each begins, ends and has holes; all of it must be decoded for that."""
        self._audio = {
            stream.index: _AudioTally(LevelMeter(self._request.layout(number)) if self._request.levels else None)
            for number, stream in enumerate(streams)
        }

    def heard_from(self, index: int) -> float | None:
        """When the first sample of the audio stream of that index is heard; None where nothing has decoded yet."""
        return self._audio[index].start

    def begin_window(self) -> None:
        """Forget the last frame's time: the next one may stand before it."""
        self._previous = None

    def decode(self, packet: Packet[Any]) -> Fraction | None:
        """Decode one packet, or empty the decoder with one of no size.

        Returns:
            The packet's time in seconds; None where it has none.
        """
        at = None if packet.pts is None or packet.time_base is None else packet.pts * packet.time_base
        where = "" if at is None else f" at {float(at):.2f} s"
        kind = packet.stream.type
        if kind == "subtitle" or packet.stream.codec_context is None:
            if at is not None and packet.time_base is not None:
                self.text_end = max(self.text_end or at, at + (packet.duration or 0) * packet.time_base)
            return at
        if packet.size == 0 and (packet.pts is not None or packet.dts is not None):
            return at  # an empty packet in mid-stream: libavcodec refuses it, players skip it
        try:
            frames = packet.decode()
        except EOFError:  # a zero-length packet in mid-stream reads as a flush; players skip it
            return at
        except FFmpegError as error:
            fault = f"{kind} does not decode{where} ({error.strerror or error})"
            if kind == "audio" and packet.stream.index not in self._decoding:
                self._mute.setdefault(packet.stream.index, []).append(fault)
            else:
                self.errors.append(fault)
            return at
        for frame in frames:
            if isinstance(frame, AudioFrame):
                self._add_audio(packet, frame, at)
            else:
                self._add_video(frame, where)
        return at

    def _add_audio(self, packet: Packet[Any], frame: AudioFrame, at: Fraction | None) -> None:
        """Add a frame of audio and the packet it came from, which stands at ``at``."""
        self.audio_frames += 1
        self._decoding.add(packet.stream.index)
        self.errors += self._mute.pop(packet.stream.index, [])
        if track := self._audio.get(packet.stream.index):
            track.add(packet, frame)
        self.audio_end = at if self.audio_end is None or at is None else max(self.audio_end, at)

    def _add_video(self, frame: VideoFrame, where: str) -> None:
        """Add a frame of video."""
        if getattr(frame, "is_corrupt", False):
            self.errors.append(f"damaged frame{where}")
        if frame.pts is not None and frame.time_base is not None:
            self._picker.add(float(frame.pts * frame.time_base), frame)
        if self._until is not None and frame.pts is not None and frame.pts >= self._until:
            return
        self.frames += 1
        if self._sampler is not None:
            self._points += self._sampler.sample(frame)
        if frame.pts is None or frame.time_base is None:
            return
        time = frame.pts * frame.time_base
        length = (frame.duration or 0) * frame.time_base
        self.ordered = self.ordered and (self._previous is None or time >= self._previous)
        self._previous = time
        self.times.append(float(time))
        self.start = time if self.start is None else min(self.start, time)
        self.last = time if self.last is None else max(self.last, time)
        self.end = time + length if self.end is None else max(self.end, time + length)

    def report(self) -> DecodeReport:
        """All that was found."""
        return DecodeReport(
            frames=self.frames,
            audio_frames=self.audio_frames,
            errors=tuple(self.errors),
            start=self.start,
            last=self.last,
            end=self.end,
            audio_end=self.audio_end,
            ordered=self.ordered,
            times=self.times,
            text_end=self.text_end,
            audio=tuple(track.timing() for track in self._audio.values()),
            rasters=self._picker.end(),
            levels=tuple(track.meter.levels() for track in self._audio.values() if track.meter is not None),
            points=bytes(self._points),
        )
