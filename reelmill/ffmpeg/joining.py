"""The parts of a sequence, and one film of them.

Parts that agree in size, rate and colours are joined packet by packet, with the parameter sets of each before its
keyframes, so that those of different encoders may follow one another. Parts are made and read one after the other:
neither memory nor open files grow with their number.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import ffmpeg
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.build import AAC, FASTSTART, arguments, fitted, levelled, seconds
from reelmill.ffmpeg.copying import Form
from reelmill.ffmpeg.probe import MediaInfo, blame_disk, main_video, media_url, open_media

#: Sound of all parts, in Hz.
SAMPLE_RATE: Final = 48_000
_FADE: Final = Fraction(20, 1000)  # of each part's sound, so that a join does not click
#: Pictures that encoded parts read ahead at most.
DELAY: Final = 2
#: Parameter sets before each keyframe, as decoders of a stream take them.
_IN_BAND: Final = "h264_mp4toannexb,dump_extra=freq=keyframe"


def fitted_to(source: Path, info: MediaInfo, form: Form, first: int = 0) -> Any:
    """The pictures of a video fitted into ``form``, from the one at ``first`` on, filtered; the last never ends."""
    media = ffmpeg.input(media_url(source))
    video = fitted(info, media[f"v:{info.video.index}"], form.width, form.height, form.rate)
    video = video.filter("setpts", "PTS-STARTPTS").filter("tpad", stop_mode="clone", stop=-1)
    return video.filter("trim", start_frame=first).filter("setpts", "PTS-STARTPTS") if first else video


def sound(source: Path | None, target: Path, *, begin: Fraction, samples: int, gain: float) -> tuple[str, ...]:
    """The first sound track of a video as exactly ``samples`` stereo samples; silence where there is no source.

    Args:
        source: the video.
        target: the file to write.
        begin: seconds to leave out at its start.
        samples: how long, at ``SAMPLE_RATE``.
        gain: in dB.
    """
    if source is None:
        heard = ffmpeg.input(f"anullsrc=r={SAMPLE_RATE}:cl=stereo", f="lavfi")["a:0"]
    else:
        heard = ffmpeg.input(media_url(source))["a:0"]
        heard = heard.filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0})
        heard = heard.filter("aformat", sample_fmts="fltp", channel_layouts="stereo")
        if begin > 0:
            heard = heard.filter("atrim", start=seconds(begin)).filter("asetpts", "PTS-STARTPTS")
        heard = levelled(heard, gain)
    heard = heard.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)
    length = Fraction(samples, SAMPLE_RATE)
    heard = heard.filter("afade", t="in", d=seconds(_FADE))
    heard = heard.filter("afade", t="out", st=seconds(max(Fraction(0), length - _FADE)), d=seconds(_FADE))
    return arguments(ffmpeg.output(heard, media_url(target), **{"c:a": "pcm_s16le", "f": "nut"}))


def listed(parts: Sequence[Path], lengths: Sequence[Fraction]) -> str:
    """The list that ffmpeg's concat demuxer reads: each part and its seconds."""
    lines = ["ffconcat version 1.0"]
    for part, length in zip(parts, lengths, strict=True):
        quoted = media_url(part).replace("'", r"'\''")
        lines += [f"file '{quoted}'", f"duration {seconds(length)}"]
    return "\n".join([*lines, ""])


@dataclass(frozen=True)
class Timing:
    """When the pictures of a film are shown, in ticks."""

    time_base: Fraction  # seconds per tick
    times: Sequence[int]  # the earliest first; the film begins with the first of them
    hold: int  # ticks that the last picture stands

    @staticmethod
    def even(rate: Fraction, frames: int) -> Timing:
        """``frames`` pictures at ``rate`` a second."""
        return Timing(1 / rate, range(frames), 1)

    def shown(self, place: int) -> int:
        """When the picture at ``place`` is, from 0."""
        return self.times[place] - self.times[0]

    def stands(self, place: int) -> int:
        """For how long."""
        return self.times[place + 1] - self.times[place] if place + 1 < len(self.times) else self.hold

    def read(self, number: int, delay: int) -> int:
        """When the packet at ``number`` in reading order is, if ``delay`` pictures are read ahead of the first shown.

        As the packets of one encode would have it: in the order of the pictures, each ``delay`` pictures early.
        """
        if number >= delay:
            return self.shown(number - delay)
        return self.shown(number) - self.shown(min(delay, len(self.times) - 1))


def join(parts: Sequence[Path], timing: Timing, delay: int, target: Path) -> None:
    """Write the pictures of all parts, as they are, each at its own time in the film, into one mp4.

    Args:
        parts: files whose main picture track is H.264, each beginning with a keyframe.
        timing: of all their pictures.
        delay: how many pictures the part that needs most reads ahead of the first shown.
        target: the mp4 to write, without sound.

    Raises:
        FileMissing, NotAVideo, InputError: a part does not open.
        OutputRejected: a part's packets are damaged, or they are more or fewer than the film's pictures.
    """
    before = 0
    with av.open(str(target), "w", format="mp4") as output:
        film: VideoStream | None = None
        for part in parts:
            places = _places(part)
            if before + len(places) > len(timing.times):
                raise OutputRejected(f"{part.name} holds more pictures than it should")
            with open_media(part) as container:
                pictures = _pictures(container)
                if film is None:
                    film = output.add_stream_from_template(pictures)
                    film.time_base = timing.time_base
                    in_band = BitStreamFilterContext(_IN_BAND, pictures, film)
                else:
                    in_band = BitStreamFilterContext(_IN_BAND, pictures)
                try:
                    for number, packet in enumerate(_filled(container, pictures)):
                        place = before + places[packet.pts]
                        for one in in_band.filter(packet):
                            one.pts, one.dts = timing.shown(place), timing.read(before + number, delay)
                            one.duration, one.time_base, one.stream = timing.stands(place), timing.time_base, film
                            output.mux(one)
                except FFmpegError as error:
                    blame_disk(error, part)
                    if error.errno in (errno.ENOSPC, errno.EDQUOT):  # a full disk says nothing of the part
                        raise
                    raise OutputRejected(f"{part.name} cannot be joined to others ({error.strerror})") from error
            before += len(places)
    if before != len(timing.times):
        raise OutputRejected(f"the parts hold {before} pictures, not {len(timing.times)}")


def _pictures(container: InputContainer) -> VideoStream:
    found = main_video(container)
    assert found is not None
    return found[1]


def _filled(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    return (packet for packet in container.demux(stream) if packet.size)


def _places(part: Path) -> dict[int | None, int]:
    """At which place the picture of each time is shown, from 0."""
    with open_media(part) as container:
        times = sorted(packet.pts or 0 for packet in _filled(container, _pictures(container)))
    return {time: place for place, time in enumerate(times)}


def finish(pictures: Path, sounds: Path | None, target: Path) -> tuple[str, ...]:
    """The finished film: joined pictures as they are, sound in AAC, ready to play before all of it has come.

    Args:
        pictures: what ``join`` wrote.
        sounds: list of the parts' sounds (``listed``); None for a silent film.
        target: the mp4 to write.
    """
    streams = [ffmpeg.input(media_url(pictures))["v:0"]]
    options: dict[str, Any] = {"c:v": "copy", "f": "mp4", **FASTSTART}
    if sounds is not None:
        reading = {"f": "concat", "safe": 0, "protocol_whitelist": "file,concat"}
        streams.append(ffmpeg.input(media_url(sounds), **reading)["a:0"])
        options |= AAC
    return arguments(ffmpeg.output(*streams, media_url(target), **options))
