"""Plan before doing: what ``reencode`` would do with each video and why, and what that would cost and save.

Nothing is written: samples are encoded outside of the library and thrown away.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.catalogue.videos.listing import ORIGINALS, count_matching, every_video
from reelmill.catalogue.videos.naming import resolve_video
from reelmill.errors import FfmpegFailed, InputError, ReelmillError, Unreadable, UserError
from reelmill.ffmpeg.commands.filters import text_subtitles
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.web_ready import Verdict, web_facts
from reelmill.ffmpeg.reading.frames.telecine import with_telecine
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.ffmpeg.reading.track_bytes import bytes_beside
from reelmill.ffmpeg.remux.mending import fault_of, read_through, suspect
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.trials.encode_prediction import predict
from reelmill.ffmpeg.trials.subtitles import usable_subtitles, with_subtitles
from reelmill.operations.chunk_store.readable import briefly_readable
from reelmill.operations.context import Workbench
from reelmill.operations.publishing.records import find_by_recipe
from reelmill.operations.recipe import Recipe
from reelmill.operations.web_copies import copy_changes
from reelmill.operations.web_copies.ceiling import ceiling_notes, with_ceiling
from reelmill.operations.web_copies.result import copy_recipe
from reelmill.operations.web_copies.skip_or_remux import looked_at, of_our_making, remux_recipe
from reelmill.operations.web_copies.video_plan import Plan, VideoPlan, totals
from reelmill.report import NullReport, Report

_log: Final = logging.getLogger(__name__)


class MendedFirst(InputError):
    """A file may have to be mended before it can be planned, and no plan was wanted that takes this long."""


@dataclass(frozen=True)
class PlanOptions:
    """How the plan is made."""

    transcoder: Transcoder
    encoding: Encoding  # how videos would be encoded, its ``max_kbit`` the most that is wanted; 0: by the ladder
    samples: bool = True  # encode short samples to predict from; else what the headers say is all
    budget: float = 20.0  # seconds for the samples of one video, about
    force: bool = False  # encode what is web-ready, too
    mend: bool = True  # read a file through, and mend it for the time being, where the plan takes that


def plan_library(bench: Workbench, video_ids: Sequence[str] | None, options: PlanOptions) -> Plan:
    """What ``reencode`` would do with videos of the catalogue.

    Args:
        bench: what to work with.
        video_ids: which; None takes all that are not of our own making.
        options: how.

    Returns:
        The plan, a line for each video.

    Raises:
        UnknownVideo: there is no such video.
        NotMounted: the library is not there.
        MendedFirst: one may have to be mended, and ``options.mend`` is off.
    """
    found = list(each_plan(bench, video_ids, options))
    return Plan(videos=tuple(found), totals=totals(found), free=free_for_copies(bench))


def each_plan(bench: Workbench, video_ids: Sequence[str] | None, options: PlanOptions) -> Iterator[VideoPlan]:
    """What ``reencode`` would do with videos of the catalogue, one after the other: there may be a million.

    Args:
        bench: what to work with.
        video_ids: which; None takes all that are not of our own making.
        options: how.

    Yields:
        The plan of each; errors as of ``plan_library``.
    """
    bench.root.require()
    videos: Iterable[Video]
    with session() as opened:
        if video_ids is None:
            count, videos = count_matching(opened, ORIGINALS), every_video(ORIGINALS)
        else:
            videos = [resolve_video(opened, video_id, bench.root) for video_id in video_ids]
            count = len(videos)
    for number, video in enumerate(videos):
        bench.report.progress(min(1.0, number / max(1, count)), f"looking at {video.path}")
        yield _of_video(bench, video, options)
    bench.report.progress(1.0, "done")


def free_for_copies(bench: Workbench) -> int | None:
    """Bytes that copies may take on the library's disk; None where that is not known."""
    free = bench.disk.free()
    return None if free is None else max(0, free - bench.disk.reserve)


def plan_files(paths: Sequence[Path], options: PlanOptions, report: Report | None = None) -> Plan:
    """What ``reencode`` would do with files of no library; one that cannot be used is a line of the plan.

    Args:
        paths: which.
        options: how.
        report: where progress goes.

    Returns:
        The plan, a line for each file.
    """
    found = list(each_file_plan(paths, options, report))
    return Plan(videos=tuple(found), totals=totals(found))


def each_file_plan(paths: Sequence[Path], options: PlanOptions, report: Report | None = None) -> Iterator[VideoPlan]:
    """What would be done with files of no library, one after the other; the arguments are those of ``plan_files``."""
    for number, path in enumerate(paths):
        if report is not None:
            report.progress(number / len(paths), f"looking at {path}")
        yield _of_file(path, str(path), options)


def _of_video(bench: Workbench, video: Video, options: PlanOptions) -> VideoPlan:
    known = VideoPlan(
        path=video.path, video_id=video.id, action="skip", reasons=(), size=video.size, duration=video.duration
    )
    try:
        with session() as opened:
            searching.usable_video(opened, video.id)
        source = bench.source(video)
        content = bench.content(video)
    except (InputError, UserError, Unreadable, OSError) as error:
        return known.model_copy(update={"action": "cannot", "reasons": (str(error),)})
    reason = of_our_making(video) or _made_before(bench, copy_recipe(content, options.encoding))
    if reason is not None:
        return known.model_copy(update={"reasons": (reason,)})
    plan = _of_file(source, video.path, options).model_copy(update={"video_id": video.id})
    reason = _made_before(bench, remux_recipe(content)) if plan.action == "remux" else None
    return plan if reason is None else known.model_copy(update={"reasons": (reason,)})


def _made_before(bench: Workbench, key: Recipe) -> str | None:
    """That the copy is there already."""
    made = find_by_recipe(bench.root, key)
    return None if made is None else f"its copy was made before: {made.path}"


def _of_file(path: Path, name: str, options: PlanOptions) -> VideoPlan:
    """The plan of one file; whatever goes wrong with it is its reason, so that no file keeps others from their plan."""
    size = path.stat().st_size if path.is_file() else 0
    plan = VideoPlan(path=name, video_id=None, action="cannot", reasons=(), size=size)
    try:
        info = probe(path)
        plan = plan.model_copy(update={"duration": None if info.duration is None else float(info.duration)})
        if not options.mend:
            _require_no_mending(path, info, name)
        with briefly_readable(options.transcoder, path, info) as (path, info, fault):
            found = _looked_into(path, info, options, PurePath(name).name)
            plan = plan.model_copy(update={"duration": None if info.duration is None else float(info.duration)})
        reasons = (*found["reasons"], *([f"{fault}, so that a mended copy is read"] if fault else []))
        return plan.model_copy(update={**found, "reasons": reasons})
    except MendedFirst:
        raise
    except FfmpegFailed as error:
        reason = f"a sample of it could not be encoded: {error}"
    except ReelmillError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - the loop over all files ends for none of them
        _log.warning("cannot plan %s", name, exc_info=True)
        reason = f"it could not be looked into ({type(error).__name__}: {error})"
    return plan.model_copy(update={"reasons": (reason,)})


def _require_no_mending(path: Path, info: MediaInfo, name: str) -> None:
    if read_through(info) or (suspect(info) and fault_of(path, info) is not None):
        raise MendedFirst(f"{name} may have to be mended first, which the job does; it is not predicted before that.")


def _looked_into(path: Path, info: MediaInfo, options: PlanOptions, name: str) -> dict[str, Any]:
    """What is to be done with a file, as fields of its plan."""
    found = looked_at(path, info, options.encoding, name=name, decode=options.samples)
    if options.force and found.action in ("skip", "remux"):
        found = Verdict("encode", (f"it is asked for, though {found.why}",))
    if found.action not in ("encode", "remux"):
        return {"action": found.action, "reasons": found.reasons}
    prediction, encoded, notes = None, found.action == "encode", tuple[str, ...]()
    info = with_telecine(path, _with_its_subtitles(path, info, options))
    if encoded:
        facts = web_facts(path)
        encoding, notes = with_ceiling(options.encoding, info, facts), ceiling_notes(options.encoding, info, facts)
        options.transcoder.require_tone_mapping(info)
        if options.samples:
            prediction = predict(options.transcoder, path, info, encoding, budget=options.budget)
    return {
        "action": found.action,
        "reasons": found.reasons,
        "prediction": prediction,
        "left_out": copy_changes.left_out(info),
        "changed": (*copy_changes.changed(info, options.encoding if encoded else None), *notes),
        "dropped": 0 if encoded else _dropped(path, info, options),
    }


def _with_its_subtitles(path: Path, info: MediaInfo, options: PlanOptions) -> MediaInfo:
    """The facts as the job has them: which subtitles an mp4 can hold is tried; without samples it is believed."""
    if not options.samples or not info.subtitle_codecs:
        return with_subtitles(info, set(text_subtitles(info)))
    with tempfile.TemporaryDirectory() as folder:
        return usable_subtitles(options.transcoder, path, info, Path(folder), NullReport())


def _dropped(path: Path, info: MediaInfo, options: PlanOptions) -> int | None:
    """The bytes of what a remux leaves out, for which the file is read; without samples it is not."""
    if not copy_changes.left_out(info):
        return 0
    return bytes_beside(path, info, text_subtitles(info)) if options.samples else None
