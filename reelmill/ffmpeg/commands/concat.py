"""The segments of a sequence, and one film of them.

Files that agree in size, rate and colours are joined packet by packet, where their parameter sets differ with
those of each before its keyframes, so that those of different encoders may follow one another. Segments are made and
read one after the other: neither memory nor open files grow with their number.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import ffmpeg
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.codecs import codec_named
from reelmill.ffmpeg.commands.excerpt import excerpt
from reelmill.ffmpeg.commands.filters import (
    AAC,
    FASTSTART,
    SAMPLE_RATE,
    UNLABELLED,
    arguments,
    filled,
    fitted,
    levelled,
    mixable,
    seconds,
)
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.probe import MediaInfo, blame_disk, main_video, media_url, open_media
from reelmill.ffmpeg.reading.seeking import SeekPoint
from reelmill.ffmpeg.reading.stream_copy import Form
from reelmill.ffmpeg.reading.tracks import AudioTrack

_FADE: Final = Fraction(20, 1000)  # of each segment's audio, so that a join does not click
#: Frames that encoded segments read ahead at most.
DELAY: Final = 2


def fitted_to(source: Path, info: MediaInfo, form: Form, first: int = 0) -> Any:
    """The frames of a video fitted into ``form``, from the one at ``first`` on, filtered; the last never ends."""
    media = ffmpeg.input(media_url(source))
    video = fitted(info, media[f"v:{info.video.index}"], (form.width, form.height), form.rate, form.matrix)
    video = video.filter("setpts", "PTS-STARTPTS").filter("tpad", stop_mode="clone", stop=-1)
    return video.filter("trim", start_frame=first).filter("setpts", "PTS-STARTPTS") if first else video


def segment_audio(
    source: Path | None,
    track: AudioTrack | None,
    target: Path,
    *,
    seek_point: SeekPoint | None,
    samples: int,
    gain: float,
) -> tuple[str, ...]:
    """An audio track of a video as exactly ``samples`` stereo samples; silence where there is none.

    Args:
        source: the video.
        track: of it.
        target: the file to write.
        seek_point: how the moment is reached at which it begins; None: at its start.
        samples: how long, at ``SAMPLE_RATE``.
        gain: in dB.

    Returns:
        ffmpeg's arguments.
    """
    if source is None or track is None:
        heard = ffmpeg.input(f"anullsrc=r={SAMPLE_RATE}:cl=stereo", f="lavfi")["a:0"]
    else:
        seek_point = seek_point or SeekPoint(Fraction(0))
        heard = mixable(excerpt(source, seek_point, seek_point.shown).audio(track.index), track)
        heard = filled(heard, track)
        heard = heard.filter("aformat", sample_fmts="fltp", channel_layouts="stereo")
        heard = levelled(heard, gain)
    heard = heard.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)
    length = Fraction(samples, SAMPLE_RATE)
    heard = heard.filter("afade", t="in", d=seconds(_FADE))
    heard = heard.filter("afade", t="out", st=seconds(max(Fraction(0), length - _FADE)), d=seconds(_FADE))
    return arguments(ffmpeg.output(heard, media_url(target), **{"c:a": "pcm_s16le", "f": "nut"}))


def concat_list(files: Sequence[Path], lengths: Sequence[Fraction]) -> str:
    """The list that ffmpeg's concat demuxer reads: each file and its seconds."""
    lines = ["ffconcat version 1.0"]
    for file, length in zip(files, lengths, strict=True):
        quoted = media_url(file).replace("'", r"'\''")
        lines += [f"file '{quoted}'", f"duration {seconds(length)}"]
    return "\n".join([*lines, ""])


@dataclass(frozen=True)
class Timing:
    """When the frames of a film are shown, in ticks."""

    time_base: Fraction  # seconds per tick
    times: Sequence[int]  # the earliest first; the film begins with the first of them
    hold: int  # ticks that the last frame stands

    @staticmethod
    def even(rate: Fraction, frames: int) -> Timing:
        """``frames`` frames at ``rate`` a second."""
        return Timing(1 / rate, range(frames), 1)

    def pts(self, place: int) -> int:
        """When the frame at ``place`` is shown, in ticks; places count from 0."""
        return self.times[place] - self.times[0]

    def duration(self, place: int) -> int:
        """For how many ticks the frame at ``place`` is shown."""
        return self.times[place + 1] - self.times[place] if place + 1 < len(self.times) else self.hold

    def dts(self, number: int, delay: int) -> int:
        """When the packet at ``number`` in reading order is decoded, if ``delay`` frames are read ahead.

        As the packets of one encode would have it: in the order of the frames, each ``delay`` frames early.

        Returns:
            Ticks.
        """
        if number >= delay:
            return self.pts(number - delay)
        return self.pts(number) - self.pts(min(delay, len(self.times) - 1))


def join(files: Sequence[Path], timing: Timing, delay: int, target: Path) -> None:
    """Write the frames of all files, as they are, each at its own time in the film, into one mp4.

    Args:
        files: whose main video tracks are of one codec, each beginning with a keyframe.
        timing: of all their frames.
        delay: how many frames the file that needs most reads before the first is shown.
        target: the mp4 to write, without audio.

    Raises:
        FileMissing, NotAVideo, InputError: a file does not open.
        OutputRejected: the packets of a file are damaged, or they are more or fewer than the film's frames.
        FFmpegError: the disk is full.
    """
    before, alike = 0, len({_parameter_sets(file) for file in files}) == 1
    with av.open(str(target), "w", format="mp4") as output:
        film: VideoStream | None = None
        for file in files:
            places = _places(file)
            if before + len(places) > len(timing.times):
                raise OutputRejected(
                    f"{file.name} holds more frames than it should", (_counted(before + len(places), timing),)
                )
            with open_media(file) as container, _damage_rejected(file):
                video, begun = _video_track(container), film is not None
                film = film or _film_track(output, video, timing.time_base)
                packets = (
                    _packets(container, video) if alike else _in_band_packets(container, video, None if begun else film)
                )
                for number, pts, packet in packets:
                    place = before + places[pts]
                    packet.pts, packet.dts = timing.pts(place), timing.dts(before + number, delay)
                    packet.duration, packet.time_base, packet.stream = timing.duration(place), timing.time_base, film
                    output.mux(packet)
            before += len(places)
    if before != len(timing.times):
        raise OutputRejected(f"the segments hold {before} frames, not {len(timing.times)}", (_counted(before, timing),))


def _counted(frames: int, timing: Timing) -> Finding:
    return Finding(FindingKind.FRAME_COUNT, got=frames, wanted=len(timing.times))


def _film_track(output: OutputContainer, template: VideoStream, time_base: Fraction) -> VideoStream:
    film = output.add_stream_from_template(template)
    film.time_base = time_base
    return film


@contextmanager
def _damage_rejected(file: Path) -> Iterator[None]:
    """Turn an error about damaged packets into a rejection of their file.

    Yields:
        Nothing.

    Raises:
        OutputRejected: packets are damaged.
        FFmpegError: the disk is full, which is not the fault of the file.
    """
    try:
        yield
    except FFmpegError as error:
        blame_disk(error, file)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        damage = Finding(FindingKind.DAMAGED, text=error.strerror or str(error))
        raise OutputRejected(f"{file.name} cannot be joined to others ({error.strerror})", (damage,)) from error


def _video_track(container: InputContainer) -> VideoStream:
    found = main_video(container)
    assert found is not None
    return found[1]


def _parameter_sets(file: Path) -> bytes:
    """What a decoder of a file's main video track is given before its first packet."""
    with open_media(file) as container:
        return bytes(_video_track(container).codec_context.extradata or b"")


def _packets(container: InputContainer, video: VideoStream) -> Iterator[tuple[int, int | None, Packet[VideoStream]]]:
    """Packets as they are, of a file that has the parameter sets of the film's header; see ``_in_band_packets``."""
    for number, packet in enumerate(_filled(container, video)):
        yield number, packet.pts, packet


def _in_band_packets(
    container: InputContainer, video: VideoStream, film: VideoStream | None
) -> Iterator[tuple[int, int | None, Packet[VideoStream]]]:
    """Packets with the parameter sets before each keyframe, as decoders of a stream take them.

    Args:
        container: the file.
        video: its video track.
        film: the track of the film, which takes over the parameters that the filters give; None: it has that.

    Yields:
        The number of a packet in reading order, its PTS in the file, and what becomes of it.
    """
    codec = codec_named(video.codec_context.codec.canonical_name)
    assert codec is not None
    filters = BitStreamFilterContext(codec.in_band, video, film)
    for number, packet in enumerate(_filled(container, video)):
        pts = packet.pts
        for one in filters.filter(packet):
            yield number, pts, one


def _filled(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    return (packet for packet in demuxed(container, stream) if packet.size)


def _places(file: Path) -> dict[int | None, int]:
    """At which place the frame of each time is shown, from 0."""
    with open_media(file) as container:
        times = sorted(packet.pts or 0 for packet in _filled(container, _video_track(container)))
    return {time: place for place, time in enumerate(times)}


def finish(video: Path, audio: Path | None, target: Path) -> tuple[str, ...]:
    """The finished film: joined video as it is, audio in AAC, ready to play before all of it has come.

    Args:
        video: what ``join`` wrote.
        audio: list of the segments' audio (``concat_list``); None for a silent film.
        target: the mp4 to write.

    Returns:
        ffmpeg's arguments.
    """
    streams = [ffmpeg.input(media_url(video))["v:0"]]
    options: dict[str, Any] = {"c:v": "copy", "f": "mp4", **FASTSTART, **UNLABELLED}
    if audio is not None:
        reading = {"f": "concat", "safe": 0, "protocol_whitelist": "file,concat"}
        streams.append(ffmpeg.input(media_url(audio), **reading)["a:0"])
        options |= AAC
    return arguments(ffmpeg.output(*streams, media_url(target), **options))
