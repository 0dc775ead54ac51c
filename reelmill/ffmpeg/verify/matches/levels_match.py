"""Is the audio of a film that of its source? Judged by how loud each channel is, step by step (pure).

The thresholds follow from what AAC may spare; they refused none of the copies by x264 and AAC of 64 real clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.audio.audio_levels import STEP, UNKNOWN, Levels

Decibels = NDArray[np.float64]
Steps = NDArray[np.bool_]

#: Of full scale, in dB: quieter than this may be lost in coding.
_LOUD: Final = -45.0
#: Among channels, one so much quieter than the loudest is what coding may spare, in dB.
_BESIDE: Final = 25.0
#: So much quieter than the source is silence, in dB.
_GONE: Final = 30.0
#: Below this there is nothing but the noise of 16 bits, in dB.
_NOTHING: Final = -90.0
#: Steps of silence that are named: all channels together, and of one alone.
_SILENT_STEPS: Final = 4
_SILENT_CHANNEL_STEPS: Final = 10
#: A channel is dead where so much of what should be heard of it is silent.
_DEAD: Final = 0.9
#: Loud steps that are needed to speak of a level or of a dead channel.
_ENOUGH: Final = 5
#: How far the level may be off as a whole, in dB. Broadcast (-23 LUFS) and streaming (-14 LUFS) are 9 dB apart; what is
#: too quiet is often made much louder, and never the other way round.
_QUIETER: Final = 12.0
_LOUDER: Final = 30.0
#: Two channels can be distinguished in a step where they differ by this, in dB, and are still where half of it is left.
_APART: Final = 1.5
_SWAPPED_STEPS: Final = 10
_SWAPPED: Final = 0.85
#: How far that difference may be from what it was, in dB; what is below the floor counts as that.
_AS_MUCH: Final = 10.0
_FLOOR: Final = -60.0
#: And where one is so much higher than the other, in dB from sample to sample: an octave is 6.
_TONES_APART: Final = 3.0
#: What share of a step's samples may be at full scale, besides so many times that of the source: a master that is as
#: loud as can be has 0.002 to 0.01, coding adds as much again. A tone that is 12 dB too loud has 0.6.
_CLIPPED: Final = 0.03
_CLIPPED_TIMES: Final = 3.0
#: The level of a tone at full scale, and by how much what is over it is held down, in dB: AAC limits by itself.
_FULL_TONE: Final = -3.0
_HELD_DOWN: Final = 3.0
#: Low frequency effects lose all above 120 Hz in AAC.
_NOT_JUDGED: Final = ("LFE", "LFE2")

_NAMES: Final = {
    "FL": "left", "FR": "right", "FC": "centre", "BL": "back left", "BR": "back right", "SL": "left side",
    "SR": "right side", "BC": "back centre",
}  # fmt: skip


def level_faults(
    wanted: tuple[Levels, float], got: tuple[Levels, float], length: float, at: float, gain: float | None = 0.0
) -> Iterator[Finding]:
    """What is wrong with how loud a film's audio track is.

    Args:
        wanted: the source's levels, and the second of its clock from which on they are compared.
        got: the same of the film.
        length: how many seconds are compared.
        at: when that is in the film, in seconds, as people count.
        gain: by how many dB the film's was changed; None: by some.

    Yields:
        Each of them, of no track in particular.
    """
    steps = int(length / float(STEP))
    if steps < 1:
        return
    powers = [levels.at(begin, steps) for levels, begin in (wanted, got)]
    names = _channels(wanted[0], got[0])
    was, now = (_decibels(power) for power in powers)
    tones = [
        _decibels(levels.trebles_at(begin, steps)) - level
        for (levels, begin), level in zip((wanted, got), (was, now), strict=True)
    ]
    together = [_decibels(power.sum(axis=0)[None])[0] for power in powers]
    least = _around(together[0][None], np.min)[0]
    loud = least > _LOUD
    quieter = -_GONE + min(0.0, gain or 0.0)
    silent = loud & (together[1] < least + quieter)
    if loud.sum() >= _ENOUGH and (loud & (together[1] < together[0] + quieter)).sum() >= _DEAD * loud.sum():
        yield from _all_gone(together[0][loud], together[1][loud])
        return
    crossed = [*_swapped(names, was, now, loud)] or [*_swapped_tones(names, (was, now), (tones[0], tones[1]))]
    if wrong := crossed or [*_dead_channels(names, was, now, loud)]:
        yield from wrong
        return
    for begin, end in _runs(silent, loud, _SILENT_STEPS):
        yield Finding(FindingKind.MUTED, at=at + begin, until=at + end)
    audible = loud & ~silent
    if audible.sum() >= _ENOUGH:
        yield from _level_fault(float(np.median((together[1] - together[0])[audible])), gain)
    full = [levels.clipped_at(begin, steps) for levels, begin in (wanted, got)]
    clipped = _clipped(full[0], full[1])
    if gain == 0:
        clipped |= _held_down(was, now, audible)
    if clipped.sum() >= _ENOUGH:
        yield Finding(FindingKind.CLIPPED, at=at + float(clipped.argmax()) * float(STEP))
    for name, heard, gone in _judged_channels(names, was, now, audible):
        for begin, end in _runs(gone, heard, _SILENT_CHANNEL_STEPS):
            yield Finding(FindingKind.MUTED_CHANNEL, channels=(name,), at=at + begin, until=at + end)


def _channels(wanted: Levels, got: Levels) -> tuple[str, ...]:
    """Their names where both have the same; which of the surround channels stand behind does not matter."""
    plain = [
        tuple(name.replace("S", "B") if name in ("SL", "SR") else name for name in one.channels)
        for one in (wanted, got)
    ]
    return got.channels if plain[0] == plain[1] and UNKNOWN not in got.channels else ()


def _all_gone(wanted: Decibels, got: Decibels) -> Iterator[Finding]:
    if float(np.median(got)) < _NOTHING:
        yield Finding(FindingKind.SILENT)
    else:
        yield Finding(FindingKind.QUIETER, got=float(np.median(got - wanted)), limit=_GONE)


def _level_fault(change: float, gain: float | None) -> Iterator[Finding]:
    off = change - (gain or 0.0)
    if off < -_QUIETER:
        yield Finding(FindingKind.QUIETER, got=off, limit=_QUIETER)
    elif off > _LOUDER:
        yield Finding(FindingKind.LOUDER, got=off, limit=_LOUDER)


def _judged_channels(
    names: tuple[str, ...], wanted: Decibels, got: Decibels, loud: Steps
) -> Iterator[tuple[str, Steps, Steps]]:
    """Each channel that is judged: its name, where it is heard in the source, and where the film lacks it there."""
    least = _around(wanted, np.min)
    heard = loud & (least > _LOUD) & (least > wanted.max(axis=0) - _BESIDE)
    gone = heard & (got < least - _GONE)
    for number, name in enumerate(names):
        if name not in _NOT_JUDGED:
            yield _named(name), heard[number], gone[number]


def _dead_channels(names: tuple[str, ...], wanted: Decibels, got: Decibels, loud: Steps) -> Iterator[Finding]:
    for name, heard, gone in _judged_channels(names, wanted, got, loud):
        if heard.sum() >= _ENOUGH and gone.sum() >= _DEAD * heard.sum():
            yield Finding(FindingKind.DEAD_CHANNEL, channels=(name,))


def _swapped(names: tuple[str, ...], wanted: Decibels, got: Decibels, loud: Steps) -> Iterator[Finding]:
    """Pairs of channels each of which is louder when the other should be, and by as much."""
    wanted, got = (np.maximum(levels, _FLOOR) for levels in (wanted, got))
    judged = [number for number, name in enumerate(names) if name not in _NOT_JUDGED]
    for one, other in combinations(judged, 2):
        apart, crosswise = wanted[one] - wanted[other], got[other] - got[one]
        clear = loud & (np.abs(apart) > _APART)
        crossed = clear & (np.sign(crosswise) == np.sign(apart)) & (np.abs(crosswise) > _APART / 2)
        crossed &= np.abs(crosswise - apart) < _AS_MUCH
        if clear.sum() >= _SWAPPED_STEPS and crossed.sum() >= _SWAPPED * clear.sum():
            yield Finding(FindingKind.SWAPPED_CHANNELS, channels=(_named(names[one]), _named(names[other])))


def _swapped_tones(
    names: tuple[str, ...], levels: tuple[Decibels, Decibels], tones: tuple[Decibels, Decibels]
) -> Iterator[Finding]:
    """The same by how high each is, where both are heard: channels that are as loud can be distinguished by that."""
    judged = [number for number, name in enumerate(names) if name not in _NOT_JUDGED]
    for one, other in combinations(judged, 2):
        heard = np.logical_and.reduce([level[number] > _LOUD for level in levels for number in (one, other)])
        apart, crosswise = (tone[one] - tone[other] for tone in tones)
        clear = heard & (np.abs(apart) > _TONES_APART)
        crossed = clear & (np.abs(apart + crosswise) < np.abs(apart) / 2)
        if clear.sum() >= _SWAPPED_STEPS and crossed.sum() >= _SWAPPED * clear.sum():
            yield Finding(FindingKind.SWAPPED_CHANNELS, channels=(_named(names[one]), _named(names[other])))


def _clipped(wanted: NDArray[Any], got: NDArray[Any]) -> Steps:
    """Steps in which much more of some channel is at full scale than of any of the source's."""
    allowed = _around(wanted.max(axis=0)[None], np.max)[0] * _CLIPPED_TIMES + _CLIPPED
    found: Steps = got.max(axis=0) > allowed
    return found


def _held_down(wanted: Decibels, got: Decibels, audible: Steps) -> Steps:
    """Steps that would be over full scale, had they become as much louder as the quiet ones have, and are not."""
    was, now = wanted.max(axis=0), got.max(axis=0)
    if audible.sum() < _ENOUGH:
        return np.zeros_like(audible)
    quiet = audible & (was <= np.quantile(was[audible], 1 / 3))
    louder = float(np.median((now - was)[quiet]))
    would_be = was + louder
    found: Steps = audible & (louder > _HELD_DOWN) & (would_be > _FULL_TONE) & (now < would_be - _HELD_DOWN)
    return found


def _named(channel: str) -> str:
    return _NAMES.get(channel, channel)


def _decibels(power: NDArray[Any]) -> Decibels:
    levels: Decibels = 10 * np.log10(power + 1e-12)
    return levels


def _around(levels: Decibels, of: Any) -> Decibels:
    """The least, or most, of each step and those beside it: the two clocks may be half a step apart."""
    padded = np.pad(levels, ((0, 0), (1, 1)), mode="edge")
    found: Decibels = of([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=0)
    return found


def _runs(gone: Steps, heard: Steps, least: int) -> Iterator[tuple[float, float]]:
    """Begin and end, in seconds, of each run of at least so many steps; pauses of the source do not end one."""
    for value, run in groupby(np.flatnonzero(heard).tolist(), key=gone.__getitem__):
        places = list(run)
        if value and len(places) >= least:
            yield places[0] * float(STEP), (places[-1] + 1) * float(STEP)
