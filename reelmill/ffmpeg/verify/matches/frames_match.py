"""Does a frame of a copy show what the source's shows? Judged by their rasters alone (pure).

The figures in the comments were measured on 659 pairs of frames of 64 real clips and their copies by x264 at CRF 23 and
at CRF 51, the worst that can be asked for, 12 moments a clip, with the smoothing between blocks left out on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.frames.raster import Planes, Raster
from reelmill.ffmpeg.verify.matches.detail_match import FLOOR, kept_detail
from reelmill.ffmpeg.verify.matches.matrix_match import WIDE, in_matrix_of, matrix_fault
from reelmill.ffmpeg.verify.matches.place_match import place_fault

#: Standard deviation of brightness from which on a frame can be distinguished from its negative or its mirror image.
#: Below, CRF 51 flattens what there is: correlation falls to 0.3 at 0.02 to 0.04; from here on its least is 0.85.
_CONTRAST: Final = 0.04
#: Least correlation of brightness of the same frame in two files: 0.99 at CRF 23, 0.85 at CRF 51.
_ALIKE: Final = 0.6
#: The same by rank, where high dynamic range was mapped to standard: 0.98 on the clips that have it.
_ALIKE_MAPPED: Final = 0.5
#: By how much turning must bring a frame nearer to the source's. A true copy is never nearer to its mirror image.
_NEARER: Final = 0.2
_NEGATIVE: Final = -0.5
#: A region of a frame no brighter than this is black. CRF 51 leaves black within 0.02.
_BLACK: Final = 0.03
#: And what stands out of black by so much is not.
_NOT_BLACK: Final = 0.1
#: A frame with less contrast is one plain colour, where the source's has ``_CONTRAST``: CRF 51 keeps half of it.
_PLAIN: Final = 0.008
#: Root mean square of the colour differences from which on a frame has colours, and from which on they can be compared.
_COLOUR: Final = 0.02
_COLOURS_CLEAR: Final = 0.04
#: How much of that a copy keeps at least: 0.95 at CRF 23, 0.62 at CRF 51; tone mapping gave 2.5 times as much.
_COLOURS_KEPT: Final = 0.3
#: Least likeness of colours (cosine): 0.97 at CRF 23, 0.79 at CRF 51, 0.93 where they were tone-mapped.
_SAME_COLOURS: Final = 0.4
#: How far brightness may be off as a whole: 0.006 at CRF 23, 0.13 at CRF 51.
_BRIGHTNESS: Final = 0.2
#: Contrast from which on levels can be compared, and how alike the frames must be otherwise.
_LEVELS: Final = (0.08, 0.97)
#: Slope and offset of brightness where full-range levels are shown as limited ones, or the other way round (ITU-T
#: H.273, 8.3), and how near they must be; a true copy has 0.99 to 1.01 and -0.008 to 0.008 at CRF 23.
_STRETCHED: Final = (255 / 219, -16 / 219)
_SQUEEZED: Final = (219 / 255, 16 / 255)
_NEAR: Final = (0.06, 0.03)
#: Where a copy is so much like its source (correlation of brightness), it is near in all else, too: brightness as a
#: whole, colours (cosine), and the least and most of their strength.
_CLOSE: Final = 0.97
_CLOSE_BRIGHTNESS: Final = 0.12
_CLOSE_COLOURS: Final = 0.9
_CLOSE_STRENGTH: Final = (0.65, 1.55)


@dataclass(frozen=True)
class Judge:
    """What may differ between a source and its copy."""

    mapped: bool = False  # from high dynamic range to standard: levels are no longer the source's
    floor: float = FLOOR  # the least detail that is kept; 0: any may be lost
    retimed: bool = False  # frames may be those beside the source's, which motion has shifted

    def fault(self, wanted: Raster, around: Sequence[Raster]) -> FindingKind | None:
        """What is wrong with a frame.

        Args:
            wanted: the source's.
            around: the copy's at that moment and those beside it; it is enough that one of them is right.

        Returns:
            The fault; None where there is none, or none can be known.
        """
        planes = wanted.planes
        found = None
        for got in sorted(around, key=lambda one: _distance(planes, one.planes)):
            fault = self._fault_of(wanted, got)
            if fault is None:
                return None
            found = found or fault
        return found

    def _fault_of(self, wanted: Raster, got: Raster) -> FindingKind | None:
        was, now = wanted.planes, in_matrix_of(wanted, got)
        if was[0].max() >= now[0].max() + _NOT_BLACK and now[0].max() <= _BLACK:
            return FindingKind.BLACK
        if float(was[0].std()) >= _CONTRAST and (found := self._shape_fault(wanted, got)):
            return found
        plain = not self.mapped and wanted.matrix not in WIDE
        close = plain and _correlation(was[0], now[0]) > _CLOSE
        if found := _colour_fault(was[1:], now[1:]):
            return found
        if not self.mapped and (found := _level_fault(was[0], now[0], close=close)):
            return found
        if plain and (found := matrix_fault(wanted, got)):
            return found
        if close and not (wanted.sparse or got.sparse) and not _close_colours(was[1:], now[1:]):
            return FindingKind.OTHER_COLOURS
        return FindingKind.COARSE if self._is_coarse(wanted, got) else None

    def _is_coarse(self, wanted: Raster, got: Raster) -> bool:
        one, other = wanted.fine, got.fine
        if self.mapped or not self.floor or one is None or other is None:
            return False
        return kept_detail(one, other) < self.floor

    def _shape_fault(self, source: Raster, copy: Raster) -> FindingKind | None:
        wanted, got = source.planes[0], copy.planes[0]
        if got.std() < _PLAIN:
            return FindingKind.PLAIN
        of = _ranks if self.mapped else np.asarray
        straight = _correlation(of(wanted), of(got))
        turned = {fault: _correlation(of(wanted), of(other)) for fault, other in _other_ways(got)}
        best = max(turned, key=lambda fault: turned[fault])
        if turned[best] > max(straight + _NEARER, _ALIKE):
            return best
        if straight < _NEGATIVE:
            return FindingKind.NEGATIVE
        still = not source.interlaced and not copy.interlaced
        if still and source.fine is not None and copy.fine is not None:
            found = place_fault(source.fine, copy.fine, retimed=self.retimed)
            if found is not None:
                return found
        return FindingKind.OTHER_FRAME if straight < (_ALIKE_MAPPED if self.mapped else _ALIKE) else None


def _colour_fault(wanted: Planes, got: Planes) -> FindingKind | None:
    strength, kept = _strength(wanted), _strength(got)
    if strength < _COLOUR:
        return None
    if kept < _COLOURS_KEPT * strength:
        return FindingKind.COLOURLESS
    same = float(np.mean(wanted * got)) / (strength * kept)
    return FindingKind.OTHER_COLOURS if strength >= _COLOURS_CLEAR and same < _SAME_COLOURS else None


def _close_colours(wanted: Planes, got: Planes) -> bool:
    """Whether colours are as near as brightness is."""
    strength, kept = _strength(wanted), _strength(got)
    if strength < _COLOURS_CLEAR:
        return True
    least, most = _CLOSE_STRENGTH
    same = float(np.mean(wanted * got)) / (strength * kept)
    return same >= _CLOSE_COLOURS and least * strength <= kept <= most * strength


def _strength(colours: Planes) -> float:
    return float(np.sqrt(np.mean(np.square(colours))))


def _level_fault(wanted: Planes, got: Planes, *, close: bool) -> FindingKind | None:
    contrast = float(wanted.std())
    alike = _correlation(wanted, got)
    if contrast >= _LEVELS[0] and alike >= _LEVELS[1]:
        slope = alike * float(got.std()) / contrast
        offset = float(got.mean()) - slope * float(wanted.mean())
        for fault, (its_slope, its_offset) in (
            (FindingKind.TOO_MUCH_CONTRAST, _STRETCHED),
            (FindingKind.TOO_LITTLE_CONTRAST, _SQUEEZED),
        ):
            if abs(slope - its_slope) < _NEAR[0] and abs(offset - its_offset) < _NEAR[1]:
                return fault
    off = float(got.mean() - wanted.mean())
    if abs(off) > (_CLOSE_BRIGHTNESS if close else _BRIGHTNESS):
        return FindingKind.BRIGHTER if off > 0 else FindingKind.DARKER
    return None


def _other_ways(got: Planes) -> list[tuple[FindingKind, Planes]]:
    return [
        (FindingKind.UPSIDE_DOWN, got[::-1]),
        (FindingKind.MIRRORED, got[:, ::-1]),
        (FindingKind.TURNED, got[::-1, ::-1]),
        (FindingKind.QUARTER_TURNED, got.T[::-1]),
        (FindingKind.QUARTER_TURNED, got.T[:, ::-1]),
    ]


def least_distance(wanted: Raster, around: Sequence[Raster]) -> float:
    """How far a frame is from the nearest of some of a copy: mean square of what its raster is off."""
    return min(_distance(wanted.planes, in_matrix_of(wanted, got)) for got in around)


def _distance(wanted: Planes, got: Planes) -> float:
    return float(np.mean(np.square(wanted - got)))


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Pearson's; 0 where one of the two is flat."""
    one, other = one - one.mean(), other - other.mean()
    power = float(np.sqrt(np.sum(one * one) * np.sum(other * other)))
    return float(np.sum(one * other)) / power if power > 1e-9 else 0.0


def _ranks(plane: Planes) -> NDArray[np.int_]:
    """Each cell's place by brightness: what a tone curve leaves as it is."""
    return np.argsort(np.argsort(plane, axis=None, kind="stable")).reshape(plane.shape)
