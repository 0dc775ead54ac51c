"""A frame made so small that two files can be compared by it, upright: 32 by 32 means of brightness and colour.

A larger one of brightness alone, 128 by 128, shows how much detail there is.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

Planes = NDArray[np.float32]

#: Rows and columns: enough to tell up from down, too few for grain, coding or a frame's worth of motion to matter.
SIDE: Final = 32
#: Rows and columns of the larger one: a cell is about a block of coding at 1080 lines.
FINE_SIDE: Final = 128
#: Formats whose planes are read as they are; others go through ``yuv444p``.
_PLANAR: Final = re.compile(r"yuva?j?4\d\dp(\d\dle)?$")
_PLAIN: Final = "yuv444p"
#: Those with an alpha plane, and what they go through.
_ALPHA: Final = re.compile(r"yuva|rgba|bgra|argb|abgr|gbrap|ya\d|ayuv|vuya|pal8")
_PLAIN_ALPHA: Final = "yuva444p"
#: Code points of matrices (ITU-T H.273, table 4): of BT.601, by which RGB is made brightness and differences of colour,
#: and of BT.709.
_BT601: Final = 6
_BT709: Final = 1
#: Shares of red and blue in brightness by BT.601, which images are stored in (ITU-T T.871).
_RED: Final = 0.299
_BLUE: Final = 0.114
#: What declares no matrix: unspecified and reserved.
_UNKNOWN: Final = (2, 3)
#: From so many pixels of a side on frames are of high definition.
_HD: Final = (1280, 720)
#: What the scaler calls matrices that it knows.
_SCALED: Final = {
    1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}  # fmt: skip
_TURNING: Final = "DISPLAYMATRIX"
_FULL_RANGE: Final = 2  # AVColorRange JPEG


class _Scaler(threading.local):
    """A scaler for each thread, kept: setting one up takes ten times as long as shrinking a frame by it."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def scale(self, frame: VideoFrame, form: str, **colours: Any) -> VideoFrame:
        """A frame in another format, as large."""
        return self._scaler.reformat(frame, format=form, threads=1, **colours)

    def __call__(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Means of a plane's cells, ``FINE_SIDE`` rows and columns."""
        frame = VideoFrame.from_numpy_buffer(plane, format="gray")
        small = self._scaler.reformat(frame, FINE_SIDE, FINE_SIDE, interpolation="AREA", threads=1)
        return cast(NDArray[np.uint8], small.to_ndarray())


_shrunk: Final = _Scaler()
_to_rgb: Final = _Scaler()
_of_rgb: Final = _Scaler()


@dataclass(frozen=True)
class Box:
    """A rectangle of a frame, each figure a share of its width or height."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


WHOLE: Final = Box()


@dataclass(frozen=True)
class Raster:
    """Brightness (0 black, 1 white) and two colour differences (0 grey), as bytes so that it travels and compares."""

    data: bytes
    fine_data: bytes = b""
    matrix: int = _BT601  # that colours were made brightness and differences by
    declared: bool = False  # whether the frame declares it; else it is what its size usually has
    interlaced: bool = False  # what moves in it is in two places
    sparse: bool = False  # its colours have fewer rows or columns than planes have: they are no means

    @property
    def planes(self) -> Planes:
        """Brightness and both colour differences, each of ``SIDE`` rows and columns."""
        return np.frombuffer(self.data, np.float16).astype(np.float32).reshape(3, SIDE, SIDE)

    @property
    def fine(self) -> Planes | None:
        """Brightness in ``FINE_SIDE`` rows and columns; None where it was not kept."""
        if not self.fine_data:
            return None
        fine = np.frombuffer(self.fine_data, np.uint8).reshape(FINE_SIDE, FINE_SIDE)
        return fine.astype(np.float32) / np.float32(255)


def raster(frame: VideoFrame, box: Box = WHOLE, *, cut_off: bool = False) -> Raster:
    """Shrink a frame to its raster: levels by its range, turned by its display matrix.

    Args:
        frame: decoded.
        box: the rectangle of the stored frame to shrink.
        cut_off: what RGB does not hold is cut off, pixel by pixel, as screens and images do: brightness below black and
            above white, and colours that are too strong for how bright they are.

    Returns:
        The raster.
    """
    matrix = int(frame.colorspace) if _PLANAR.match(frame.format.name) else _BT601
    declared = matrix not in _UNKNOWN
    matrix = matrix if declared else usual_matrix(frame.width, frame.height)
    shown = _in_planes(frame, matrix, cut_off=cut_off)
    depth = shown.format.components[0].bits
    full = shown.format.name.startswith("yuvj") or int(shown.color_range) == _FULL_RANGE
    zero, white, colours = (0, 255, 255) if full else (16, 219, 224)  # ITU-T H.273, 8.3
    unit = (1 << depth) / 256 if not full else ((1 << depth) - 1) / 255
    regions = [_region(plane, depth, box) for plane in shown.planes]
    small = np.stack([_cells(region) for region in regions[:3]]) / unit
    small[0] = (small[0] - zero) / white
    small[1:] = (small[1:] - 128) / colours
    fine = b""
    opaque = (1 << depth) - 1
    if len(regions) > 3 and regions[3].min() < opaque:  # over black, as players show it
        small *= _cells(regions[3]) / opaque
    elif len(regions) == 3 or min(regions[0].shape) >= FINE_SIDE:  # of the palette's colours cells have to be means
        bright = _fine(regions[0], depth).astype(np.float32)
        bright = (bright - zero) * (255 / white)
        fine = _upright(bright[None], frame).round().clip(0, 255).astype(np.uint8).tobytes()
    data = _upright(small, frame).astype(np.float16).tobytes()
    sparse = min(regions[1].shape) < SIDE
    return Raster(data, fine, matrix, declared, bool(frame.interlaced_frame), sparse)


def image_raster(pixels: NDArray[np.uint8]) -> Raster:
    """Shrink an image to its raster.

    Args:
        pixels: blue, green and red, as it is shown; shape (height, width, 3).

    Returns:
        The raster; without its larger plane where the image is no larger than that.
    """
    channels = np.moveaxis(pixels, -1, 0)
    blue, green, red = np.stack([_cells(channel) for channel in channels]) / np.float32(255)
    bright = _RED * red + (1 - _RED - _BLUE) * green + _BLUE * blue
    small = np.stack([bright, (blue - bright) / (2 - 2 * _BLUE), (red - bright) / (2 - 2 * _RED)])
    fine = b""
    if min(pixels.shape[:2]) >= FINE_SIDE:
        shares = (_BLUE, 1 - _RED - _BLUE, _RED)
        weighted = (share * _shrunk(np.ascontiguousarray(one)) for share, one in zip(shares, channels, strict=True))
        fine = np.sum(list(weighted), axis=0).round().astype(np.uint8).tobytes()
    return Raster(small.astype(np.float16).tobytes(), fine, _BT601, declared=True)


def has_alpha(frame: VideoFrame) -> bool:
    """Whether parts of a frame may be transparent, which viewers show in different ways."""
    return _ALPHA.match(frame.format.name) is not None


def usual_matrix(width: int, height: int) -> int:
    """The matrix that players take frames of a size to be in, where they declare none: a code point of ITU-T H.273."""
    return _BT709 if max(width, height) >= _HD[0] or min(width, height) >= _HD[1] else _BT601


def _in_planes(frame: VideoFrame, matrix: int, *, cut_off: bool) -> VideoFrame:
    """A frame of brightness and colours; of a matrix that the scaler does not know nothing is cut off."""
    plain, rgb = (_PLAIN_ALPHA, "rgba") if has_alpha(frame) else (_PLAIN, "rgb24")
    if not _PLANAR.match(frame.format.name):
        return frame.reformat(format=plain)  # of RGB, which holds no more than that
    if not cut_off or matrix not in _SCALED:
        return frame
    colours, limited = _SCALED[matrix], ColorRange.MPEG
    full = frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL_RANGE
    held = _to_rgb.scale(frame, rgb, src_colorspace=colours, src_color_range=ColorRange.JPEG if full else limited)
    return _of_rgb.scale(held, plain, dst_colorspace=colours, dst_color_range=limited)


def _region(plane: Any, depth: int, box: Box) -> NDArray[Any]:
    kind = np.dtype(np.uint16 if depth > 8 else np.uint8)
    rows = np.frombuffer(plane, dtype=kind).reshape(plane.height, plane.line_size // kind.itemsize)
    top, bottom = _bounds(box.top, box.height, plane.height)
    left, right = _bounds(box.left, box.width, plane.width)
    return rows[top:bottom, left:right]


def _fine(region: NDArray[Any], depth: int) -> NDArray[np.uint8]:
    """Brightness as it is stored, in eight bits; edges of cells may lie within a pixel, so that sizes do not matter."""
    return _shrunk(np.ascontiguousarray(region if depth <= 8 else (region >> (depth - 8)).astype(np.uint8)))


def _cells(region: NDArray[Any]) -> Planes:
    """Means of ``SIDE`` rows and columns of cells."""
    down, across = (np.arange(SIDE) * length // SIDE for length in region.shape)
    # Along the rows first, as they lie in memory: four times as fast.
    sums = np.add.reduceat(np.add.reduceat(region, across, axis=1, dtype=np.uint32), down, axis=0)
    counts = np.outer(_counts(down, region.shape[0]), _counts(across, region.shape[1]))
    means: Planes = (sums / counts).astype(np.float32)
    return means


def _bounds(begin: float, length: float, whole: int) -> tuple[int, int]:
    first = min(whole - 1, round(begin * whole))
    return first, max(first + 1, min(whole, round((begin + length) * whole)))


def _counts(edges: NDArray[np.int_], length: int) -> NDArray[np.int_]:
    """How many are summed from each edge on; of a side shorter than ``SIDE`` one is taken more than once."""
    return np.maximum(1, np.diff(edges, append=length))


def _upright(small: Planes, frame: VideoFrame) -> Planes:
    """Turned and mirrored by the display matrix (ISO/IEC 14496-12, 6.2.2): x' = ax + cy, y' = bx + dy."""
    found = frame.side_data.get(_TURNING)
    if found is None:
        return small
    a, b, _, c, d = np.frombuffer(cast(Any, found), np.int32)[:5]
    if abs(a) + abs(d) < abs(b) + abs(c):
        small, a, d = small.swapaxes(1, 2), c, b
    if a < 0:
        small = small[:, :, ::-1]
    return small[:, ::-1] if d < 0 else small
