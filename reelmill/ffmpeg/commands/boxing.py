"""A video whose frames change their shape on the way, in one shape: each frame whole, with black beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from reelmill.ffmpeg.commands.filters import matroska_texts
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url

#: All but without loss, and fast: it is read once more.
ENCODING: Final = Encoding(preset="ultrafast", crf=15)
#: How far the shape of a frame may be from that of the size it is scaled to, which is in whole pixels.
_ALIKE: Final = 0.05
#: Lines above a frame in the middle, so many that its fields stay the same ones, in its colours, too.
_FIELDS: Final = r"4*round((oh-ih)/8)"


def boxed(source: Path, info: MediaInfo, target: Path) -> tuple[str, ...]:
    """A Matroska file with every frame in the shape of the first, at its own time; audio and text subtitles are copied.

    The frames come from the filter ``movie``: of what ffmpeg decodes itself, all has the shape that the container had
    at first.

    Args:
        source: the video.
        info: its facts.
        target: the file to write.

    Returns:
        ffmpeg's arguments.
    """
    options: dict[str, Any] = {**ENCODING.options(), "fps_mode:v": "passthrough", "enc_time_base:v": "filter"}
    texts, held = matroska_texts(info)
    options |= {"c:a": "copy", **held, "f": "matroska"}
    tracks = [word for track in info.audio for word in ("-map", f"0:a:{track.index}")]
    tracks += [word for place in texts for word in ("-map", f"0:s:{place}")]
    written = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    graph = ("-filter_complex", f"{_frames(source, info)}[v]", "-map", "[v]")
    return "-copyts", "-i", media_url(source), *graph, *tracks, *written, media_url(target)


def _fitting(width: int, height: int) -> tuple[str, str]:
    """Width and height of a frame that is fitted into others, as expressions of the filter ``scale``."""
    same = f"lt(abs(dar*{height}/{width}-1),{_ALIKE})"
    across, down = f"2*trunc(min({width},{height}*dar)/2)", f"2*trunc(min({height},{width}/dar)/2)"
    return f"if({same},{width},{across})", f"if({same},{height},{down})"


def _frames(source: Path, info: MediaInfo) -> str:
    width, height = web_size(info)
    container = info.container.partition(",")[0]
    file = {"filename": media_url(source), "format_name": container, "streams": f"v:{info.video.index}"}
    chain = [f"movie={':'.join(f'{name}={_escaped(value)}' for name, value in file.items())}"]
    chain.append("null")  # else ``scale`` changes the size that ``movie`` takes its frames for, and decoders with it
    across, down = (side.replace(",", r"\,") for side in _fitting(width, height))
    chain.append(f"scale=w='{across}':h='{down}':eval=frame:out_range=tv:interl=-1")
    chain.append(f"pad={width}:{height}:-1:{_FIELDS}:eval=frame")
    if info.video.interlaced:  # fields stay apart until here: this filter takes frames of one size
        chain.append("bwdif=mode=send_frame:deint=interlaced")
    return ",".join([*chain, "setsar=1"])


def _escaped(text: str) -> str:
    """A value as ffmpeg reads it in a graph of filters: escaped once for its filter, and again for the graph."""
    for special in (r"\':", r"\'[],;"):
        text = "".join(f"\\{letter}" if letter in special else letter for letter in text)
    return text
