"""ffmpeg command lines, built with ffmpeg-python: pure functions from a plan to arguments.

Each returns arguments without the program's name, as ``run.Runner`` takes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg

from reelmill.ffmpeg.commands.colours import in_matrix, in_own_matrix, sdr, tone_mapped
from reelmill.ffmpeg.commands.frame_points import points_beside
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url
from reelmill.ffmpeg.reading.tracks import AudioTrack, by_position

#: Subtitle codecs that are text and so can live in an mp4 as ``mov_text``; images (PGS, DVD) cannot.
TEXT_SUBTITLES: Final = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text", "srt"})

#: Ceiling of samples that were levelled, of full scale: -1 dB, what lossy coding needs (EBU Tech 3343).
CEILING: Final = 0.891
#: What ffmpeg's encoder of AAC takes, but for channels above the listener, which are called that.
_MOST_CHANNELS: Final = 8
_ABOVE: Final = "T"
#: Seconds that are missing before silence takes their place: more than times in whole milliseconds are off, and less
#: than anybody hears (ITU-R BT.1359: 45 ms). Vorbis in WebM lacks 10 ms after its first frame.
_HOLE: Final = 0.008
#: How many times the jitter of a track's times must be missing.
_JITTERS: Final = 2
#: Audio of films, in Hz.
SAMPLE_RATE: Final = 48_000
AAC: Final = {"c:a": "aac", "b:a": "128k"}
FASTSTART: Final = {"movflags": "+faststart"}
#: A film has no labels of the videos that it was put together from: no places, devices or comments, no chapters.
UNLABELLED: Final = {"map_metadata": -1, "map_chapters": -1}
#: The code point of the matrix of BT.709 (ITU-T H.273, table 4), which films are in.
BT709: Final = 1
SDR_TAGS: Final = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}


def arguments(*outputs: Any) -> tuple[str, ...]:
    """The command line of ffmpeg-python output nodes, without the program's name."""
    stream = outputs[0] if len(outputs) == 1 else ffmpeg.merge_outputs(*outputs)
    return tuple(stream.compile()[1:])


def upright(info: MediaInfo, video: Any) -> Any:
    """Filters every frame needs first: deinterlaced, tone-mapped where it is HDR, else with its matrix declared."""
    video = deinterlaced(info, video)
    return tone_mapped(info.video, video) if info.video.hdr else in_own_matrix(info.video, video)


def deinterlaced(info: MediaInfo, video: Any, *, fields: bool = False) -> Any:
    """Whole frames, a film's own of a telecined one; ``fields``: one for each field, so that their motion stays."""
    if not info.video.interlaced:
        return video
    if info.video.telecined:  # what matches no field, as at a cut, is deinterlaced
        matched = video.filter("fieldmatch", combmatch="full").filter("bwdif", mode="send_frame", deint="interlaced")
        return matched.filter("decimate")
    return video.filter("bwdif", mode="send_field" if fields else "send_frame", deint="interlaced")


def shown(
    info: MediaInfo, video: Any, size: tuple[int, int], *, fields: bool = False, matrix: int | None = None
) -> Any:
    """``video`` in ``size``, upright, in square pixels and colours of standard range that are declared.

    Args:
        info: its facts.
        video: its stream.
        size: in pixels.
        fields: each field of an interlaced one becomes a frame.
        matrix: see ``sdr``.

    Returns:
        The stream.
    """
    video = deinterlaced(info, video, fields=fields)
    if not info.video.hdr:
        return sdr(info.video, video, size, matrix)
    # Scaled before it is mapped: that is done in floating point, and costs most of what an encode does.
    return in_matrix(tone_mapped(info.video, video.filter("scale", *size)), matrix).filter("setsar", 1)


def levelled(stream: Any, gain: float) -> Any:
    """``stream`` of audio changed by ``gain`` dB, its peaks held under the ceiling without delaying it."""
    return stream.filter("volume", f"{gain:.2f}dB").filter("alimiter", limit=CEILING, level=0, latency=1)


def without_holes(track: AudioTrack) -> dict[str, Any]:
    """Options of ``aresample`` that fill an audio track's holes with silence: players that ignore them would drift."""
    return {"async": 1, "min_hard_comp": f"{max(_HOLE, _JITTERS * track.jitter):.3f}"}


def filled(heard: Any, track: AudioTrack) -> Any:
    """The stream of an audio track from the moment 0 on, as films have it, without its holes."""
    return heard.filter("aresample", SAMPLE_RATE, first_pts=0, **without_holes(track))


def text_subtitles(info: MediaInfo) -> tuple[int, ...]:
    """Which subtitle tracks an mp4 can hold, from 0: those that are text."""
    return tuple(index for index, codec in enumerate(info.subtitle_codecs) if codec in TEXT_SUBTITLES)


def matroska_texts(info: MediaInfo) -> tuple[tuple[int, ...], dict[str, str]]:
    """Text subtitles as Matroska holds them: as they are, but for those of an mp4, which become SubRip.

    Args:
        info: the video's facts.

    Returns:
        Their places among the subtitle tracks, from 0, and ffmpeg's options for them in this order.
    """
    places = text_subtitles(info)
    kept = {"mov_text": "subrip"}
    return places, {f"c:s:{n}": kept.get(info.subtitle_codecs[place], "copy") for n, place in enumerate(places)}


def companions(media: Any, info: MediaInfo, number: int = 0) -> tuple[list[Any], dict[str, Any]]:
    """What comes with the video and audio of a file into an mp4: text subtitles, chapters, metadata.

    Args:
        media: the video as an input of ffmpeg-python.
        info: its facts.
        number: which input of the command it is, from 0 in the order in which streams of them are written.

    Returns:
        The streams to add after those of video and audio, and the options.
    """
    texts = [media[f"s:{index}"] for index in text_subtitles(info)]
    options = labels(info, number)
    return texts, options | ({"c:s": "mov_text"} if texts else {})


def labels(info: MediaInfo, number: int = 0) -> dict[str, Any]:
    """Output options for the labels of a copy: chapters, languages and titles, and nothing of whoever filmed it.

    Places, devices, comments and names of programs stay behind; so do timecodes, which an encode in chunks could not
    make: a copy is the same however it is made.

    Args:
        info: the facts of its source.
        number: see ``companions``.

    Returns:
        The options.
    """
    options: dict[str, Any] = {
        "map_metadata:g": -1,
        "map_chapters": number,
        "write_tmcd": 0,
        "metadata:s:v": "handler_name=VideoHandler",
        "metadata:s:a": "handler_name=SoundHandler",
    }
    return options if info.title is None else options | {"metadata": f"title={info.title}"}


def audio(media: Any, track: AudioTrack) -> Any:
    """An audio track of an input of ffmpeg-python, in a layout that can be mixed and encoded."""
    return mixable(media[f"a:{track.index}"], track)


def mixable(heard: Any, track: AudioTrack) -> Any:
    """The stream of an audio track in a layout that can be mixed and encoded.

    A single channel that is labelled as the left or the right one is no layout for any encoder. What AAC has no layout
    for, with channels above the listener or more of them than it knows, is mixed to stereo.

    Returns:
        The stream, through filters where it needs some.
    """
    if (taken := by_position(track.layout)) is None:
        if len(track.channels) <= _MOST_CHANNELS and not any(name.startswith(_ABOVE) for name in track.channels):
            return heard
        return levelled(heard.filter("aformat", sample_fmts="fltp", channel_layouts="stereo"), 0)
    layout, channels = taken
    return heard.filter("channelmap", map="|".join(map(str, range(channels))), channel_layout=layout)


def seconds(time: Fraction) -> str:
    """A time as ffmpeg takes it: decimal seconds, exact to the microsecond, rounded to the nearest."""
    return f"{float(round(time * 1_000_000) / 1_000_000):.6f}"


@dataclass(frozen=True)
class Cell:
    """One video in a grid."""

    path: Path
    info: MediaInfo


def fitted_size(info: MediaInfo, width: int, height: int) -> tuple[int, int]:
    """What a video takes of a frame of ``width`` x ``height`` that it is fitted into, both sides even."""
    shown_width, shown_height = info.video.display_size
    scale = min(Fraction(width, shown_width), Fraction(height, shown_height))
    across, down = (max(2, int(side * scale) // 2 * 2) for side in (shown_width, shown_height))
    return across, down


def fitted(info: MediaInfo, video: Any, size: tuple[int, int], rate: Fraction, matrix: int = BT709) -> Any:
    """``video`` scaled into ``size`` without distortion, padded black, at a constant rate, in a film's matrix."""
    width, height = size
    video = shown(info, video, fitted_size(info, width, height), matrix=matrix)
    video = video.filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2", color="black")
    return video.filter("fps", fps=str(rate)).filter("format", "yuv420p")


def cell(
    source: Cell, target: Path, *, size: tuple[int, int], rate: Fraction, length: Fraction, heard: bool
) -> tuple[str, ...]:
    """One video made small for its place in a grid, nearly without loss, its audio as it is decoded.

    The points of its frames go into a file beside it, see ``points_of_cell``.

    Args:
        source: the video.
        target: the Matroska file to write.
        size: of its place, in pixels.
        rate: frames per second of the grid.
        length: seconds of the grid; no more than that is read.
        heard: whether its audio is taken, too.

    Returns:
        ffmpeg's arguments.
    """
    media = _opened(source, t=seconds(length))
    streams = [fitted(source.info, media[f"v:{source.info.video.index}"], size, rate)]
    options: dict[str, Any] = {**Encoding(preset="ultrafast", crf=12).options(), "f": "matroska"}
    if heard:
        streams.append(audio(media, source.info.audio[0]).filter("aresample", **without_holes(source.info.audio[0])))
        options["c:a"] = "pcm_s16le"
    streams[0], beside = points_beside(streams[0], points_of_cell(target))
    return arguments(*beside, ffmpeg.output(*streams, media_url(target), **options))


def _opened(cell: Cell, **reading: Any) -> Any:
    """A cell's file as an input of ffmpeg-python."""
    # Frames of another size or depth go on through the same filters, the first of which scales them: filters that begin
    # anew would begin the other cells anew, too.
    return ffmpeg.input(media_url(cell.path), reinit_filter=0, **reading)


def points_of_cell(target: Path) -> Path:
    """The file of the points of each frame that ``cell`` encodes to ``target``."""
    return target.with_stem(f"{target.stem}.points")


@dataclass(frozen=True)
class GridForm:
    """What a grid looks like, and which of it is heard."""

    columns: int  # and rows
    size: tuple[int, int]  # of the whole, in pixels
    rate: Fraction  # frames per second
    length: Fraction  # seconds
    heard: Sequence[int] = ()  # which cells are heard, from 0; several are mixed, none is silence


def grid(
    cells: Sequence[Cell], target: Path, encoding: Encoding, form: GridForm, points: Path | None = None
) -> tuple[str, ...]:
    """Videos side by side in as many rows as columns; one that ends early stays on its last frame.

    Args:
        cells: row by row, from the top left.
        target: the mp4 to write.
        encoding: how to encode.
        form: of the grid.
        points: a file to write with the points of each frame that is encoded; None: nobody needs them.

    Returns:
        ffmpeg's arguments.
    """
    length = seconds(form.length)
    stacked = stacked_cells(cells, form).filter("trim", duration=length).filter("setpts", "PTS-STARTPTS")
    options: dict[str, Any] = {**encoding.options(), **FASTSTART, **UNLABELLED, "f": "mp4", "t": length}
    options |= encoding.bounds(form.size, form.rate)
    stacked, beside = points_beside(stacked, points)
    streams = [stacked]
    if form.heard:
        streams.append(mixed_cells(cells, form))
        options |= {**AAC, "ac": 2}
    return arguments(*beside, ffmpeg.output(*streams, media_url(target), **options))


def stacked_cells(cells: Sequence[Cell], form: GridForm, first: int = 0) -> Any:
    """The video of ``grid`` from the frame at ``first`` on, filtered; they never end."""
    columns = form.columns
    width, height = (side // columns for side in form.size)
    videos = [_opened(cell)[f"v:{cell.info.video.index}"] for cell in cells]
    videos = _split_where_shared(videos, "split")
    small = [
        fitted(cell.info, video, (width, height), form.rate).filter("tpad", stop_mode="clone", stop=-1)
        for cell, video in zip(cells, videos, strict=True)
    ]
    places = [f"{n % columns * width}_{n // columns * height}" for n in range(len(cells))]
    stacked = ffmpeg.filter(small, "xstack", inputs=len(cells), layout="|".join(places))
    stacked = stacked.filter("setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    return stacked.filter("trim", start_frame=first).filter("setpts", "PTS-STARTPTS") if first else stacked


def mixed_cells(cells: Sequence[Cell], form: GridForm) -> Any:
    """The audio of ``grid``, filtered: that of the heard cells."""
    heard = [cells[index] for index in form.heard]
    tracks = [audio(_opened(cell), cell.info.audio[0]) for cell in heard]
    streams = [
        filled(stream, cell.info.audio[0]).filter("apad")
        for cell, stream in zip(heard, _split_where_shared(tracks, "asplit"), strict=True)
    ]
    mixed = streams[0] if len(streams) == 1 else ffmpeg.filter(streams, "amix", inputs=len(streams), normalize=1)
    return mixed.filter("atrim", duration=seconds(form.length))


def _split_where_shared(streams: Sequence[Any], splitter: str) -> list[Any]:
    """These streams, none of them twice: one that several filters read is split for them."""
    counts = Counter(streams)
    split = {stream: stream.filter_multi_output(splitter, count) for stream, count in counts.items() if count > 1}
    seen: Counter[Any] = Counter()
    outputs = []
    for stream in streams:
        outputs.append(split[stream][seen[stream]] if stream in split else stream)
        seen[stream] += 1
    return outputs
