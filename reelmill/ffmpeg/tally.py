"""What decoding finds: counted packet by packet, told as one report."""

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


@dataclass(frozen=True)
class Heard:
    """One sound track as it decodes, priming left out. Times are seconds on the file's own clock."""

    start: float  # of the first sample
    end: float  # of the last, what the container says is padding left out
    hole: float = 0.0  # the longest stretch without samples between two that have some
    hole_at: float = 0.0  # where that begins


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
    times: array[float] = field(default_factory=lambda: array("d"), repr=False)  # of each picture that has one
    text_end: Fraction | None = None  # of the subtitle that ends last, which may be after all pictures
    sounds: tuple[Heard | None, ...] = ()  # for each sound track; None where nothing decodes

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

    @property
    def reach(self) -> Fraction | None:
        """What a container may count as its length: Matroska counts from its clock's zero, others from the start."""
        content = self.content
        if content is None or self.start is None:
            return None
        return max(content + max(Fraction(0), self.start), self.text_end or content)


class _Sound:
    """One sound track while it is decoded."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._reached = self._end = self._hole = self._hole_at = 0.0

    def take(self, packet: Packet[Any], frame: AudioFrame) -> None:
        """Add one frame and the packet it came from."""
        if frame.pts is not None and frame.time_base is not None:
            begin = float(frame.pts * frame.time_base)
        elif self._start is not None:
            begin = self._reached  # a frame that says no time follows the one before: AMR has four in a packet
        else:
            return
        length = frame.samples / frame.sample_rate
        if self._start is None:
            self._start = self._reached = begin
        if begin - self._reached > self._hole:
            self._hole, self._hole_at = begin - self._reached, self._reached
        self._reached = max(self._reached, begin + length)
        # The last packet of AAC is padded: only its duration says how much of it is meant to be heard.
        end = begin + length
        if packet.duration and packet.time_base and packet.pts is not None:
            said = float((packet.pts + packet.duration) * packet.time_base)
            end = min(said, end) if said > begin else end
        self._end = max(self._end, end)

    def heard(self) -> Heard | None:
        """What was found."""
        if self._start is None:
            return None
        return Heard(self._start, max(self._start, self._end), self._hole, self._hole_at)


class Tally:
    """What has been found so far."""

    def __init__(self, until: int | None = None) -> None:
        """Begin with nothing.

        Args:
            until: a stamp; pictures shown from then on must decode and are not counted.
        """
        self._until = until
        self.times = array("d")
        self._sounds: dict[int, _Sound] = {}
        self.frames = self.audio_frames = 0
        self.errors: list[str] = []
        self.start: Fraction | None = None
        self.last: Fraction | None = None
        self.end: Fraction | None = None
        self.audio_end: Fraction | None = None
        self.text_end: Fraction | None = None
        self.ordered = True
        self._previous: Fraction | None = None

    def follow(self, streams: Iterable[AudioStream]) -> None:
        """Note where the sound of each begins, ends and has holes, which takes all of it."""
        self._sounds = {stream.index: _Sound() for stream in streams}

    def begin_window(self) -> None:
        """Forget the last picture's time: the next one may stand before it."""
        self._previous = None

    def take(self, packet: Packet[Any]) -> Fraction | None:
        """Decode one packet, or empty the decoder with one of no size; answers the time it stands at, in seconds."""
        at = None if packet.pts is None or packet.time_base is None else packet.pts * packet.time_base
        where = "" if at is None else f" at {float(at):.2f} s"
        kind = packet.stream.type
        if kind == "subtitle":
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
            self.errors.append(f"{kind} does not decode{where} ({error.strerror or error})")
            return at
        for frame in frames:
            if isinstance(frame, AudioFrame):
                self.audio_frames += 1
                if sound := self._sounds.get(packet.stream.index):
                    sound.take(packet, frame)
                self.audio_end = at if self.audio_end is None or at is None else max(self.audio_end, at)
                continue
            if getattr(frame, "is_corrupt", False):
                self.errors.append(f"damaged picture{where}")
            if self._until is not None and frame.pts is not None and frame.pts >= self._until:
                continue
            self.frames += 1
            if frame.pts is None or frame.time_base is None:
                continue
            time = frame.pts * frame.time_base
            length = (frame.duration or 0) * frame.time_base
            self.ordered = self.ordered and (self._previous is None or time >= self._previous)
            self._previous = time
            self.times.append(float(time))
            self.start = time if self.start is None else min(self.start, time)
            self.last = time if self.last is None else max(self.last, time)
            self.end = time + length if self.end is None else max(self.end, time + length)
        return at

    def report(self) -> DecodeReport:
        """All of it."""
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
            sounds=tuple(sound.heard() for sound in self._sounds.values()),
        )
