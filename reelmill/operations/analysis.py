"""What is known of a video's content: found once, over many cores or machines, and kept in the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

from reelmill.analysis import transitions
from reelmill.analysis.ranges import Range, Spread, ranges
from reelmill.analysis.signals import VERSION, Signals, join, measure, packed, unpacked
from reelmill.analysis.transitions import Transitions
from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Analysis, Video
from reelmill.errors import InputError
from reelmill.fan_out import FanOut, Found, threads
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.layout import MediaRoot
from reelmill.operations.travelling import Travelling
from reelmill.operations.workbench import Workbench

#: Which analysis made a result: the versions of what is measured and of what cuts are found by; part of its recipe.
ANALYSIS: Final = f"classical-{VERSION}.{transitions.VERSION}"
_SIGNALS: Final = "signals"
_TRANSITIONS: Final = "transitions"


def signals_of(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, fan_out: FanOut = threads
) -> tuple[Signals, Fraction]:
    """The signals of a video, and how many seconds of it there really are; a container may promise more.

    Args:
        bench: what to work with.
        video: its record.
        source: its file.
        info: the file's facts.
        fan_out: runs the analysis of each range, here or elsewhere.

    Raises:
        InputError: it does not say how long it is, or shows nothing.
    """
    duration = info.video.duration or info.duration
    if not duration or duration <= 0:
        raise InputError(f"{source.name} does not say how long it is; re-encode it first.")
    stored = _stored(video, source, _SIGNALS, VERSION)
    if stored is not None:
        bench.report.line("its signals were found before")
        signals = unpacked(stored)
    else:
        split = ranges(source, duration)
        bench.report.line(f"analysing {float(duration):.1f} s in {len(split)} ranges")
        signals = join(_anywhere(bench, video, fan_out)(measure, split))
        _keep(video, source, _SIGNALS, VERSION, packed(signals))
    if not signals.shown.any():
        raise InputError(f"{source.name} shows nothing: no picture of it decodes.")
    if signals.content >= duration - 1:
        return signals, duration
    bench.report.line(f"it says {float(duration):.1f} s; nothing comes after {signals.content} s")
    return signals.until(signals.content), Fraction(signals.content)


def transitions_of(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, fan_out: FanOut = threads
) -> Transitions:
    """The cuts and fades of a video of the catalogue, found once; arguments and errors as ``transitions.find``'s."""
    stored = _stored(video, source, _TRANSITIONS, transitions.VERSION)
    if stored is not None:
        bench.report.line("its cuts were found before")
        return transitions.unpacked(stored)
    found = transitions.find(source, info, _anywhere(bench, video, fan_out))
    _keep(video, source, _TRANSITIONS, transitions.VERSION, transitions.packed(found))
    bench.report.line(f"{len(found.cuts)} cuts and {len(found.fades)} fades found")
    return found


def _anywhere(bench: Workbench, video: Video, fan_out: FanOut) -> Spread:
    """Spreads ranges of a video of the library over machines that may have the media root mounted elsewhere."""

    def spread(look: Callable[[Range], Found], parts: Sequence[Range]) -> list[Found]:
        travelling = [replace(part, path=video.path) for part in parts]
        return fan_out(Travelling(partial(_look, look), bench.root), travelling)

    return spread


def _look(look: Callable[[Range], Found], root: MediaRoot, part: Range) -> Found:
    return look(replace(part, path=str(root.resolve(part.path))))


def _stored(video: Video, source: Path, kind: str, version: str) -> bytes | None:
    """A result that still holds: of this algorithm, and of the file as it is now."""
    stat = source.stat()
    with session() as opened:
        found = opened.get(Analysis, (video.id, kind))
        if found is None or (found.version, found.size, found.mtime_ns) != (version, stat.st_size, stat.st_mtime_ns):
            return None
        return found.result


def _keep(video: Video, source: Path, kind: str, version: str, result: bytes) -> None:
    stat = source.stat()
    found = Analysis(
        video_id=video.id, kind=kind, version=version, size=stat.st_size, mtime_ns=stat.st_mtime_ns, result=result
    )
    with session() as opened:
        queries.keep_analysis(opened, found)
