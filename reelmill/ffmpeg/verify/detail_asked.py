"""How much of a source's detail the settings of an encode ask for, and which loss of it they explain (pure).

Measured on 16 real clips by x264, the least of 12 moments each: 0.85 of the detail and more at CRF 30, 0.74 at CRF 36,
0.33 at CRF 42, nothing at CRF 51; 0.87 and more at 250 kbit/s. Scaling alone keeps 0.97 and more, in cells of 240 to
540 lines, up or down. What went through 80x46 pixels keeps 0.6 to 0.84, and more of clips that have little, which
pass. Where 1000 kbit/s are allowed its encode takes 0.1 to 0.6 of them, so that bits are not what it was short of; only
one of 1080 lines takes more.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Self

import numpy as np

from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.coded_bits import CodedBits
from reelmill.ffmpeg.verify.matches.detail_match import FLOOR

#: Least detail that is kept at a quality of x264's scale; in between, in between.
_QUALITIES: Final = (28, 32, 36, 42, 51)
_FLOORS: Final = (FLOOR, 0.75, 0.6, 0.2, 0.0)
#: An encoder that spends this share of the bits it may have is short of them.
_SPENT: Final = 0.5
#: What lost detail seems to be, and the share of noise from which on it may be that: a little takes the bits of all
#: else in its frame, and where there is nothing else, nothing of the frame is left.
LOSSES: Final = {FindingKind.COARSE: 0.05, FindingKind.OTHER_FRAME: 0.5, FindingKind.PLAIN: 0.5}
#: Noise is lost from about this quantiser of H.264 on, and with fewer bits a pixel. An encode is so much coarser than
#: its quality alone makes it, where it is short of nothing.
_COARSE: Final = 30.0
_FEW_BITS: Final = 1.0
_COARSER: Final = 8.0


@dataclass(frozen=True)
class DetailAsked:
    """How much detail an encode was asked to keep."""

    crf: int | None = None  # its quality on x264's scale; None: unknown
    kbit: int | None = None  # a second at most; None: as many as the quality takes, or unknown
    sparing: bool = False  # so little is asked for that frames may be late
    compared: bool = True  # else frames were made of fields, and other detail is no fault

    @classmethod
    def of(cls, encoding: Encoding, size: tuple[int, int], rate: Fraction | None, *, compared: bool = True) -> Self:
        """What an encode of frames of a size, at a rate, was asked for."""
        sparing = encoding.spares_detail(*size, float(rate or 25))
        return cls(encoding.crf, encoding.max_kbit, sparing, compared)

    @property
    def floor(self) -> float:
        """The least that is kept, as ``kept_detail`` measures it, unless bits were short."""
        if not self.compared:
            return 0.0
        return FLOOR if self.crf is None else float(np.interp(self.crf, _QUALITIES, _FLOORS))

    def explains(self, fault: FindingKind, spent: CodedBits, noise: float) -> bool:
        """Whether a frame's fault is no more than detail for which the bits that were asked for do not suffice.

        Args:
            fault: what seems wrong with it.
            spent: by the encoder, around it.
            noise: the share of noise in the source's frame.

        Returns:
            True where it is; what is otherwise wrong is never explained.
        """
        if fault is FindingKind.COARSE and self.kbit is not None and spent.kbit >= _SPENT * self.kbit:
            return True
        return fault in LOSSES and noise >= LOSSES[fault] and self._loses_noise(spent)

    def _loses_noise(self, spent: CodedBits) -> bool:
        if self.kbit is not None and spent.kbit >= _SPENT * self.kbit:
            return True
        if spent.quantiser is None:
            return spent.per_pixel < _FEW_BITS
        most = float("inf") if self.crf is None else self.crf + _COARSER
        return _COARSE <= spent.quantiser <= most


#: Of an encode of which nothing is known.
ANY_SETTINGS: Final = DetailAsked()
#: Of a GIF, whose 256 colours and their pattern take some: of 28 real clips at 480 pixels 26 keep 0.95 and more, one
#: 0.87, and a damaged one 0.82.
OF_GIF: Final = DetailAsked(crf=32)
#: Where frames are not the source's own.
NOT_COMPARED: Final = DetailAsked(compared=False)
