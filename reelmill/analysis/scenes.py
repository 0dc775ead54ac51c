"""Where one scene ends and the next begins, from the signals of one sample a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from reelmill.analysis.signals import Signals


@dataclass(frozen=True)
class Scene:
    """Seconds ``first`` up to, not including, ``end``."""

    first: int
    end: int


class SceneDetector(Protocol):
    """An algorithm that splits a video into scenes."""

    def scenes(self, signals: Signals) -> list[Scene]:
        """Scenes that cover every second once, in order."""


@dataclass(frozen=True)
class AdaptiveChange:
    """A scene begins where a second differs from the one before far more than its neighbours do.

    Like PySceneDetect's adaptive detector, on one sample a second: the change must reach ``least`` and be ``ratio``
    times the median of the ``window`` seconds on either side, so that steady motion is no cut.
    """

    least: float = 0.16
    ratio: float = 1.8
    window: int = 3

    def scenes(self, signals: Signals) -> list[Scene]:
        """See ``SceneDetector``."""
        change = signals.change
        cuts = [0]
        for second in range(1, len(change)):
            around = np.concatenate(
                [change[max(1, second - self.window) : second], change[second + 1 : second + 1 + self.window]]
            )
            usual = float(np.median(around)) if around.size else 0.0
            if change[second] >= max(self.least, self.ratio * usual):
                cuts.append(second)
        return [Scene(first, end) for first, end in zip(cuts, [*cuts[1:], len(change)], strict=True) if end > first]


#: The detector in use.
DEFAULT: Final[SceneDetector] = AdaptiveChange()
