"""Frames made into small images for people: upright, in true proportions and in colours that any screen shows."""

from __future__ import annotations

from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.cropping import Cropping
from reelmill.ffmpeg.reading.orientation import upright
from reelmill.ffmpeg.reading.probe import VideoTrack

Pixels = NDArray[np.uint8]  # shape (height, width, 3), BGR
_Floats = NDArray[np.float64]

#: Linear BT.2020 to linear BT.709 (ITU-R BT.2087-0, annex, inverted).
_BT709: Final = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
#: What a value of 1 stands for, as in ``ffmpeg.commands.filters``: 100 cd/m².
_WHITE: Final = 100
#: The brightest a display of reference shows, in those units: what HLG is defined for and most PQ is mastered on.
_PEAK: Final = 10


def draw(frame: VideoFrame, track: VideoTrack, size: tuple[int, int]) -> Pixels:
    """A decoded frame as a player shows it, shrunk to ``size``.

    Args:
        frame: as it was stored.
        track: how it is turned and what its values mean.
        size: width and height in pixels, upright.

    Returns:
        BGR, shape (height, width, 3).
    """
    width, height = size[::-1] if track.rotation in (90, 270) else size
    across, down = _whole_size(frame, track.cropping, width, height)
    if track.hdr is None:
        pixels = np.asarray(frame.to_ndarray(width=across, height=down, format="bgr24", interpolation="AREA"))
    else:
        small = frame.reformat(width=across, height=down, format="yuv444p16le", interpolation="AREA")
        pixels = tone_mapped(np.asarray(small.to_ndarray(), np.uint16), track.hdr, full_range=track.full_range)
    if (across, down) != (width, height):
        left = min(across - width, round(track.cropping.left * across / frame.width))
        top = min(down - height, round(track.cropping.top * down / frame.height))
        pixels = pixels[top : top + height, left : left + width]
    return np.ascontiguousarray(upright(pixels, track.rotation, mirrored=track.mirrored), np.uint8)


def _whole_size(frame: VideoFrame, cropping: Cropping, width: int, height: int) -> tuple[int, int]:
    """The size of a whole frame of which what is shown has this size."""
    if not cropping or not cropping.fits(frame.width, frame.height):
        return width, height
    shown_width, shown_height = cropping.shown(frame.width, frame.height)
    return round(frame.width * width / shown_width), round(frame.height * height / shown_height)


def tone_mapped(yuv: NDArray[np.uint16], transfer: str, *, full_range: bool) -> Pixels:
    """HDR to SDR, by the steps of ``commands.filters``: linear light at 100 cd/m², BT.709 primaries, hable, gamma.

    Args:
        yuv: Y, U and V of BT.2020 (non-constant luminance), 16 bit, shape (height, width, 3).
        transfer: ``pq`` or ``hlg``.
        full_range: luma from 0 rather than from 16/256 of the range.

    Returns:
        BGR, shape (height, width, 3).
    """
    linear = {"pq": _linear_pq, "hlg": _linear_hlg}[transfer](_rgb(yuv, full_range))
    light = np.maximum(linear @ _BT709.T, 0)
    # By the strongest channel, so that hues stay (as ffmpeg's tonemap does).
    strongest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    mapped = light * (_hable(strongest) / _hable(np.float64(_PEAK)) / strongest)
    shown = np.clip(mapped, 0, 1) ** (1 / 2.4)  # ITU-R BT.1886, what a BT.709 screen undoes
    return np.asarray(np.rint(shown[..., ::-1] * 255), np.uint8)


def _rgb(yuv: NDArray[np.uint16], full_range: bool) -> _Floats:
    """R'G'B' from 0 to 1, shape (height, width, 3) (ITU-R BT.2020-2, table 4, and BT.2100-2, table 9)."""
    luma, blue, red = np.moveaxis(yuv.astype(np.float64) / 65536 * 256, -1, 0)
    if full_range:
        luma, blue, red = luma / 255, (blue - 128) / 255, (red - 128) / 255
    else:
        luma, blue, red = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    r, b = luma + 1.4746 * red, luma + 1.8814 * blue
    g = (luma - 0.2627 * r - 0.0593 * b) / 0.6780
    return np.asarray(np.clip(np.stack([r, g, b], axis=-1), 0, 1), np.float64)


def _linear_pq(values: _Floats) -> _Floats:
    """ITU-R BT.2100-2, table 4: the PQ EOTF."""
    root = values ** (32 / 2523)
    light = (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
    return np.asarray(light * (10_000 / _WHITE))


def _linear_hlg(values: _Floats) -> _Floats:
    """ITU-R BT.2100-2, table 5: the inverse OETF, then the OOTF of a display of 1000 cd/m² (gamma 1.2)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(scene * (luminance**0.2)[..., None] * (1000 / _WHITE))


def _hable(x: _Floats | np.float64) -> _Floats:
    """Hable (2010), "Uncharted 2: HDR lighting", with ffmpeg's constants."""
    curve = (x * (0.15 * x + 0.10 * 0.50) + 0.20 * 0.02) / (x * (0.15 * x + 0.50) + 0.20 * 0.30)
    return np.asarray(curve - 0.02 / 0.30)
