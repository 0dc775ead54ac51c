"""What a copy says of its colours, and whether its pixels are what it says.

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
from av.error import FFmpegError
from numpy.typing import NDArray

from reelmill.ffmpeg.probe import MediaInfo, VideoTrack, main_video, open_media

#: H.273 code points.
_UNSPECIFIED: Final = 2
_RGB: Final = 0
_BT709: Final = 1
#: BT.470BG and SMPTE 170M say the same of colours.
_SAME: Final = {5: 6}

#: Parts of the pictures that are looked at, as parts of the whole.
_LOOKED_AT: Final = (Fraction(1, 5), Fraction(1, 2), Fraction(4, 5))
_SHARES: Final = (5, 25, 50, 75, 95)  # percentiles of brightness
#: Of 255. Tone mapping moves brightness by far more; coding by less.
_NEAR: Final = 3.0
#: A picture with less contrast says nothing.
_CONTRAST: Final = 12.0


def colour_faults(source: VideoTrack, made: VideoTrack, *, tone_mapped: bool | None) -> Iterator[str]:
    """What a copy declares wrongly (pure).

    Args:
        source: what the original declares.
        made: what the copy declares.
        tone_mapped: whether high dynamic range was to be mapped to standard; None: as the copy says.
    """
    if made.hdr is not None and (tone_mapped or source.hdr is None):
        meant = "the source is not HDR" if source.hdr is None else "it was to be tone-mapped"
        yield f"it declares HDR ({made.hdr.upper()}), and {meant}"
    elif made.hdr is not None:
        yield from _kept(source, made)
    elif source.hdr is not None and tone_mapped is False:
        yield f"the source is HDR ({source.hdr.upper()}) and it does not declare it"
    elif source.hdr is not None:
        yield from _mapped(made)
    else:
        stated = [_SAME.get(track.matrix, track.matrix) for track in (source, made)]
        if not {_UNSPECIFIED, _RGB} & set(stated) and stated[0] != stated[1]:
            yield f"its colours are declared in another matrix ({made.matrix}) than the source's ({source.matrix})"


def _kept(source: VideoTrack, made: VideoTrack) -> Iterator[str]:
    for what, wanted, got in (
        ("transfer", source.transfer, made.transfer),
        ("primaries", source.primaries, made.primaries),
        ("matrix", source.matrix, made.matrix),
    ):
        if wanted not in (got, _UNSPECIFIED):
            yield f"its HDR {what} is declared as {got}, the source's is {wanted}"
    if bits(made) < 10:
        yield f"HDR needs 10 bits and it has {bits(made)}"


def _mapped(made: VideoTrack) -> Iterator[str]:
    if (made.primaries, made.transfer, made.matrix) != (_BT709, _BT709, _BT709):
        tags = f"{made.primaries}/{made.transfer}/{made.matrix}"
        yield f"it was tone-mapped and does not declare BT.709 (primaries/transfer/matrix {tags}, not 1/1/1)"
    if bits(made) > 8 or made.full_range:
        yield f"it was tone-mapped and is not 8 bit in limited range ({made.pixel_format})"


def bits(track: VideoTrack) -> int:
    """Bits of a colour component."""
    return av.VideoFormat(track.pixel_format).components[0].bits if track.pixel_format else 8


def washed_out(source: Path, source_info: MediaInfo, made: Path, made_info: MediaInfo) -> str | None:
    """Why a copy that declares standard range still holds the pixels of its HDR source; None where it does not.

    The brightness of a few pictures is compared by its distribution, which neither scaling nor turning changes: code
    values that were copied as they are have the same one, tone-mapped ones do not.
    """
    if source_info.video.hdr is None or made_info.video.hdr is not None:
        return None
    length = min(info.video.duration or info.duration or Fraction(0) for info in (source_info, made_info))
    pairs = [(_shares(source, length * part), _shares(made, length * part)) for part in _LOOKED_AT]
    telling = [(a, b) for a, b in pairs if a is not None and b is not None and a[-1] - a[0] >= _CONTRAST]
    if not telling or any(np.abs(a - b).max() > _NEAR for a, b in telling):
        return None
    return (
        "its pixels are those of the HDR source, not tone-mapped, and it declares standard range: it looks washed out"
    )


def _shares(path: Path, at: Fraction) -> NDArray[np.float64] | None:
    """Percentiles of the brightness, 0 to 255, of the picture ``at`` seconds after the start."""
    with open_media(path) as container:
        found = main_video(container)
        if found is None:
            return None
        start = Fraction(container.start_time or 0, 1_000_000)
        try:
            container.seek(int((start + at) * 1_000_000), backward=True)
            for frame in container.decode(found[1]):
                if frame.pts is None or frame.time_base is None or frame.pts * frame.time_base >= start + at:
                    return np.percentile(_brightness(frame), _SHARES)
        except FFmpegError:
            return None
    return None


def _brightness(frame: Any) -> NDArray[np.float64]:
    """The luma plane as it is stored, on a scale of 255."""
    plane = frame.planes[0]
    depth = frame.format.components[0].bits
    kind = np.dtype(np.uint16 if depth > 8 else np.uint8)
    rows = np.frombuffer(plane, dtype=kind).reshape(plane.height, plane.line_size // kind.itemsize)
    scaled: NDArray[np.float64] = rows[:, : plane.width] * (255 / ((1 << depth) - 1))
    return scaled
