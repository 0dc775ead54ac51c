"""What ``reencode`` does for a video that needs no encode: nothing, or its streams go into an mp4 as they are."""

from __future__ import annotations

import time
from pathlib import Path, PurePosixPath

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video, utc_now
from reelmill.errors import OutputRejected
from reelmill.ffmpeg import build
from reelmill.ffmpeg.cost import Cost, cost_of
from reelmill.ffmpeg.decode import check_windows
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.verify import Expectation, Source
from reelmill.ffmpeg.web import Verdict, verdict, web_facts
from reelmill.layout import PLAYBACK
from reelmill.operations.publish import Product, existing, publish
from reelmill.operations.reencode import Making, ReencodeResult
from reelmill.operations.validate import fault
from reelmill.operations.workbench import Workbench, fingerprint, open_video, recipe
from reelmill.operations.workspace import workspace
from reelmill.report import Part

#: What stands for the encoder where none was used.
COPIED = "copy"


def of_our_making(video: Video) -> str | None:
    """Why a video is never re-encoded, whatever it looks like: it is a copy already (pure); None for any other."""
    made = video.source_video_id is not None or video.recipe is not None or video.made_by is not None
    if video.directory_type != PLAYBACK or not made:
        return None
    return f"{video.path} is a copy that Reelmill made; re-encode what it was made from"


def remux_recipe(video: Video, source: Path) -> str:
    """The recipe of a video's streams in another container."""
    return recipe("remux", [fingerprint(video, source)])


def looked_at(path: Path, info: MediaInfo, max_kbit: int, *, decode: bool = True) -> Verdict:
    """The verdict on a file; one that would be left as it is has to decode at its start, middle and end.

    Args:
        path: the file.
        info: its facts.
        max_kbit: the most its pictures should take, kbit/s.
        decode: look into what would be left as it is.

    Raises:
        InputError: it does not open.
    """
    found = verdict(info, web_facts(path), max_kbit)
    if decode and found.action != "encode":
        trouble = fault(path.name, info, check_windows(path, info.duration))
        if trouble is not None:
            return Verdict("cannot", (trouble,))
    return found


def without_encoding(
    bench: Workbench, video_id: str, *, target_bitrate: int, force: bool = False
) -> ReencodeResult | None:
    """Spare a video the encode it does not need; None where it needs one, or is damaged, which the encode will tell.

    Args:
        bench: what to work with.
        video_id: which video.
        target_bitrate: the most its pictures should take, kbit/s.
        force: encode whatever is no copy already.

    Raises:
        UnknownVideo, InputError: the video cannot be used.
        FfmpegFailed, Stalled, DiskFull: its streams could not be copied; nothing was published.
    """
    started = time.monotonic()
    opened = open_video(bench, video_id)
    copy = of_our_making(opened.video)
    if copy is not None:
        return _skipped(bench, opened.video, copy, started)
    if force:
        return None
    found = looked_at(opened.path, opened.info, target_bitrate)
    if found.action == "skip":
        return _skipped(bench, opened.video, found.why, started)
    if found.action != "remux":
        return None
    bench.report.line(f"{opened.video.path} is not encoded: {found.why}")
    try:
        return _remuxed(bench, opened.video, opened.path, opened.info, started)
    except OutputRejected as error:
        bench.report.line(f"in another container its streams do not play well ({error}); it is encoded instead")
        return None


def _skipped(bench: Workbench, video: Video, why: str, started: float) -> ReencodeResult:
    bench.report.line(f"nothing is made of {video.path}: {why}")
    bench.report.progress(1.0, "done")
    return _result(video, video, started, reused=False, cost=None).model_copy(update={"skipped": why})


def _remuxed(bench: Workbench, video: Video, source: Path, info: MediaInfo, started: float) -> ReencodeResult:
    key = remux_recipe(video, source)
    with workspace(bench.root, key, bench.report) as folder:
        made = existing(bench, key)
        reused = made is not None
        if made is None:
            bench.disk.require(info.size)
            made = _make(bench, video, source, info, folder / "output.mp4", key)
    with session() as opened:
        video = queries.get_video(opened, video.id)
        video.reencode_job_id, video.updated_at = bench.run_id or made.made_by, utc_now()
        opened.add(video)
    bench.report.line(f"output: {made.path}, {made.size} bytes")
    bench.report.progress(1.0, "done")
    return _result(video, made, started, reused=reused, cost=Making.model_validate(made.details).cost)


def _make(bench: Workbench, video: Video, source: Path, info: MediaInfo, staged: Path, key: str) -> Video:
    arguments = build.remux(source, info, staged)
    finished = bench.transcoder.metered(arguments, COPIED, Part(bench.report, 0.0, 0.8), info.duration)
    size = staged.stat().st_size if staged.exists() else None  # where it does not, ``publish`` says so
    cost = cost_of(finished, finished.energy, finished.last.out_time, bytes_in=video.size, bytes_out=size)
    product = Product(
        path=f"{PLAYBACK}/{PurePosixPath(video.filename).stem}.mp4",
        recipe=key,
        expected=Expectation(
            size=(info.video.width, info.video.height),
            audio_tracks=info.audio_tracks,
            source=Source(source, info),
        ),
        title=video.title,
        source_video_id=video.id,
        details=Making(encoder=COPIED, cost=cost).model_dump(mode="json"),
    )
    return publish(bench, staged, product)


def _result(video: Video, made: Video, started: float, *, reused: bool, cost: Cost | None) -> ReencodeResult:
    spent = None if reused else cost
    return ReencodeResult(
        video_id=made.id,
        path=made.path,
        source=video.path,
        encoder=COPIED,
        reused=reused,
        duration=made.duration or 0.0,
        seconds=time.monotonic() - started,
        speed=spent.speed if spent else 0.0,
        cpu_seconds=spent.cpu_seconds if spent else 0.0,
        source_size=video.size,
        chunks=0,
        chunks_reused=0,
        frames_encoded=0,
        size=made.size,
        cost=cost,
    )
