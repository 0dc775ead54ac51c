"""How loud each channel of an audio track is from moment to moment."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.audio.audio_samples import Samples, samples_of
from reelmill.ffmpeg.reading.tracks import by_position

#: Seconds of a step.
STEP: Final = Fraction(1, 10)
#: Name of a channel whose place is not known, and what ffmpeg takes one or two such for.
UNKNOWN: Final = "NONE"
_USUAL: Final = {1: ("mono", ("FC",)), 2: ("stereo", ("FL", "FR"))}
#: Seconds of a frame that is not shared out among steps.
_SHORT: Final = 0.03
#: A sample so large, of full scale, is clipped, or will be where it is played.
_FULL: Final = 0.99
_MEASURES: Final = 3


@dataclass(frozen=True)
class Levels:
    """Power (mean square, 1.0 being full scale) of each channel of a track, step by step on its file's clock."""

    layout: str  # as ffmpeg names it
    channels: tuple[str, ...]  # such as FL, FR
    first: int  # number of the first step, counted from the clock's zero
    powers: tuple[array[float], ...]  # of each channel
    trebles: tuple[array[float], ...] = ()  # power of the difference from sample to sample; none where not measured
    clipped: tuple[array[float], ...] = ()  # share of samples that are at full scale or over it; the same

    @property
    def begin(self) -> float:
        """Seconds on the file's clock."""
        return self.first * float(STEP)

    @property
    def end(self) -> float:
        """The same."""
        return self.begin + len(self.powers[0]) * float(STEP)

    def at(self, begin: float, steps: int) -> NDArray[np.float64]:
        """The powers of ``steps`` steps from the one nearest to ``begin`` seconds on, one row a channel; 0 outside."""
        return self._rows(self.powers, begin, steps)

    def trebles_at(self, begin: float, steps: int) -> NDArray[np.float64]:
        """The same of the powers of differences."""
        return self._rows(self.trebles, begin, steps)

    def clipped_at(self, begin: float, steps: int) -> NDArray[np.float64]:
        """The same of the shares of clipped samples."""
        return self._rows(self.clipped, begin, steps)

    def _rows(self, curves: tuple[array[float], ...], begin: float, steps: int) -> NDArray[np.float64]:
        offset = round(begin / float(STEP)) - self.first
        found = np.zeros((len(self.powers), steps))
        for row, curve in zip(found, curves, strict=False):
            low, high = max(0, offset), min(len(curve), offset + steps)
            row[low - offset : max(low, high) - offset] = curve[low : max(low, high)]
        return found


def known(layout: AudioLayout) -> tuple[str, tuple[str, ...]]:
    """The name of a layout and those of its channels; one or two without names are mono and stereo."""
    names = tuple(channel.name for channel in layout.channels)
    if UNKNOWN in names and len(names) in _USUAL:
        return _USUAL[len(names)]
    return layout.name, names


def _relabelled(frame: AudioFrame) -> AudioFrame:
    """A frame with channels that can be mixed, named as encoders are given them."""
    if (position := by_position(frame.layout.name)) is None:
        return frame
    layout, channels = position
    plain = AudioFrame.from_ndarray(np.ascontiguousarray(samples_of(frame)[:channels]), "fltp", layout)
    plain.sample_rate = frame.sample_rate
    return plain


class LevelMeter:
    """Levels of one track while it is decoded.

    Args:
        layout: what its channels are mixed to; None: as they are.
    """

    def __init__(self, layout: str | None = None):
        self._layout, self._names = layout, tuple[str, ...]()
        self._mixer: AudioResampler | None = None
        self._form = ("", "", 0)  # of the frames the mixer takes
        self._latest, self._known = (
            "",
            ("", tuple[str, ...]()),
        )  # the layout of the latest frame, and what it is known as
        self._first = 0
        # Sums of squares, of squares of differences, and of clipped samples: a channel, a step.
        self._sums: NDArray[np.float64] | None = None
        self._counts = np.zeros(0)

    def add(self, frame: AudioFrame, begin: float) -> None:
        """Add a frame whose first sample is heard at ``begin`` seconds."""
        if frame.layout.name != self._latest:
            self._latest = frame.layout.name
            self._known = known(frame.layout)
        layout, channels = self._known
        self._layout = self._layout or layout
        if layout == self._layout:
            self._add(samples_of(frame), frame.sample_rate, begin, channels)
            return
        frame = _relabelled(frame)
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if self._mixer is None or form != self._form:
            self._form, self._mixer = form, AudioResampler(format="fltp", layout=self._layout)
        frame.pts = None
        for mixed in self._mixer.resample(frame):
            self._add(samples_of(mixed), mixed.sample_rate, begin, known(mixed.layout)[1])

    def _add(self, samples: Samples, rate: int, begin: float, channels: tuple[str, ...]) -> None:
        step, count = float(STEP), samples.shape[1]
        if not count:
            return
        low, high = int(begin // step), int((begin + (count - 1) / rate) // step)
        if self._sums is None:
            self._first, self._sums = low, np.zeros((_MEASURES, len(samples), 64))
            self._counts, self._names = np.zeros(64), channels
        if low < self._first or len(samples) != self._sums.shape[1]:
            return  # before what has been heard first: no player shows it
        self._reserve(high - self._first + 1)
        if count < _SHORT * rate:  # so short that it may count for one step: the one beside it is as good
            place = int((begin + count / rate / 2) // step) - self._first
            slopes = samples[:, 1:] - samples[:, :-1]
            self._sums[0, :, place] += np.einsum("ij,ij->i", samples, samples)
            self._sums[1, :, place] += np.einsum("ij,ij->i", slopes, slopes)
            if max(samples.max(), -samples.min()) >= _FULL:
                self._sums[2, :, place] += (np.abs(samples) >= _FULL).sum(axis=1)
            self._counts[place] += count
            return
        inner = np.arange(low + 1, high + 1) * step
        edges = np.concatenate([[0], np.ceil((inner - begin) * rate).astype(int)]).clip(0, count - 1)
        places = slice(low - self._first, high - self._first + 1)
        wide = samples.astype(np.float64)
        measures = np.stack([wide**2, np.diff(wide, axis=1, prepend=wide[:, :1]) ** 2, np.abs(wide) >= _FULL])
        self._sums[:, :, places] += np.add.reduceat(measures, edges, axis=2)
        self._counts[places] += np.diff(edges, append=count)

    def _reserve(self, steps: int) -> None:
        assert self._sums is not None
        if steps > len(self._counts):
            more = max(steps, 2 * len(self._counts)) - len(self._counts)
            self._sums = np.pad(self._sums, ((0, 0), (0, 0), (0, more)))
            self._counts = np.pad(self._counts, (0, more))

    def levels(self) -> Levels | None:
        """The levels of all that was heard; None where nothing was."""
        if self._sums is None or self._layout is None:
            return None
        last = int(np.flatnonzero(self._counts)[-1]) + 1
        means = self._sums[:, :, :last] / np.maximum(1, self._counts[:last])
        curves = (tuple(array("f", row) for row in measure) for measure in means)
        return Levels(self._layout, self._names, self._first, *curves)
