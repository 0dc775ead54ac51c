"""The colours of what is made: their matrix and tags set and right, mapped where browsers have none of their range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from av.video.format import VideoFormat

from reelmill.ffmpeg.reading.frames.raster import usual_matrix
from reelmill.ffmpeg.reading.probe import VideoTrack

_UNSPECIFIED: Final = 2
#: Code points of matrices (ITU-T H.273, table 4) of BT.2020, and of its primaries (table 2).
_WIDE_MATRICES: Final = (9, 10)
_WIDE: Final = 9
#: ffmpeg's names of code points of tables 2, 3 and 4, as far as HDR has them.
_PRIMARIES: Final = {1: "bt709", 9: "bt2020", 11: "smpte431", 12: "smpte432"}
_TRANSFERS: Final = {16: "smpte2084", 18: "arib-std-b67"}
_MATRICES: Final = {1: "bt709", 9: "bt2020nc", 10: "bt2020c", 14: "ictcp"}
#: cd/m2 that HDR is taken to reach where it does not say, what most is graded for; and what standard range reaches.
_USUAL_PEAK: Final = 1000
_STANDARD: Final = 100
#: Formats of frames with an alpha plane.
_ALPHA: Final = re.compile(r"yuva|rgba|bgra|argb|abgr|gbrap|ya\d|ayuv|vuya|pal8")
_PAL_LINES: Final = (288, 576)


@dataclass(frozen=True)
class _Colours:
    """ffmpeg's names of what frames declare, and of the matrix to its scaler."""

    primaries: str
    transfer: str
    matrix: str
    scaled: str


_BT709: Final = _Colours("bt709", "bt709", "bt709", "bt709")
_NTSC: Final = _Colours("smpte170m", "smpte170m", "smpte170m", "smpte170m")
_PAL: Final = _Colours("bt470bg", "smpte170m", "bt470bg", "bt470")
#: By the code point of the matrix.
_BY_MATRIX: Final = {1: _BT709, 5: _PAL, 6: _NTSC}


def wide(video: VideoTrack) -> bool:
    """Whether a video has colours of BT.2020 in standard range, which browsers show pale (pure)."""
    return video.hdr is None and (video.matrix in _WIDE_MATRICES or video.primaries == _WIDE)


def transparent(video: VideoTrack) -> bool:
    """Whether frames have an alpha plane (pure)."""
    return _ALPHA.match(video.pixel_format) is not None


def declared(video: VideoTrack) -> bool:
    """Whether a video declares all of its colours (pure)."""
    return _UNSPECIFIED not in (video.primaries, video.transfer, video.matrix)


def sdr(video: VideoTrack, frames: Any, size: tuple[int, int], matrix: int | None = None) -> Any:
    """Frames of standard range scaled to ``size``, square, in limited range, with colours that are declared.

    What has no matrix of its own, being of RGB, gets that of its size: BT.709 from 720 lines up. What declares none is
    taken for what its size usually has, and is declared as that. Alpha lies over black.

    Args:
        video: the track's facts.
        frames: its stream.
        size: in pixels.
        matrix: of the film that they are for, a code point of H.273; None: each source's own.

    Returns:
        The stream.
    """
    own = _colours(video, size)
    colours, options = _BY_MATRIX.get(matrix or 0, own), dict[str, Any](out_range="tv")
    if transparent(video):
        frames = frames.filter("format", "gbrap").filter("premultiply", inplace=1)
    if transparent(video) or _rgb(video):
        options["out_color_matrix"] = colours.scaled
    elif colours.scaled != own.scaled and not wide(video):
        options |= {"in_color_matrix": own.scaled, "out_color_matrix": colours.scaled}
    frames = frames.filter("scale", *size, **options)
    if wide(video):
        frames = _narrowed(video, frames)
        return in_matrix(frames, matrix).filter("setsar", 1)
    if not declared(video) or "out_color_matrix" in options:
        frames = frames.filter("setparams", **_tags(video, colours, converted="in_color_matrix" in options))
    return frames.filter("setsar", 1)


def in_own_matrix(video: VideoTrack, frames: Any) -> Any:
    """Frames of high definition that declare no matrix, declared to be in what players take them for.

    ffmpeg takes all that declares none for BT.601, which is right for smaller ones.

    Args:
        video: the track's facts.
        frames: its stream, of standard range.

    Returns:
        The stream; as it is where it declares a matrix, or is right without one.
    """
    known = _rgb(video) or video.matrix != _UNSPECIFIED
    if known or _BY_MATRIX[usual_matrix(video.width, video.height)] is not _BT709:
        return frames
    return frames.filter("setparams", colorspace=_BT709.matrix)


def in_matrix(frames: Any, matrix: int | None) -> Any:
    """Frames of BT.709 in the matrix of the film that they are for."""
    colours = _BY_MATRIX.get(matrix or 0, _BT709)
    if colours is _BT709:
        return frames
    frames = frames.filter("scale", in_color_matrix=_BT709.scaled, out_color_matrix=colours.scaled)
    return frames.filter("setparams", colorspace=colours.matrix)


def tone_mapped(video: VideoTrack, frames: Any) -> Any:
    """HDR (PQ or HLG) to SDR of BT.709: linear light at 100 cd/m2, hable's curve up to the peak that it declares.

    Args:
        video: the track's facts.
        frames: its stream.

    Returns:
        The stream, without any metadata of HDR.
    """
    peak = max(1.0, (video.peak or _USUAL_PEAK) / _STANDARD)
    frames = frames.filter(
        "setparams",
        color_primaries=_PRIMARIES.get(video.primaries, "bt2020"),
        color_trc=_TRANSFERS[video.transfer],
        colorspace=_MATRICES.get(video.matrix, "bt2020nc"),
    )
    frames = frames.filter("zscale", transfer="linear", npl=_STANDARD).filter("format", "gbrpf32le")
    frames = frames.filter("zscale", primaries="bt709").filter("tonemap", "hable", desat=0, peak=f"{peak:g}")
    frames = frames.filter("zscale", transfer="bt709", matrix="bt709", range="limited")
    return frames.filter("sidedata", mode="delete")


def _narrowed(video: VideoTrack, frames: Any) -> Any:
    """Colours of BT.2020 in standard range as those of BT.709."""
    frames = frames.filter(
        "setparams",
        color_primaries=_PRIMARIES.get(video.primaries, "bt2020"),
        color_trc="bt709",  # its own curve is the same (ITU-R BT.2020, table 4)
        colorspace=_MATRICES.get(video.matrix, "bt2020nc"),
    )
    return frames.filter("zscale", primaries="bt709", transfer="bt709", matrix="bt709", range="limited")


def _rgb(video: VideoTrack) -> bool:
    return bool(video.pixel_format) and (VideoFormat(video.pixel_format).is_rgb or video.pixel_format == "pal8")


def _colours(video: VideoTrack, size: tuple[int, int]) -> _Colours:
    """What a copy declares: what its source does, and where that has no matrix, what its size usually has."""
    if not _rgb(video) and video.matrix in _BY_MATRIX:
        return _BY_MATRIX[video.matrix]
    width, height = size if _rgb(video) or transparent(video) else (video.width, video.height)
    if (usual := _BY_MATRIX[usual_matrix(width, height)]) is _BT709:
        return usual
    return _PAL if height in _PAL_LINES else _NTSC


def _tags(video: VideoTrack, colours: _Colours, *, converted: bool) -> dict[str, str]:
    """Options of ``setparams`` for what is not declared; the matrix where the frames were given one."""
    found = {}
    if video.primaries == _UNSPECIFIED:
        found["color_primaries"] = colours.primaries
    if video.transfer == _UNSPECIFIED:
        found["color_trc"] = colours.transfer
    if converted or _rgb(video) or transparent(video) or video.matrix == _UNSPECIFIED:
        found["colorspace"] = colours.matrix
    return found
