"""What ``reencode`` does for a video that needs no encode: nothing, or its streams go into an mp4 as they are."""

from __future__ import annotations

import sys
import time
from pathlib import Path, PurePosixPath

from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.errors import OutputRejected
from reelmill.ffmpeg.commands import web_copy
from reelmill.ffmpeg.encoding import WEB_FORM, Encoding
from reelmill.ffmpeg.planning.web_ready import Verdict, verdict, web_facts
from reelmill.ffmpeg.process.cost import Cost, cost_of, with_encoder
from reelmill.ffmpeg.reading.decode import check_windows
from reelmill.ffmpeg.reading.frames.frame_shapes import tabled_shapes_differ
from reelmill.ffmpeg.reading.packet_index import ShapesChange
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.trials.subtitles import usable_subtitles
from reelmill.ffmpeg.verify import Expectation, Source
from reelmill.ffmpeg.verify.damage import fault, incomplete
from reelmill.operations.chunk_store.readable import boxed_later, open_video
from reelmill.operations.context import Workbench
from reelmill.operations.file_facts import FileFacts
from reelmill.operations.once import attempt
from reelmill.operations.publishing.marking import mark
from reelmill.operations.publishing.preflight import Destination, require_place
from reelmill.operations.publishing.publish import Product, publish
from reelmill.operations.recipe import Recipe, SourceContent, recipe
from reelmill.operations.web_copies.ceiling import with_ceiling
from reelmill.operations.web_copies.result import COPIED, Making, ReencodeResult, link_copy, making
from reelmill.operations.web_copies.web_texts import place_texts
from reelmill.report import Share
from reelmill.storage.media_root import PLAYBACK


def of_our_making(video: Video) -> str | None:
    """Why a video is never re-encoded, whatever it looks like: it is a copy already (pure); None for any other."""
    made = video.source_video_id is not None or video.recipe is not None or video.made_by is not None
    if video.directory_type != PLAYBACK or not made:
        return None
    return f"{video.path} is a copy that Reelmill made; re-encode what it was made from"


def remux_recipe(content: SourceContent) -> Recipe:
    """The recipe of the streams, in another container, of a video (pure)."""
    return recipe("remux", [content], form=WEB_FORM)


def copy_path(video: Video) -> str:
    """Where the web copy of a video goes, relative to the media root (pure)."""
    return f"{PLAYBACK}/{PurePosixPath(video.filename).stem}.mp4"


def looked_at(path: Path, info: MediaInfo, encoding: Encoding, *, name: str, decode: bool = True) -> Verdict:
    """The verdict on a file; one whose streams would be left as they are has to decode at its start, middle and end.

    Damage costs players more than it costs a copy of the frames that decode, so what has some is encoded. Where there
    is no end, or no frame, no copy is made, as the job finds once it has tried.

    Args:
        path: the file.
        info: its facts.
        encoding: how it would be encoded.
        name: what people call it; ``path`` may be a mended copy.
        decode: look into what would be left as it is.

    Returns:
        What is to be done with it, and why.

    Raises:
        InputError: it does not open.
    """
    facts = web_facts(path)
    found = verdict(info, facts, with_ceiling(encoding, info, facts).max_kbit or 0, encoding.max_height)
    if not decode or found.action == "encode":
        return found
    report = check_windows(path, info.duration)
    trouble = fault(name, info, report)
    if trouble is None:
        return found
    if incomplete(info, report):
        return Verdict("cannot", (trouble,))
    return Verdict("encode", (f"it is damaged, though {found.why}", trouble))


def reason_to_encode(source: Path, info: MediaInfo, encoding: Encoding) -> str | None:
    """Why a video is encoded, as in its plan; arguments and errors as those of ``looked_at``.

    Returns:
        The first reason; None where its streams were to be copied, and how they play in an mp4 is why they are not.
    """
    found = looked_at(source, info, encoding, name=source.name)
    if found.action == "skip":
        return f"it is asked for, though {found.why}"
    return None if found.action == "remux" else found.reasons[0]


def without_encoding(
    bench: Workbench, video_id: str, *, target_bitrate: int, max_height: int | None = None, force: bool = False
) -> ReencodeResult | None:
    """Spare a video the encode it does not need.

    Args:
        bench: what to work with.
        video_id: which video.
        target_bitrate: the most its frames should take, kbit/s; 0: what the ladder gives them.
        max_height: of a copy; None: what the site has chosen.
        force: encode whatever is no copy already.

    Returns:
        What was done; None where it needs an encode, or is damaged, which the encode finds.

    Raises:
        UnknownVideo, InputError: the video cannot be used.
        FfmpegFailed, ProcessStalled, DiskFull: its streams could not be copied; nothing was published.
    """
    started = time.monotonic()
    opened = open_video(bench, video_id)
    copy = of_our_making(opened.video)
    if copy is not None:
        return _skipped(bench, opened.video, copy, started)
    if force:
        return None
    lines = bench.transcoder.options.max_height if max_height is None else max_height
    wanted = Encoding(max_kbit=target_bitrate, max_height=lines)
    found = looked_at(opened.path, opened.info, wanted, name=opened.video.filename)
    if found.action == "skip":
        return _skipped(bench, opened.video, found.why, started)
    if found.action != "remux":
        return None
    bench.report.line(f"{opened.video.path} is not encoded: {found.why}")
    try:
        return _remuxed(bench, opened.video, opened.path, opened.info, started)
    except ShapesChange as reason:
        boxed_later(bench, opened.video, bench.source(opened.video))
        bench.report.line(f"it is encoded instead: {reason}")
        return None
    except OutputRejected as error:
        bench.report.line(f"in another container its streams do not play well ({error}); it is encoded instead")
        return None


def _skipped(bench: Workbench, video: Video, why: str, started: float) -> ReencodeResult:
    bench.report.line(f"nothing is made of {video.path}: {why}")
    bench.report.progress(1.0, "done")
    return _result(video, video, started, reused=False, cost=None).model_copy(update={"skipped": why})


def _remuxed(bench: Workbench, video: Video, source: Path, info: MediaInfo, started: float) -> ReencodeResult:
    key = remux_recipe(bench.content(video))
    with attempt(bench, key) as turn:
        made, reused = turn.found, turn.found is not None
        if made is None:
            bench.disk.require(info.size)
            require_place(bench.root, turn.folder, Destination(copy_path(video)))
            made = _remux(bench, video, source, info, turn.folder / "output.mp4", key)
        place_texts(bench, made, turn.folder)
        video = link_copy(bench, video, made)
    bench.report.line(f"output: {made.path}, {made.size} bytes")
    bench.report.progress(1.0, "done")
    kept = Making.model_validate(made.details)
    result = _result(video, made, started, reused=reused, cost=kept.cost)
    return result.model_copy(update={"left_out": kept.left_out, "changed": kept.differences})


def _remux(bench: Workbench, video: Video, source: Path, info: MediaInfo, staged: Path, key: str) -> Video:
    info = usable_subtitles(bench.transcoder, source, info, staged.parent, bench.report)
    arguments = web_copy.remux(source, info, staged)
    finished = bench.transcoder.metered(arguments, COPIED, Share(bench.report, 0.0, 0.8), info.duration)
    if staged.exists() and tabled_shapes_differ(staged, most=sys.maxsize):
        raise ShapesChange
    mark(staged, key, video.id)
    size = staged.stat().st_size if staged.exists() else None  # where it does not, ``publish`` raises
    cost = cost_of(finished, finished.energy, finished.last.out_time, bytes_in=video.size, bytes_out=size)
    cost = with_encoder(cost, COPIED)
    product = Product(
        path=copy_path(video),
        recipe=key,
        expected=Expectation(
            size=(info.video.width, info.video.height),
            audio_tracks=info.audio_tracks,
            source=Source(source, info),
        ),
        title=video.title,
        sources=(SourceSegment.whole(video),),
        details=making(COPIED, cost, info, None).model_dump(mode="json"),
        cost=cost,
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
        before=FileFacts.of(video),
        after=FileFacts.of(made),
    )
