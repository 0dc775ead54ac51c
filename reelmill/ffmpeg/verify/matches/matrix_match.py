"""Are a frame's colours in the matrix that it declares? Judged by its raster and the source's (pure).

Brightness and colour differences are sums of red, green and blue by a matrix, so means of them can be converted from
one matrix to another as pixels can.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.frames.raster import Planes, Raster

#: Shares of red and blue in brightness, by the code point of the matrix (ITU-T H.273, table 4).
_SHARES: Final = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
#: Matrices whose primaries are wide: a conversion to others changes more than this arithmetic shows.
WIDE: Final = (9, 10)

#: How much of the difference is left where both are taken to be in the right matrix; a copy at CRF 51 gains nothing.
_LEFT: Final = 0.4
#: Root mean square of brightness and colour differences below which it is coding.
_NOISE: Final = 0.012


def in_matrix_of(wanted: Raster, got: Raster) -> Planes:
    """The planes of a copy's raster in the matrix of the source's, or the one it is taken to be in."""
    if wanted.matrix == got.matrix or not {wanted.matrix, got.matrix} <= set(_SHARES):
        return got.planes
    return _converted(got.planes, _SHARES[got.matrix], _SHARES[wanted.matrix])


def matrix_fault(source: Raster, copy: Raster) -> FindingKind | None:
    """Whether pixels are in BT.601 where BT.709 is declared, or the other way round.

    Args:
        source: of the source's frame.
        copy: of the copy's.

    Returns:
        The fault; None where there is none, or the source declares no matrix.
    """
    if not source.declared or source.matrix not in _SHARES:
        return None
    wanted, got = source.planes, in_matrix_of(source, copy)
    before = _apart(wanted, got)
    if before < _NOISE:
        return None
    ways = ((_SHARES[1], _SHARES[6]), (_SHARES[6], _SHARES[1]))
    left = min(_apart(wanted, _converted(got, *way)) for way in ways)
    return FindingKind.OTHER_MATRIX if left < _LEFT * before else None


def _apart(one: Planes, other: Planes) -> float:
    return float(np.sqrt(np.mean(np.square(one - other))))


def _converted(planes: Planes, of: tuple[float, float], to: tuple[float, float]) -> Planes:
    matrix = _of_rgb(*to) @ np.linalg.inv(_of_rgb(*of))
    converted: Planes = np.tensordot(matrix, planes, axes=1).astype(np.float32)
    return converted


def _of_rgb(red: float, blue: float) -> NDArray[np.float64]:
    """Brightness and colour differences of red, green and blue (ITU-T H.273, equations 38 to 40)."""
    bright = np.array([red, 1 - red - blue, blue])
    return np.stack(
        [
            bright,
            (np.array([0, 0, 1]) - bright) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - bright) / (2 * (1 - red)),
        ]
    )
