"""Does a frame stand where the source's stands? How far it is shifted and enlarged, by their rasters (pure).

Both are taken to be the same but for a shift, an enlargement of each axis, and a change of brightness and contrast.
What of these fits best is found by Gauss and Newton's method from several beginnings (B. D. Lucas, T. Kanade, "An
iterative image registration technique", IJCAI 1981).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.frames.raster import Planes

_Image = NDArray[np.float64]

#: Rows and columns that are compared: half of a finer raster's, smoothed, so that what lies between cells is known.
_SIDE: Final = 64
_SMOOTHING: Final = np.array([1, 4, 6, 4, 1]) / 16
#: Cells at each edge that are left out.
_EDGE: Final = 3
_INNER: Final = np.s_[_EDGE:-_EDGE, _EDGE:-_EDGE]
_MIDDLE: Final = (_SIDE - 1) / 2

#: Steps of a search at most; it ends where a step is less than this, in cells, and none is farther than that.
_STEPS: Final = 8
_STILL: Final = 0.02
_FARTHEST: Final = np.array([2, 2, 0.1, 0.1])
_WEIGHTS: Final = np.array([1, 1, _MIDDLE, _MIDDLE])
#: Contrast, as a share of the source's, of what has no place.
_FLAT: Final = 1e-3
#: Where a search begins, after the plain one: enlargements, and shifts in cells.
_BEGINNINGS: Final = (
    *((enlarged, (0.0, 0.0)) for enlarged in (1.18, 0.85)),
    *((1.0, (down, across)) for down in (-4.0, 0.0, 4.0) for across in (-4.0, 0.0, 4.0) if down or across),
)
#: From how far on something is off, in cells: 0.45 is 0.7 % of a frame's side. Even sides and scaling move a copy by a
#: pixel, 0.2 cells at 320 pixels.
_OFF: Final = 0.45
#: And how far motion shifts a frame from the one beside it: 5 % of its side, which passes a whole one in 0.7 s at 30
#: frames a second.
_MOTION: Final = 3.2
#: What is left of the difference between both where they are moved together, of a frame that is off: 0.11 to 0.31 where
#: 1 to 15 % were cropped or shifted. A copy's is noise of coding and stays: 0.87 at CRF 51, more at others. And how
#: alike they are then.
_LEFT: Final = 0.5
_ALIKE: Final = 0.95
#: Differences of less than this are coding: the root mean square of brightness.
_NOISE: Final = 0.004
#: Contrast that is needed to see a place, as in ``frames_match``.
_CONTRAST: Final = 0.04


class Placing(NamedTuple):
    """Where a frame's brightness is found in the source's: cells, 0 and 1 meaning just there."""

    down: float  # shift, in cells
    across: float
    tall: float  # enlargement
    wide: float
    left: float  # root mean square of the difference that is left
    alike: float  # correlation of what is left of both


def place_fault(wanted: Planes, got: Planes, *, retimed: bool = False) -> FindingKind | None:
    """Whether a frame is cropped, shrunk or shifted.

    Args:
        wanted: brightness of the source's, ``FINE_SIDE`` rows and columns.
        got: the same of the copy's.
        retimed: whether the copy may show a frame beside the source's.

    Returns:
        The fault; None where there is none, or none can be known.
    """
    if wanted.std() < _CONTRAST or got.std() < _CONTRAST / 2:
        return None
    one, other = _smoothed(wanted), _smoothed(got)
    before = _remaining(one, other)
    if before < _NOISE:
        return None
    found = _best(one, other, before)
    if found.left > _LEFT * before or found.alike < _ALIKE:
        return None
    enlarged = [(size - 1) * _SIDE / 2 for size in (found.tall, found.wide)]
    if max(map(abs, enlarged)) > _OFF:
        return FindingKind.CROPPED if max(enlarged, key=abs) > 0 else FindingKind.SHRUNK
    return FindingKind.SHIFTED if max(abs(found.down), abs(found.across)) > (_MOTION if retimed else _OFF) else None


def _smoothed(fine: Planes) -> _Image:
    found = fine.astype(np.float64)
    for axis in (0, 1):
        padded = np.moveaxis(np.pad(found, [(2, 2) if axis == n else (0, 0) for n in (0, 1)], mode="edge"), axis, 0)
        count = len(padded) - 4
        smooth = sum(weight * padded[n : n + count] for n, weight in enumerate(_SMOOTHING))
        found = np.moveaxis(np.asarray(smooth), 0, axis)
    return (found[::2, ::2] + found[1::2, ::2] + found[::2, 1::2] + found[1::2, 1::2]) / 4


def _best(wanted: _Image, got: _Image, before: float) -> Placing:
    """The best fit, from as few beginnings as will do."""
    found = _fitted(wanted, got, 1.0, (0.0, 0.0))
    for enlarged, shift in _BEGINNINGS if before > wanted.std() / 4 else ():
        if found.left <= _LEFT * before:
            break
        found = min(found, _fitted(wanted, got, enlarged, shift), key=lambda placing: placing.left)
    return found


def _fitted(wanted: _Image, got: _Image, enlarged: float, shift: tuple[float, float]) -> Placing:
    parameters = np.array([*shift, 1 / enlarged, 1 / enlarged])
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float64) - _MIDDLE
    moved, seen = _moved(wanted, parameters)
    for _ in range(_STEPS):
        down, across = (slope * seen for slope in np.gradient(moved))
        basis = np.stack([moved, seen, down, across, rows * down, columns * across])[:, *_INNER].reshape(6, -1)
        ridge = 1e-6 * np.eye(6) * max(1e-9, float(np.square(basis).sum() / 6))
        solution = np.linalg.solve(basis @ basis.T + ridge, basis @ (got * seen)[_INNER].ravel())
        if abs(solution[0]) < _FLAT:
            break
        step = solution[2:] / solution[0] * np.tile(parameters[2:], 2)
        next_ones = parameters + step.clip(-_FARTHEST, _FARTHEST)
        if np.abs(next_ones[:2]).max() > _SIDE / 4 or not ((next_ones[2:] > 0.5) & (next_ones[2:] < 2)).all():
            break
        parameters = next_ones
        moved, seen = _moved(wanted, parameters)
        if np.abs(step * _WEIGHTS).max() < _STILL:
            break
    kept = seen[_INNER] > 0
    left, alike = _apart(moved[_INNER][kept], got[_INNER][kept])
    down, across, tall, wide = parameters.tolist()
    return Placing(-down, -across, 1 / tall, 1 / wide, left, alike)


def _moved(image: _Image, parameters: NDArray[np.float64]) -> tuple[_Image, _Image]:
    down, across, tall, wide = parameters
    places = np.arange(_SIDE) - _MIDDLE
    return _at(image, places * tall + down + _MIDDLE, places * wide + across + _MIDDLE)


def _at(image: _Image, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> tuple[_Image, _Image]:
    """The image at rows and columns between its own, and 1 where that is within it."""
    weights, seen = [], []
    for places in (rows, columns):
        seen.append(((places >= 0) & (places <= _SIDE - 1)).astype(np.float64))
        places = places.clip(0, _SIDE - 1.001)
        low = places.astype(int)
        weight = np.zeros((_SIDE, _SIDE))
        weight[np.arange(_SIDE), low] = 1 - (places - low)
        weight[np.arange(_SIDE), low + 1] = places - low
        weights.append(weight)
    within = np.outer(*seen)
    return (weights[0] @ image @ weights[1].T) * within, within


def _remaining(one: _Image, other: _Image) -> float:
    return _apart(one[_INNER].ravel(), other[_INNER].ravel())[0]


def _apart(one: NDArray[Any], other: NDArray[Any]) -> tuple[float, float]:
    """Root mean square of what differs but for brightness and contrast, and how alike the two are."""
    if len(one) < _SIDE:
        return float("inf"), 0.0
    one, other = one - one.mean(), other - other.mean()
    power = float(one @ one)
    slope = float(one @ other) / power if power > 1e-9 else 0.0
    left = other - slope * one
    whole = float(other @ other)
    alike = float(np.sqrt(max(0.0, 1 - float(left @ left) / whole))) if whole > 1e-9 else 0.0
    return float(np.sqrt(np.mean(np.square(left)))), alike
