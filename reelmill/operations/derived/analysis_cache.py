"""What is known of a video's content: found once, over many cores or nodes, and kept in the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

from reelmill.analysis.frames.time_ranges import TimeRange, split_into_ranges
from reelmill.analysis.scenes import transitions
from reelmill.analysis.scenes.transitions import Transitions, TransitionSearch, search_ranges
from reelmill.analysis.scoring.signals import VERSION, Signals, join, measure, packed, unpacked
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import findings
from reelmill.catalogue.models import Analysis, Video
from reelmill.errors import InputError
from reelmill.ffmpeg.reading.held import held_seconds
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.operations.context import Workbench, local_media_root
from reelmill.operations.recipe import SourceContent
from reelmill.operations.remote_task import RemoteTask
from reelmill.parallel import FanOut, Result, in_threads
from reelmill.storage.file_state import FileState
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import Flaw
from reelmill.wording import in_seconds, plural

#: Which analysis made a result: the versions of what is measured and of what cuts are found by; part of its recipe.
ANALYSIS: Final = f"classical-{VERSION}.{transitions.VERSION}"
_SIGNALS: Final = "signals"


def signals_of(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, fan_out: FanOut = in_threads
) -> tuple[Signals, Fraction]:
    """The signals of a video, measured once.

    Args:
        bench: what to work with.
        video: its record.
        source: its file.
        info: the file's facts.
        fan_out: runs the analysis of each range, here or elsewhere.

    Returns:
        The signals, and how many seconds of video there really are; a container may promise more.

    Raises:
        InputError: it does not say how long it is, or shows nothing.
        ChangedMeanwhile: the file changed while it was read; nothing was kept.
    """
    duration = info.video.duration or info.duration
    if not duration or duration <= 0:
        reason = f"{video.filename} does not say how long it is; re-encode it first."
        raise InputError(reason, video.path, Flaw.NO_LENGTH)
    version = of_track(VERSION, info)
    known = stored(bench, video, source, _SIGNALS, version)
    if known is not None:
        bench.report.line("its signals were found before")
        signals = unpacked(known)
    else:
        state, content = FileState.of(source), bench.content(video, source, track=0)
        time_ranges = split_into_ranges(source, held_seconds(source, duration))
        bench.report.line(f"analysing {in_seconds(float(duration))} in {plural(len(time_ranges), 'time range')}")
        signals = join(_analysed(bench, source, measure, time_ranges, fan_out))
        state.require(source, video.path)
        store(video, content, _SIGNALS, version, packed(signals))
    if not signals.shown.any():
        raise InputError(f"{video.filename} shows nothing: no frame of it decodes.", video.path, Flaw.NO_FRAMES)
    if signals.content >= duration - 1:
        return signals, duration
    bench.report.line(f"it says {float(duration):.1f} s; nothing comes after {signals.content} s")
    return signals.until(signals.content), Fraction(signals.content)


def transitions_of(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, fan_out: FanOut = in_threads
) -> Transitions:
    """The cuts and fades of a video of the catalogue, found once; arguments and errors as ``find_transitions``'s."""
    version = of_track(transitions.VERSION, info)
    known = stored(bench, video, source, findings.TRANSITIONS, version)
    if known is not None:
        bench.report.line("its cuts were found before")
        return transitions.unpacked(known)
    state, content = FileState.of(source), bench.content(video, source, track=0)
    search, time_ranges = TransitionSearch(info.video.frame_rate), search_ranges(source, info)
    found = transitions.join(_analysed(bench, source, search, time_ranges, fan_out))
    state.require(source, video.path)
    store(video, content, findings.TRANSITIONS, version, transitions.packed(found))
    bench.report.line(f"{plural(len(found.cuts), 'cut')} and {plural(len(found.fades), 'fade')} found")
    return found


def _analysed(
    bench: Workbench,
    source: Path,
    analyse: Callable[[TimeRange], Result],
    time_ranges: Sequence[TimeRange],
    fan_out: FanOut,
) -> list[Result]:
    """The results of ranges of a video of the library; other nodes may have the media root mounted elsewhere."""
    works = [replace(time_range, path=bench.root.relative(source)) for time_range in time_ranges]
    return fan_out(RemoteTask(partial(_analyse, analyse), bench.root, local_media_root), works)


def _analyse(analyse: Callable[[TimeRange], Result], root: MediaRoot, time_range: TimeRange) -> Result:
    return analyse(replace(time_range, path=str(root.path / time_range.path)))


def of_track(version: str, info: MediaInfo) -> str:
    """The version of an algorithm, with the track it looks at where that is not the file's first (pure)."""
    number = info.video.number
    return f"{version}, track {number}" if number else version


def stored(bench: Workbench, video: Video, source: Path, kind: str, version: str) -> bytes | None:
    """A result that still holds: of this algorithm, and of what the file holds now, be it by another name."""
    content = bench.content(video, source, track=0)
    dates = content.size, content.mtime_ns
    with session() as opened:
        found = findings.analysis_of(opened, video.id, content.file_id, dates, kind, version)
        return None if found is None else found.result


def store(video: Video, content: SourceContent, kind: str, version: str, result: bytes) -> None:
    """Write a result down for ``stored``: that of what the file held before and after it was read."""
    found = Analysis(
        video_id=video.id,
        kind=kind,
        version=version,
        content_id=content.file_id,
        size=content.size,
        mtime_ns=content.mtime_ns,
        result=result,
    )
    with session() as opened:
        findings.store_analysis(opened, found)
