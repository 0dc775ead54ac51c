"""Which tracks of a file are worked with: those that decode. The others are left out, and named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

UNKNOWN: Final = "unknown"

#: How ffmpeg writes a layout that is none of those it has a name for, and a layout for each number of channels.
_CUSTOM: Final = re.compile(r"(\d+) channels \(")
_PAIRS: Final = ("downmix", "binaural")
_LAYOUTS: Final = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1")

_COVER: Final = "cover"
_ATTACHMENT: Final = "attachment"
#: Sample entry of a track of chapters (QuickTime).
_CHAPTERS: Final = "text"

_NO_DECODER: Final = "no decoder here can read it"
_EMPTY: Final = "nothing in it decodes"

_STILL: Final = Disposition.attached_pic | Disposition.timed_thumbnails


@dataclass(frozen=True)
class AudioTrack:
    """An audio track that decodes."""

    index: int  # among the file's audio streams, as in ffmpeg's 0:a:<index>
    codec: str
    start: Fraction | None = None  # seconds after the file's beginning
    layout: str = "stereo"  # of its channels, as ffmpeg writes it
    untimed: bool = False  # its first frame has no time, so that ffmpeg would put it at the file's beginning
    channels: tuple[str, ...] = ("FL", "FR")  # as ffmpeg names them
    rate: int = 48_000  # samples a second
    jitter: float = 0.0  # seconds by which times of its packets are off, where that was looked into


@dataclass(frozen=True)
class OmittedTrack:
    """A track that is in no copy and no film."""

    kind: str  # video, audio, subtitle, data; cover or attachment, which are no tracks to people
    number: int  # among the tracks of its kind, from 1
    codec: str
    reason: str

    def __str__(self) -> str:
        name = self.kind if self.kind in (_COVER, _ATTACHMENT) else f"{self.kind} track"
        return f"{name} {self.number} ({self.codec}) is left out: {self.reason}"


def by_position(layout: str) -> tuple[str, int] | None:
    """The layout that the first channels of one that encoders do not take are taken for (pure).

    Those are layouts without a name, and pairs that were made to be played as stereo: Lt/Rt and binaural.

    Returns:
        It, and how many channels it has; None for other layouts.
    """
    if layout in _PAIRS:
        return "stereo", 2
    if not (custom := _CUSTOM.match(layout)):
        return None
    channels = min(int(custom[1]), len(_LAYOUTS))
    return _LAYOUTS[channels - 1], channels


def codec_name(stream: Stream) -> str:
    """The codec of a stream, ``unknown`` where no decoder of it is here."""
    context = stream.codec_context
    return UNKNOWN if context is None else str(context.codec.canonical_name)


def main_video(container: InputContainer) -> tuple[int, VideoStream] | None:
    """The video stream that players show.

    That is, of those with a decoder and no cover image, one that is marked as default, or else any: the one with the
    largest frame, as ffmpeg takes it, or else the first. A track of a single frame is a still beside the others.

    Returns:
        It, with its index among the video streams; None where there is none.
    """
    moving = _moving_videos(container)
    default = [found for found in moving if found[1].disposition & Disposition.default]
    return max(default or moving, key=lambda found: (found[1].frames != 1, _area(found[1])), default=None)


def main_video_number(container: InputContainer) -> int:
    """Where ``main_video`` stands among the video tracks that it is chosen of.

    Returns:
        Its number from 0, which is that of a file's only track whatever covers stand before it; 0 where there is none.
    """
    found, moving = main_video(container), _moving_videos(container)
    return 0 if found is None else [index for index, _ in moving].index(found[0])


def _moving_videos(container: InputContainer) -> list[tuple[int, VideoStream]]:
    """The video streams with a decoder that are no cover image, each with its index among the video streams."""
    return [
        (index, stream)
        for index, stream in enumerate(container.streams.video)
        if not stream.disposition & _STILL and stream.codec_context is not None
    ]


def _area(stream: VideoStream) -> int:
    context = stream.codec_context
    return context.width * context.height


def decodable_audio(container: InputContainer) -> list[tuple[int, AudioStream]]:
    """The audio streams whose decoder is here and opens, each with its index among the audio streams."""
    return [(index, stream) for index, stream in enumerate(container.streams.audio) if _opens(stream)]


def _opens(stream: AudioStream) -> bool:
    context = stream.codec_context
    if context is None:
        return False
    try:
        context.open(strict=False)
    except (FFmpegError, ValueError):
        return False
    return True


def audio_tracks(container: InputContainer, frames: Mapping[int, Any]) -> tuple[AudioTrack, ...]:
    """The audio tracks that decode.

    Args:
        container: the file.
        frames: the first frame of each stream, by its index; None where nothing in the stream decodes. A stream that
            is not in it is believed to decode.

    Returns:
        The tracks, in order.
    """
    begin = Fraction(container.start_time or 0, 1_000_000)
    tracks = []
    for index, stream in decodable_audio(container):
        frame = frames.get(stream.index)
        if frame is not None or stream.index not in frames:
            heard = stream.codec_context if frame is None else frame
            channels = tuple(channel.name for channel in heard.layout.channels)
            start = None if stream.start_time is None else stream.start_time * Fraction(stream.time_base or 1) - begin
            untimed = frame is not None and frame.pts is None
            codec, rate = codec_name(stream), heard.sample_rate
            tracks.append(AudioTrack(index, codec, start, heard.layout.name, untimed, channels, rate))
    return tuple(tracks)


def omitted_tracks(
    container: InputContainer, audio: Iterable[AudioTrack], names: Mapping[int, str]
) -> tuple[OmittedTrack, ...]:
    """The audio and video tracks that are not worked with because they do not decode.

    Args:
        container: the file.
        audio: the tracks that are.
        names: what the container calls each stream's codec, where it does, by the stream's index.

    Returns:
        Each of them with the reason.
    """
    decoding = {track.index for track in audio}
    opened = {index for index, _ in decodable_audio(container)}
    found = [
        OmittedTrack("video", index + 1, names.get(stream.index, UNKNOWN), _NO_DECODER)
        for index, stream in enumerate(container.streams.video)
        if stream.codec_context is None and not stream.disposition & _STILL
    ]
    for index, stream in enumerate(container.streams.audio):
        if index in decoding:
            continue
        codec = names.get(stream.index, UNKNOWN) if stream.codec_context is None else codec_name(stream)
        found.append(OmittedTrack("audio", index + 1, codec, _EMPTY if index in opened else _NO_DECODER))
    return tuple(found)


def unused_tracks(container: InputContainer, video: VideoStream, names: Mapping[int, str]) -> tuple[OmittedTrack, ...]:
    """The tracks that may well decode, and that no copy and no film has a place for.

    Args:
        container: the file.
        video: the one video track that is worked with.
        names: see ``omitted_tracks``.

    Returns:
        Each of them with the reason.
    """
    covers = [stream for stream in container.streams.video if stream.disposition & _STILL]
    others = [
        (number, stream)
        for number, stream in enumerate(container.streams.video, 1)
        if stream not in (video, *covers) and stream.codec_context is not None
    ]
    # The chapters of an mp4 stand in a data track, too; they are kept.
    chapters = {_CHAPTERS} if container.chapters() else set()
    data = [stream for stream in container.streams.data if names.get(stream.index) not in chapters]
    context = video.codec_context
    one = f"a copy has one video track, here that of {context.width}x{context.height}"
    return (
        *(OmittedTrack("video", number, _codec(stream, names), one) for number, stream in others),
        *_numbered(_COVER, covers, names, "a copy has no cover"),
        *_numbered("data", data, names, "a copy has no data tracks"),
        *_numbered(_ATTACHMENT, container.streams.attachments, names, "an mp4 has no attachments"),
    )


def _numbered(kind: str, streams: Iterable[Stream], names: Mapping[int, str], reason: str) -> Iterator[OmittedTrack]:
    for number, stream in enumerate(streams, 1):
        yield OmittedTrack(kind, number, _codec(stream, names), reason)


def _codec(stream: Stream, names: Mapping[int, str]) -> str:
    """Its codec, or what the container calls it, or the name of an attached file."""
    codec = codec_name(stream)
    return codec if codec != UNKNOWN else names.get(stream.index) or stream.metadata.get("filename") or UNKNOWN
