"""What a file is, read in process with PyAV: 1 to 15 ms a file, no decoding beyond the first picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from reelmill.errors import DISK_TROUBLE, EncryptedVideo, FileMissing, InputError, NotAVideo, Unreadable

#: Transfer characteristics (ITU-T H.273, table 3) that mean high dynamic range.
HDR_TRANSFERS: Final = {16: "pq", 18: "hlg"}

#: Demuxers of single pictures: a photograph that was renamed .mp4 opens with one of these.
_PICTURE_FORMATS: Final = ("image2", "_pipe")

#: Sample entry of an encrypted picture track (ISO/IEC 14496-12, 8.12).
_ENCRYPTED_ENTRY: Final = b"encv"
_CONTAINERS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl")

_BLOCK: Final = 1 << 20  # bytes

_SCHEME: Final = "file:"
_FULL_RANGE: Final = 2  # AVColorRange JPEG
_INTERLACED: Final = (2, 3, 4, 5)  # AVFieldOrder TT, BB, TB, BT


@dataclass(frozen=True)
class VideoTrack:
    """The picture track that counts: the first that is not a cover image."""

    index: int  # among the file's video streams, as in ffmpeg's 0:v:<index>
    codec: str
    profile: str | None
    width: int  # as stored
    height: int
    rotation: int  # degrees clockwise to turn the stored picture for display: 0, 90, 180, 270
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

    @property
    def hdr(self) -> str | None:
        """``pq``, ``hlg`` or None."""
        return HDR_TRANSFERS.get(self.transfer)

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as a player shows them: square pixels, turned upright."""
        width = max(1, round(self.width * self.sample_aspect))
        return (self.height, width) if self.rotation in (90, 270) else (width, self.height)

    @property
    def plain(self) -> bool:
        """Whether the pictures are already what web H.264 needs: 8 bit, limited range, square, upright, even."""
        upright = self.rotation == 0 and self.sample_aspect == 1 and not self.interlaced
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
    audio_codecs: tuple[str, ...]
    subtitle_codecs: tuple[str, ...]

    @property
    def audio_tracks(self) -> int:
        """How many audio tracks."""
        return len(self.audio_codecs)


def media_url(path: Path) -> str:
    """``path`` so that neither a leading dash nor a colon in it means anything to ffmpeg."""
    return f"{_SCHEME}{path}"


def open_media(path: Path) -> InputContainer:
    """Open with PyAV, metadata in any encoding tolerated, foreign errors turned into ours.

    Raises:
        FileMissing, NotAVideo, InputError: with one sentence that names the file.
        Unreadable: the disk does not give its bytes.
    """
    name = path.name
    try:
        if path.is_dir():
            raise NotAVideo(f"{name} is a folder, not a video file.")
        if path.stat().st_size == 0:
            raise NotAVideo(f"{name} is empty (0 bytes); copy it again from where it came from.")
        return av.open(media_url(path), metadata_errors="ignore")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing(
            f"{name} is not there any more ({path}); scan again to bring the catalogue up to date."
        ) from error
    except PermissionError as error:
        raise InputError(f"{name} may not be read by this user; check its permissions.") from error
    except FFmpegError as error:
        blame_disk(error, path)
        raise NotAVideo(
            f"{name} cannot be opened as a video ({error.strerror or error}): "
            "it is cut off, damaged or another kind of file."
        ) from error
    except OSError as error:
        blame_disk(error, path)
        if error.strerror == "File name too long":
            raise FileMissing(f"{name[:40]}… is longer than a file name may be.") from error
        raise InputError(f"{name} cannot be read: {error.strerror or error}.") from error


def blame_disk(error: Exception, path: Path | str) -> None:
    """Tell a disk that does not give a file's bytes from a file that is damaged.

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
        raise Unreadable(said) from error


def _trouble(path: Path) -> OSError | None:
    """What reading all of a file meets."""
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_BLOCK):
                continue
    except OSError as error:
        return error
    return None


def _seconds(value: int | None, time_base: Fraction | None) -> Fraction | None:
    return None if value is None or time_base is None else value * time_base


def main_video(container: InputContainer) -> tuple[int, VideoStream] | None:
    """The first video stream that is no cover picture and has a decoder, with its index among video streams."""
    for index, stream in enumerate(container.streams.video):
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
            return index, stream
    return None


def _rotation(container: InputContainer, stream: VideoStream) -> int:
    """Clockwise degrees from the display matrix, which PyAV shows on decoded frames only.

    A first picture that does not decode leaves 0: whether the file plays is for ``decode.check_whole`` to say.
    """
    names = container.format.name
    if "mp4" not in names and "matroska" not in names:  # no other container here carries a display matrix
        return 0
    stream.thread_count = 1
    try:
        for frame in container.decode(stream):
            return round(-frame.rotation / 90) * 90 % 360
    except FFmpegError as error:
        blame_disk(error, container.name)
    return 0


def _encrypted(path: Path) -> bool:
    """Whether an mp4's picture track is encrypted, by its sample entry; only box headers are read."""
    with path.open("rb") as file:
        return _ENCRYPTED_ENTRY in _sample_entries(file, path.stat().st_size)


def _sample_entries(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The first sample entry of each track between here and ``end`` (boxes as in ISO/IEC 14496-12, 4.2 and 8.5.2)."""
    while file.tell() < end and len(header := file.read(8)) == 8:
        start, size, kind = file.tell() - 8, int.from_bytes(header[:4], "big"), header[4:]
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        stop = end if size == 0 else start + size
        if stop < file.tell():  # damage
            return
        if kind == b"stsd":
            yield file.read(16)[12:]  # version and flags, count, the entry's size, its name
        elif kind in _CONTAINERS:
            yield from _sample_entries(file, min(stop, end))
        file.seek(stop)


def _track(container: InputContainer, index: int, stream: VideoStream) -> VideoTrack:
    context = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate
    return VideoTrack(
        index=index,
        codec=context.codec.canonical_name,
        profile=stream.profile,
        width=context.width,
        height=context.height,
        rotation=_rotation(container, stream),
        sample_aspect=Fraction(stream.sample_aspect_ratio or 1),
        frame_rate=Fraction(rate) if rate else None,
        frames=stream.frames or None,
        pixel_format=context.pix_fmt or "",
        full_range=int(context.color_range or 0) == _FULL_RANGE or (context.pix_fmt or "").startswith("yuvj"),
        transfer=int(context.color_trc or 0),
        interlaced=int(context.field_order or 0) in _INTERLACED,
        start=_seconds(stream.start_time, stream.time_base),
        duration=_seconds(stream.duration, stream.time_base),
        primaries=int(context.color_primaries or 2),
        matrix=int(context.colorspace),
    )


def probe(path: Path) -> MediaInfo:
    """The facts of ``path``.

    Raises:
        FileMissing: there is no such file.
        NotAVideo: empty, a folder, not a video container, a picture, or sound only.
        EncryptedVideo: the picture track is encrypted.
        InputError: it cannot be read.
        Unreadable: not just now.
    """
    with open_media(path) as container:
        if any(mark in container.format.name for mark in _PICTURE_FORMATS):
            raise NotAVideo(f"{path.name} is a picture ({container.format.name}), not a video.")
        if "mp4" in container.format.name and _encrypted(path):
            raise EncryptedVideo(f"{path.name} is encrypted (DRM); Reelmill has no key to it.")
        found = main_video(container)
        if found is None:
            what = "only sound" if container.streams.audio else "no picture track"
            raise NotAVideo(f"{path.name} has {what}; Reelmill works on videos.")
        index, stream = found
        if stream.codec_context is None or not stream.codec_context.width:
            raise NotAVideo(f"{path.name} has a picture track that this build of ffmpeg cannot decode.")
        return MediaInfo(
            container=container.format.name,
            title=container.metadata.get("title", "").replace("\0", "").strip() or None,
            size=path.stat().st_size,
            duration=_duration(container, stream),
            bit_rate=container.bit_rate or None,
            video=_track(container, index, stream),
            audio_codecs=tuple(_codec(stream) for stream in container.streams.audio),
            subtitle_codecs=tuple(_codec(stream) for stream in container.streams.subtitles),
        )


def _codec(stream: object) -> str:
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else "unknown"


def _duration(container: InputContainer, stream: VideoStream) -> Fraction | None:
    if container.duration:
        return Fraction(container.duration, av.time_base)
    return _seconds(stream.duration, stream.time_base)
