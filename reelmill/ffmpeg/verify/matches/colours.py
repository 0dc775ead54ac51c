"""What a copy declares of its colours, and whether its pixels are that.

High dynamic range is kept with all its tags, or tone-mapped on purpose. A copy that holds the one and declares the
other is shown washed out, and no player can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.commands.colours import wide
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.probe import MediaInfo, VideoTrack
from reelmill.ffmpeg.reading.seeking import Footage

#: H.273 code points.
_UNSPECIFIED: Final = 2
_RGB: Final = 0
_BT709: Final = 1
#: BT.470BG and SMPTE 170M have the same matrix.
_SAME: Final = {5: 6}

#: When frames are compared, as shares of the whole length.
_COMPARED_AT: Final = (Fraction(1, 5), Fraction(1, 2), Fraction(4, 5))
_PERCENTILES: Final = (5, 25, 50, 75, 95)  # percentiles of brightness
#: Of 255, averaged over the percentiles of a plane. Scaling and coding move none further than 1.3, measured on small
#: test patterns; tone mapping moved at least one of a phone's dull HLG clip by 4.7, and of other HDR sources by 18.
_NEAR: Final = 3.0
#: A frame with less contrast is not compared.
_CONTRAST: Final = 12.0


def colour_faults(source: VideoTrack, made: VideoTrack, *, tone_mapped: bool | None) -> Iterator[Finding]:
    """What a copy declares wrongly (pure).

    Args:
        source: what the original declares.
        made: what the copy declares.
        tone_mapped: whether high dynamic range was to be mapped to standard; None: as the copy declares.

    Yields:
        Each of them.
    """
    if made.hdr is not None and (tone_mapped or source.hdr is None):
        kind = FindingKind.HDR_DECLARED if source.hdr is None else FindingKind.HDR_NOT_MAPPED
        yield Finding(kind, got=made.hdr.upper())
    elif made.hdr is not None:
        yield from _hdr_faults(source, made)
    elif source.hdr is not None and tone_mapped is False:
        yield Finding(FindingKind.HDR_UNDECLARED, wanted=source.hdr.upper(), against_source=True)
    elif source.hdr is not None:
        yield from _sdr_faults(made)
    else:
        stated = [_SAME.get(track.matrix, track.matrix) for track in (source, made)]
        narrowed = wide(source) and made.matrix == _BT709
        if not {_UNSPECIFIED, _RGB} & set(stated) and stated[0] != stated[1] and not narrowed:
            yield Finding(FindingKind.MATRIX, got=made.matrix, wanted=source.matrix, against_source=True)


def _hdr_faults(source: VideoTrack, made: VideoTrack) -> Iterator[Finding]:
    for kind, wanted, got in (
        (FindingKind.HDR_TRANSFER, source.transfer, made.transfer),
        (FindingKind.HDR_PRIMARIES, source.primaries, made.primaries),
        (FindingKind.HDR_MATRIX, source.matrix, made.matrix),
    ):
        if wanted not in (got, _UNSPECIFIED):
            yield Finding(kind, got=got, wanted=wanted, against_source=True)
    if bits(made) < 10:
        yield Finding(FindingKind.HDR_DEPTH, got=bits(made), wanted=10)


def _sdr_faults(made: VideoTrack) -> Iterator[Finding]:
    if (made.primaries, made.transfer, made.matrix) != (_BT709, _BT709, _BT709):
        tags = f"{made.primaries}/{made.transfer}/{made.matrix}"
        yield Finding(FindingKind.SDR_TAGS, got=tags, wanted="1/1/1")
    if bits(made) > 8 or made.full_range:
        yield Finding(FindingKind.SDR_FORMAT, got=made.pixel_format)


def bits(track: VideoTrack) -> int:
    """Bits of a colour component."""
    return av.VideoFormat(track.pixel_format).components[0].bits if track.pixel_format else 8


def washed_out(source: Path, source_info: MediaInfo, made: Path, made_info: MediaInfo) -> Finding | None:
    """Whether a copy that declares standard range still holds the pixels of its HDR source.

    Brightness and both colour differences of a few frames are compared by their distributions, which neither scaling
    nor turning changes: code values that were copied as they are have the same ones. HLG that is tone-mapped can come
    out as bright as it was, and with other colours then.

    Args:
        source: the original.
        source_info: its facts.
        made: the copy.
        made_info: its facts.

    Returns:
        What is wrong; None where nothing is.
    """
    if source_info.video.hdr is None or made_info.video.hdr is not None:
        return None
    length = min(info.video.duration or info.duration or Fraction(0) for info in (source_info, made_info))
    pairs = [(percentiles(source, length * share), percentiles(made, length * share)) for share in _COMPARED_AT]
    usable = [(a, b) for a, b in pairs if a is not None and b is not None and a[0][-1] - a[0][0] >= _CONTRAST]
    if not usable or any(np.abs(a - b).mean(axis=1).max() > _NEAR for a, b in usable):
        return None
    return Finding(FindingKind.WASHED_OUT)


def percentiles(path: Path, at: Fraction) -> NDArray[np.float64] | None:
    """Percentiles of brightness and both colour differences of the frame ``at`` seconds after the start.

    Returns:
        0 to 255, shape (3, percentiles); None where no frame is shown then.
    """
    with Footage(path) as footage:
        footage.enter(at)
        for time, frame in footage.frames():
            if time >= at:
                return np.stack([np.percentile(values, _PERCENTILES) for values in _planes(frame)])
    return None


def _planes(frame: Any) -> Iterator[NDArray[np.float64]]:
    """The planes as they are stored, on a scale of 255."""
    depth = frame.format.components[0].bits
    kind = np.dtype(np.uint16 if depth > 8 else np.uint8)
    for plane in frame.planes:
        rows = np.frombuffer(plane, dtype=kind).reshape(plane.height, plane.line_size // kind.itemsize)
        yield rows[:, : plane.width] * (255 / ((1 << depth) - 1))
