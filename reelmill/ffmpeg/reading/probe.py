"""What a file is, read in process with PyAV: 1 to 15 ms a file, no decoding beyond the first frame."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from reelmill.classification import DISK_TROUBLE
from reelmill.errors import EncryptedVideo, FileMissing, InputError, NotAVideo, Unreadable
from reelmill.ffmpeg.demuxers import is_text
from reelmill.ffmpeg.reading.containers.sample_entries import sample_entries
from reelmill.ffmpeg.reading.cropping import UNCROPPED, Cropping
from reelmill.ffmpeg.reading.declared_light import declares_light, peak
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.late_video import opened
from reelmill.ffmpeg.reading.orientation import believable, interlaced, mirrored, rotation, tilted
from reelmill.ffmpeg.reading.track_facts import track_facts
from reelmill.ffmpeg.reading.tracks import (
    AudioTrack,
    OmittedTrack,
    audio_tracks,
    codec_name,
    decodable_audio,
    main_video,
    main_video_number,
    omitted_tracks,
    unused_tracks,
)
from reelmill.troubles import Flaw

__all__ = ["MediaInfo", "VideoTrack", "blame_disk", "main_video", "media_url", "open_media", "probe"]

#: Transfer characteristics (ITU-T H.273, table 3) that mean high dynamic range.
HDR_TRANSFERS: Final = {16: "pq", 18: "hlg"}

#: Demuxers of single images: a photograph that was renamed .mp4 opens with one of these.
_IMAGE_FORMATS: Final = ("image2", "_pipe")

#: Sample entry of an encrypted video track (ISO/IEC 14496-12, 8.12).
_ENCRYPTED_ENTRY: Final = "encv"

#: Code points of ITU-T H.273, tables 2 and 3, that mean no more than "unspecified" does.
_UNSPECIFIED: Final = 2
_RESERVED: Final = (0, 3)
#: Primaries, transfer and matrix of HDR10: BT.2020 and PQ.
_HDR10: Final = (9, 16, 9)

#: Bytes a second; no video takes less. A header that promises more seconds than that was never finished.
_LEAST_RATE: Final = 100

_BLOCK: Final = 1 << 20  # bytes

_SCHEME: Final = "file:"
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/+[^/]", re.IGNORECASE)  # a path has lost one of its slashes
_FULL_RANGE: Final = 2  # AVColorRange JPEG


@dataclass(frozen=True)
class VideoTrack:
    """The video track that counts: see ``main_video``."""

    index: int  # among the file's video streams, as in ffmpeg's 0:v:<index>
    codec: str
    profile: str | None
    width: int  # as stored, but for what is cropped
    height: int
    rotation: int  # degrees clockwise to turn the stored frame for display: 0, 90, 180, 270
    sample_aspect: Fraction
    frame_rate: Fraction | None  # average; None where the file does not say
    frames: int | None  # as the container counts them
    pixel_format: str
    full_range: bool  # luma from 0 to 255 rather than 16 to 235
    transfer: int  # H.273 code points
    interlaced: bool
    start: Fraction | None  # seconds
    duration: Fraction | None  # seconds; None where only the container knows
    primaries: int = 2  # H.273 code points, as ``transfer``; 2 is unspecified
    matrix: int = 2
    mirrored: bool = False  # see ``orientation.upright``
    number: int = 0  # see ``main_video_number``
    peak: int | None = None  # cd/m2 of the brightest, where it is HDR and declares that
    dolby_vision: int | None = None  # its profile, where its container has one
    level: int = 0  # as a decoder's context has it: ten times H.264's
    telecined: bool = False  # see ``telecine``; where that was looked into
    tilted: bool = False  # it is to be turned by other than quarters; ``rotation`` is the nearest
    cropping: Cropping = UNCROPPED  # what ``width`` and ``height`` leave out of a stored frame

    @property
    def hdr(self) -> str | None:
        """``pq``, ``hlg`` or None."""
        return HDR_TRANSFERS.get(self.transfer)

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as a player shows them: square pixels, turned upright."""
        width = max(1, round(self.width * believable(self.sample_aspect)))
        return (self.height, width) if self.rotation in (90, 270) else (width, self.height)

    @property
    def plain(self) -> bool:
        """Whether the frames are already what web H.264 needs: 8 bit, limited range, square, upright, even."""
        upright = self.rotation == 0 and not self.mirrored and self.sample_aspect == 1 and not self.interlaced
        limited = self.pixel_format == "yuv420p" and not self.full_range and self.hdr is None
        return upright and limited and self.width % 2 == 0 and self.height % 2 == 0

    @property
    def orientation(self) -> str:
        """``landscape``, ``portrait`` or ``square``, as shown."""
        width, height = self.display_size
        return "square" if width == height else "landscape" if width > height else "portrait"


@dataclass(frozen=True)
class MediaInfo:
    """The facts of one readable video file."""

    container: str
    title: str | None
    size: int  # bytes
    duration: Fraction | None  # seconds
    bit_rate: int | None  # bits per second
    video: VideoTrack
    audio: tuple[AudioTrack, ...]  # those that decode
    subtitle_codecs: tuple[str, ...]
    left_out: tuple[OmittedTrack, ...] = ()  # audio and video tracks that do not
    unused: tuple[OmittedTrack, ...] = ()  # what else no copy has: further video tracks, covers, data, attachments

    @property
    def audio_codecs(self) -> tuple[str, ...]:
        """Of each audio track that decodes."""
        return tuple(track.codec for track in self.audio)

    @property
    def audio_tracks(self) -> int:
        """How many audio tracks decode."""
        return len(self.audio)


def media_url(path: Path) -> str:
    """``path`` so that neither a leading dash nor a colon in it means anything to ffmpeg."""
    return f"{_SCHEME}{path}"


def open_media(path: Path) -> InputContainer:
    """Open with PyAV, metadata in any encoding tolerated, foreign errors turned into ours.

    Returns:
        The container, which whoever opens it closes.

    Raises:
        FileMissing: there is no such file.
        NotAVideo: it is empty, a folder, or nothing that opens as a video.
        InputError: it cannot be read.
        Unreadable: the disk does not give its bytes.
    """
    name = path.name or str(path)
    try:
        if path.is_dir():
            raise NotAVideo(f"{name} is a folder, not a video file.", path, Flaw.FOLDER)
        if path.stat().st_size == 0:
            raise NotAVideo(f"{name} is empty (0 bytes); copy it again from where it came from.", path, Flaw.EMPTY)
        container = opened(media_url(path))
        for stream in container.streams.video:
            if stream.codec_context is not None:  # crop to any column, as ffmpeg does, not to what is fast to read
                stream.codec_context.flags |= Flags.unaligned
        return container
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing(_absent(path), path, _absence(path)) from error
    except PermissionError as error:
        reason = f"{name} may not be read by this user; check its permissions."
        raise InputError(reason, path, Flaw.FORBIDDEN) from error
    except FFmpegError as error:
        blame_disk(error, path)
        if error.errno == errno.EINVAL and is_text(path):
            reason = f"{name} is a text, such as a playlist that names other files, and not a video; use those files."
            raise NotAVideo(reason, path, Flaw.PLAYLIST) from error
        raise NotAVideo(
            f"{name} cannot be opened as a video ({error.strerror or error}): "
            "it is cut off, damaged or another kind of file.",
            path,
            Flaw.UNKNOWN_FORMAT,
        ) from error
    except OSError as error:
        blame_disk(error, path)
        if error.strerror == "File name too long":
            reason = f"{name[:40]}… is longer than a file name may be."
            raise FileMissing(reason, path, Flaw.NAME_TOO_LONG) from error
        raise InputError(f"{name} cannot be read: {error.strerror or error}.", path, Flaw.UNREADABLE) from error


def _absence(path: Path) -> Flaw:
    return Flaw.ADDRESS if _ADDRESS.match(str(path)) else Flaw.ABSENT


def _absent(path: Path) -> str:
    if _ADDRESS.match(str(path)):
        return f"{path} is an address, and Reelmill reads files; fetch it first."
    return f"{path.name} is not there: no file has the path {path.absolute()}; check its name and folder."


def blame_disk(error: Exception, path: Path | str) -> None:
    """Raise where a file cannot be read because of its disk, rather than because it is damaged.

    libav's word is not enough: some of its demuxers call damage an I/O error, others take bytes they do not get for
    the end of the file. So all of the file is read once more, which only files that fail have to stand.

    Args:
        error: what libav, or the system, met.
        path: the file, or libav's URL of it.

    Raises:
        Unreadable: the disk, or the way to it, is at fault.
    """
    path = Path(str(path).removeprefix(_SCHEME))
    met = _trouble(path) if isinstance(error, FFmpegError) else error
    if isinstance(met, OSError) and met.errno in DISK_TROUBLE:
        said = f"{path.name} cannot be read just now ({met.strerror}): look after its disk or share."
        raise Unreadable(said, path) from error


def _trouble(path: Path) -> OSError | None:
    """The error that reading all of a file meets."""
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_BLOCK):
                continue
    except OSError as error:
        return error
    return None


def _seconds(value: int | None, time_base: Fraction | None) -> Fraction | None:
    return None if value is None or time_base is None else value * time_base


def _stated(code_point: int | None) -> int:
    """A code point of primaries or transfer; a reserved one is as none."""
    return _UNSPECIFIED if code_point is None or int(code_point) in _RESERVED else int(code_point)


def track_number(path: Path) -> int:
    """``VideoTrack.number`` of a file, where none of its other facts are needed; errors as ``open_media``'s."""
    with open_media(path) as container:
        return main_video_number(container)


def _track(found: tuple[int, VideoStream], first: Any, cropping: Cropping, duration: Fraction | None) -> VideoTrack:
    index, stream = found
    context = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate
    stored = (context.width, context.height) if first is None else (first.width, first.height)
    cropping = cropping if cropping.fits(*stored) else UNCROPPED
    width, height = cropping.shown(*stored)
    stated = [_stated(context.color_primaries), _stated(context.color_trc), int(context.colorspace)]
    if stated[1] == _UNSPECIFIED and first is not None and declares_light(first):  # PQ whose tags were lost
        stated = [lost if tag == _UNSPECIFIED else tag for tag, lost in zip(stated, _HDR10, strict=True)]
    return VideoTrack(
        index=index,
        codec=context.codec.canonical_name,
        profile=stream.profile,
        width=width,
        height=height,
        rotation=0 if first is None else rotation(first),
        mirrored=first is not None and mirrored(first),
        tilted=first is not None and tilted(first),
        sample_aspect=Fraction(stream.sample_aspect_ratio or 1),
        frame_rate=Fraction(rate) if rate else None,
        frames=stream.frames or None,
        pixel_format=context.pix_fmt or "",
        full_range=int(context.color_range or 0) == _FULL_RANGE or (context.pix_fmt or "").startswith("yuvj"),
        transfer=stated[1],
        interlaced=interlaced(stream, first),
        start=_seconds(stream.start_time, stream.time_base),
        duration=duration,
        primaries=stated[0],
        matrix=stated[2],
        peak=None if first is None else peak(first),
        level=int(context.level),
        cropping=cropping,
    )


def probe(path: Path) -> MediaInfo:
    """Read the facts of ``path``.

    Returns:
        The facts; what the file does not state is None.

    Raises:
        FileMissing: there is no such file.
        NotAVideo: empty, a folder, not a video container, an image, or audio only.
        EncryptedVideo: the video track is encrypted.
        InputError: it cannot be read.
        Unreadable: not just now.
    """
    with open_media(path) as container:
        if any(mark in container.format.name for mark in _IMAGE_FORMATS):
            reason = f"{path.name} is an image ({container.format.name}), not a video."
            raise NotAVideo(reason, path, Flaw.IMAGE)
        entries = dict(enumerate(sample_entries(path))) if "mp4" in container.format.name else {}
        if any(entry.name == _ENCRYPTED_ENTRY for entry in entries.values()):
            raise EncryptedVideo(f"{path.name} is encrypted (DRM); Reelmill has no key to it.", path)
        found = main_video(container)
        if found is None or not found[1].codec_context.width:
            raise NotAVideo(*_no_video(path, container))
        names = {index: entry.name for index, entry in entries.items()}
        facts = track_facts(path, container, found[1], entries.get(found[1].index))
        frames = _first_frames(container, found[1])
        audio = audio_tracks(container, frames)
        promised, held = _durations(container, found[1], path.stat().st_size)
        return MediaInfo(
            container=container.format.name,
            title=container.metadata.get("title", "").replace("\0", "").strip() or None,
            size=path.stat().st_size,
            duration=promised,
            bit_rate=container.bit_rate or None,
            video=replace(
                _track(found, frames.get(found[1].index), facts.cropping, held),
                number=main_video_number(container),
                dolby_vision=facts.dolby_vision,
            ),
            audio=audio,
            subtitle_codecs=tuple(codec_name(stream) for stream in container.streams.subtitles),
            left_out=omitted_tracks(container, audio, names),
            unused=unused_tracks(container, found[1], names),
        )


def _no_video(path: Path, container: InputContainer) -> tuple[str, Path, Flaw]:
    if any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video):
        reason = f"{path.name} has a video track that this build of ffmpeg cannot decode."
        return reason, path, Flaw.UNKNOWN_CODEC
    if container.streams.audio:
        return f"{path.name} has only audio; Reelmill works on videos.", path, Flaw.AUDIO_ONLY
    return f"{path.name} has no video track; Reelmill works on videos.", path, Flaw.NO_VIDEO_TRACK


def _first_frames(container: InputContainer, video: VideoStream) -> dict[int, Any]:
    """The first frame of the main video track and of each audio track, by the stream's index; None where none decodes.

    Usually the first packets hold them. Only an audio track that holds no frame makes this read all of the file, and
    then nothing else is decoded. What cannot be read because of damage is left out.

    Returns:
        The frames; a stream that is not in it was not reached.
    """
    video.thread_count = 1
    streams = [video, *(stream for _, stream in decodable_audio(container))]
    found: dict[int, Any] = {}
    try:
        for packet in demuxed(container, streams):
            index = packet.stream.index
            if index in found:
                continue
            frame, damaged = _first_frame(packet)
            if frame is not None or (damaged and index == video.index):  # whether it plays is for ``decode`` to find
                found[index] = frame
            if len(found) == len(streams):
                return found
    except FFmpegError as error:
        blame_disk(error, container.name)
        return found
    return {stream.index: found.get(stream.index) for stream in streams}


def _first_frame(packet: Packet[Any]) -> tuple[Any, bool]:
    """The first frame that a packet gives, and whether the packet is damaged."""
    if packet.size == 0 and (packet.pts is not None or packet.dts is not None):
        return None, False  # libavcodec would take it for the end
    try:
        return next(iter(packet.decode()), None), False
    except EOFError:
        return None, False
    except FFmpegError:
        return None, True


def _durations(container: InputContainer, stream: VideoStream, size: int) -> tuple[Fraction | None, Fraction | None]:
    """Seconds of a file and of its main video track, by the container, or by its index where that makes no sense."""
    track = _seconds(stream.duration, stream.time_base)
    whole = Fraction(container.duration, av.time_base) if container.duration else track
    entries = stream.index_entries
    written_last = container.format.name == "avi" and len(entries)  # and so whole where it is there
    if whole is None or not written_last or size >= _LEAST_RATE * whole:
        return whole, track
    last = entries[len(entries) - 1].timestamp - entries[0].timestamp + 1
    held = _seconds(last, stream.time_base)
    return held, held
