"""ffmpeg command lines, built with ffmpeg-python: pure functions from a plan to arguments.

Each answers with arguments without the program's name, as ``run.Runner`` takes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg

from reelmill.ffmpeg.probe import MediaInfo, media_url

#: Subtitle codecs that are text and so can live in an mp4 as ``mov_text``; pictures (PGS, DVD) cannot.
TEXT_SUBTITLES: Final = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text", "srt"})

#: HDR (PQ or HLG) to SDR BT.709: linear light at 100 nits, hable curve, no extra desaturation.
_TONE_MAP: Final = (
    "zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709,"
    "tonemap=hable:desat=0,zscale=transfer=bt709:matrix=bt709:range=limited"
)

#: NVENC has no CRF. Offsets from x264's crf to NVENC's constant quality (-cq), by upper bound of crf.
#: Source: none is published; these are our own starting values, a little on the side of fewer bits in the
#: middle, where x264's psycho-visual options save the most. Not yet measured on a card: see the changelog.
NVENC_CQ_OFFSET: Final = ((18, 1), (28, 3), (35, 2), (51, 1))

#: x264's presets on NVENC's p1 (fastest) to p7 (slowest).
NVENC_PRESETS: Final = {
    "ultrafast": "p1", "superfast": "p1", "veryfast": "p2", "faster": "p3", "fast": "p4",
    "medium": "p4", "slow": "p5", "slower": "p6", "veryslow": "p7",
}  # fmt: skip


def nvenc_cq(crf: int) -> int:
    """NVENC's constant quality for an x264 ``crf`` (0 to 51)."""
    for limit, offset in NVENC_CQ_OFFSET:
        if crf <= limit:
            return min(51, crf + offset)
    return crf


@dataclass(frozen=True)
class H264:
    """How pictures become H.264 for the web."""

    encoder: str = "libx264"  # or h264_nvenc
    preset: str = "medium"
    crf: int = 23
    max_kbit: int | None = None  # maxrate in kbit/s; bufsize is twice that
    threads: int | None = None

    def options(self) -> dict[str, Any]:
        """ffmpeg output options."""
        options: dict[str, Any] = {"c:v": self.encoder, "pix_fmt": "yuv420p"}
        if self.encoder == "h264_nvenc":
            options |= {"preset": NVENC_PRESETS[self.preset], "rc": "vbr", "cq": nvenc_cq(self.crf), "b:v": 0}
        else:
            options |= {"preset": self.preset, "crf": self.crf}
        if self.max_kbit is not None:
            options |= {"maxrate": f"{self.max_kbit}k", "bufsize": f"{2 * self.max_kbit}k"}
        if self.threads is not None:
            options["threads"] = self.threads
        return options


_ASIDE: Final = Fraction(1, 10_000)
#: Ceiling of samples that were levelled, of full scale: -1 dB, what lossy coding needs (EBU Tech 3343).
_CEILING: Final = 0.891
AAC: Final = {"c:a": "aac", "b:a": "128k"}
FASTSTART: Final = {"movflags": "+faststart"}
SDR_TAGS: Final = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}


def arguments(*outputs: Any) -> tuple[str, ...]:
    """The command line of ffmpeg-python output nodes, without the program's name."""
    stream = outputs[0] if len(outputs) == 1 else ffmpeg.merge_outputs(*outputs)
    return tuple(stream.compile()[1:])


def upright(info: MediaInfo, video: Any) -> Any:
    """Filters every picture needs first: deinterlaced, tone-mapped where it is HDR."""
    if info.video.interlaced:
        video = video.filter("bwdif", mode="send_frame", deint="interlaced")
    if info.video.hdr:
        for spec in _TONE_MAP.split(","):
            name, _, options = spec.partition("=")
            pairs = [option.partition("=") for option in options.split(":") if option]
            positional = [key for key, equals, _ in pairs if not equals]
            video = video.filter(name, *positional, **{key: value for key, equals, value in pairs if equals})
    return video


def levelled(sound: Any, gain: float) -> Any:
    """``sound`` changed by ``gain`` dB, its peaks held under the ceiling without delaying it."""
    return sound.filter("volume", f"{gain:.2f}dB").filter("alimiter", limit=_CEILING, level=0, latency=1)


def web_size(info: MediaInfo) -> tuple[int, int]:
    """Square pixels, upright, both sides even and at least 2: what H.264 in yuv420p needs."""
    width, height = info.video.display_size
    return max(2, width + width % 2), max(2, height + height % 2)


def text_subtitles(info: MediaInfo) -> tuple[int, ...]:
    """Which subtitle tracks an mp4 can hold, from 0: those that are text."""
    return tuple(index for index, codec in enumerate(info.subtitle_codecs) if codec in TEXT_SUBTITLES)


def companions(media: Any, info: MediaInfo, number: int = 0) -> tuple[list[Any], dict[str, Any]]:
    """What comes with the pictures and sounds of a video into an mp4: text subtitles, chapters, metadata.

    Answers with the streams to add after those of pictures and sound, and the options.

    Args:
        media: the video as an input of ffmpeg-python.
        info: its facts.
        number: which input of the command it is, from 0 in the order in which streams of them are written.
    """
    texts = [media[f"s:{index}"] for index in text_subtitles(info)]
    options: dict[str, Any] = {"map_metadata": number, "map_chapters": number}
    return texts, options | ({"c:s": "mov_text"} if texts else {})


def reencode(source: Path, info: MediaInfo, target: Path, h264: H264) -> tuple[str, ...]:
    """The web profile: H.264, AAC for every sound track, text subtitles and chapters kept, moov in front.

    Every source picture is encoded once, at its own time, so variable frame rates stay what they are.
    """
    media = ffmpeg.input(media_url(source))
    texts, kept = companions(media, info)
    streams = [for_the_web(info, media[f"v:{info.video.index}"]), *sounds(media, info), *texts]
    options = {**each_once(info, h264), **FASTSTART, **kept, "f": "mp4"}
    if info.audio_tracks:
        options |= AAC
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def for_the_web(info: MediaInfo, video: Any) -> Any:
    """``video`` in upright square pixels of ``web_size``; as it is where it is that already."""
    if info.video.plain:
        return video
    return upright(info, video).filter("scale", *web_size(info), out_range="tv").filter("setsar", 1)


def each_once(info: MediaInfo, h264: H264) -> dict[str, Any]:
    """Output options that encode every picture once, at its own time."""
    options = {**h264.options(), "fps_mode:v": "passthrough", "enc_time_base:v": "demux"}
    return options | SDR_TAGS if info.video.hdr else options


def sounds(media: Any, info: MediaInfo) -> list[Any]:
    """Every sound track of a video that is an input of ffmpeg-python."""
    return [media[f"a:{index}"] for index in range(info.audio_tracks)]


def remux(source: Path, info: MediaInfo, target: Path) -> tuple[str, ...]:
    """Pictures and sound as they are, text subtitles and chapters kept, into an mp4 with its moov in front."""
    media = ffmpeg.input(media_url(source))
    texts, kept = companions(media, info)
    streams = [media[f"v:{info.video.index}"], *sounds(media, info), *texts]
    options = {"c": "copy", **FASTSTART, **kept, "f": "mp4"}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def still(source: Path, info: MediaInfo, target: Path, *, at: Fraction, width: int, keyframe: bool) -> tuple[str, ...]:
    """One JPEG, upright, square pixels, ``width`` wide.

    Args:
        source: the video.
        info: its facts.
        target: the picture.
        at: seconds from the start, of the picture's own beginning (``decode.shown_at`` finds it).
        width: in pixels.
        keyframe: take the nearest keyframe before ``at`` instead of decoding up to it.
    """
    # A little aside, so that rounding to microseconds skips neither the picture nor the keyframe that begins then.
    begin = at + _ASIDE if keyframe else at - _ASIDE
    seek: dict[str, Any] = {"ss": seconds(begin)} if begin > 0 else {}
    if keyframe:
        seek |= {"noaccurate_seek": None, "skip_frame": "nokey"}
    video = upright(info, ffmpeg.input(media_url(source), **seek)[f"v:{info.video.index}"])
    shown_width, shown_height = info.video.display_size
    height = max(2, round(Fraction(width * shown_height, shown_width)))
    video = video.filter("scale", width, height, out_range="pc").filter("setsar", 1)
    # Passed through, because a keyframe before the time asked for has a time below zero, which is dropped otherwise.
    jpeg = {"frames:v": 1, "fps_mode:v": "passthrough", "c:v": "mjpeg", "q:v": 3, "pix_fmt": "yuvj420p"}
    return arguments(ffmpeg.output(video, media_url(target), **jpeg, f="image2", update=1))


def seconds(time: Fraction) -> str:
    """A time as ffmpeg takes it: decimal seconds, exact to the microsecond, rounded to the nearest."""
    return f"{float(round(time * 1_000_000) / 1_000_000):.6f}"


@dataclass(frozen=True)
class Cell:
    """One video in a grid."""

    path: Path
    info: MediaInfo


def fitted(info: MediaInfo, video: Any, width: int, height: int, rate: Fraction) -> Any:
    """``video`` scaled into ``width`` x ``height`` without distortion, padded black, at a constant rate."""
    video = upright(info, video)
    shown_width, shown_height = info.video.display_size
    scale = min(Fraction(width, shown_width), Fraction(height, shown_height))
    inner = [max(2, int(side * scale) // 2 * 2) for side in (shown_width, shown_height)]
    video = video.filter("scale", *inner, out_range="tv").filter("setsar", 1)
    video = video.filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2", color="black")
    return video.filter("fps", fps=str(rate)).filter("format", "yuv420p")


def cell(
    source: Cell, target: Path, *, size: tuple[int, int], rate: Fraction, length: Fraction, sound: bool
) -> tuple[str, ...]:
    """One video made small for its place in a grid, nearly without loss, its sound as it is decoded.

    Args:
        source: the video.
        target: the Matroska file to write.
        size: of its place, in pixels.
        rate: frames per second of the grid.
        length: seconds of the grid; no more than that is read.
        sound: whether it is heard.
    """
    media = ffmpeg.input(media_url(source.path), t=seconds(length))
    streams = [fitted(source.info, media[f"v:{source.info.video.index}"], *size, rate)]
    options: dict[str, Any] = {**H264(preset="ultrafast", crf=12).options(), "f": "matroska"}
    if sound:
        streams.append(media["a:0"])
        options["c:a"] = "pcm_s16le"
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def grid(
    cells: Sequence[Cell],
    target: Path,
    h264: H264,
    *,
    columns: int,
    size: tuple[int, int],
    rate: Fraction,
    length: Fraction,
    sound: Sequence[int],
) -> tuple[str, ...]:
    """Videos side by side in ``columns`` columns and as many rows; one that ends early stays on its last picture.

    Args:
        cells: row by row, from the top left.
        target: the mp4 to write.
        h264: how to encode.
        columns: and rows.
        size: width and height of the whole, in pixels.
        rate: frames per second of the whole.
        length: seconds of the whole.
        sound: which cells are heard, from 0; several are mixed, none is silence.
    """
    stacked = stacked_cells(cells, columns=columns, size=size, rate=rate)
    stacked = stacked.filter("trim", duration=seconds(length)).filter("setpts", "PTS-STARTPTS")
    options: dict[str, Any] = {**h264.options(), **FASTSTART, "f": "mp4", "t": seconds(length)}
    streams = [stacked]
    if sound:
        streams.append(mixed_cells(cells, sound, length))
        options |= {**AAC, "ac": 2}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def stacked_cells(cells: Sequence[Cell], *, columns: int, size: tuple[int, int], rate: Fraction, first: int = 0) -> Any:
    """The pictures of ``grid`` from the one at ``first`` on, filtered; they never end."""
    width, height = size[0] // columns, size[1] // columns
    pictures = [
        fitted(cell.info, ffmpeg.input(media_url(cell.path))[f"v:{cell.info.video.index}"], width, height, rate).filter(
            "tpad", stop_mode="clone", stop=-1
        )
        for cell in cells
    ]
    places = [f"{n % columns * width}_{n // columns * height}" for n in range(len(cells))]
    stacked = ffmpeg.filter(pictures, "xstack", inputs=len(cells), layout="|".join(places))
    return stacked.filter("trim", start_frame=first).filter("setpts", "PTS-STARTPTS") if first else stacked


def mixed_cells(cells: Sequence[Cell], sound: Sequence[int], length: Fraction) -> Any:
    """The sound of ``grid``, filtered: cells of ``sound``, together ``length`` seconds long."""
    heard = [
        ffmpeg.input(media_url(cells[index].path))["a:0"]
        .filter("aresample", 48000, **{"async": 1, "first_pts": 0})
        .filter("apad")
        for index in sound
    ]
    mixed = heard[0] if len(heard) == 1 else ffmpeg.filter(heard, "amix", inputs=len(heard), normalize=1)
    return mixed.filter("atrim", duration=seconds(length))
