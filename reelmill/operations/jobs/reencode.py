"""Re-encode: an H.264 and AAC copy for the web in ``playback/``, linked to its source."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal, TypedDict

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.errors import ChangedMeanwhile, DamagedVideo, OutputRejected, WrongParameter
from reelmill.ffmpeg.commands.web_audio import surround_tracks
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.planning.chunk_plan import CHUNK_SECONDS
from reelmill.ffmpeg.planning.ladder import LEAST
from reelmill.ffmpeg.planning.web_ready import web_facts
from reelmill.ffmpeg.process.cost import Cost, cost_of, with_encoder, with_vmaf
from reelmill.ffmpeg.reading.audio.audio_jitter import with_jitter
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.frames.telecine import with_telecine
from reelmill.ffmpeg.reading.packet_index import ShapesChange
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.ffmpeg.remux.mending import read_for_faults
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.trials.subtitles import usable_subtitles
from reelmill.ffmpeg.trials.vmaf import require_vmaf, vmaf
from reelmill.ffmpeg.verify import DetailAsked, Expectation, Source
from reelmill.ffmpeg.verify.damage import fault
from reelmill.hardware.backends import EncoderChoice
from reelmill.operations.chunk_store.job_claim import JobClaim
from reelmill.operations.chunk_store.readable import boxed_later, readable
from reelmill.operations.chunk_store.source_with_companions import SourceReader
from reelmill.operations.context import Workbench
from reelmill.operations.file_facts import FileFacts
from reelmill.operations.once import attempt
from reelmill.operations.publishing.marking import mark
from reelmill.operations.publishing.parallel_verify import ParallelDecoder
from reelmill.operations.publishing.preflight import Destination, require_place
from reelmill.operations.publishing.publish import Product, publish
from reelmill.operations.publishing.records import note_cost
from reelmill.operations.web_copies.ceiling import ceiling_notes, with_ceiling
from reelmill.operations.web_copies.result import Making, ReencodeResult, as_made, copy_recipe, link_copy, making
from reelmill.operations.web_copies.skip_or_remux import copy_path, reason_to_encode
from reelmill.operations.web_copies.web_copy import StagedCopy, WebCopy
from reelmill.operations.web_copies.web_texts import place_texts
from reelmill.parallel import FanOut, in_threads
from reelmill.queue.job_type import JobType
from reelmill.report import Share
from reelmill.storage.media_root import PLAYBACK

JOB_TYPE: Final = JobType(folder=PLAYBACK)

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]

#: Chunks that are decoded in one go: enough to outweigh starting, few enough to spread over many nodes.
_CHUNKS_AT_ONCE: Final = 2


class CopyWishes(TypedDict, total=False):
    """How a web copy is wanted, by the words of ``reencode``."""

    target_bitrate: int
    preset: Preset
    crf: int
    encoder: EncoderChoice
    max_height: int | None
    surround: bool


def web_encoding(
    transcoder: Transcoder,
    *,
    target_bitrate: int,
    preset: Preset = "medium",
    crf: int = 23,
    encoder: EncoderChoice = "auto",
    max_height: int | None = None,
    surround: bool = False,
) -> Encoding:
    """How a web copy is encoded here, by the words of ``reencode``.

    Returns:
        The encoding.

    Raises:
        WrongParameter: the bit rate is neither the ladder's nor one that shows anything.
        CapabilityError: the encoder cannot be used here.
    """
    if 0 < target_bitrate < LEAST:
        reason = f"target_bitrate is {target_bitrate} kbit/s; give at least {LEAST}, or 0 for what its size is worth."
        raise WrongParameter(reason, "target_bitrate", target_bitrate)
    return Encoding(
        encoder=transcoder.choose_encoder(encoder),
        encoder_asked=encoder != "auto",
        preset=preset,
        crf=crf,
        max_kbit=target_bitrate,
        threads=transcoder.options.threads,
        max_height=transcoder.options.max_height if max_height is None else max_height,
        surround=surround,
    )


def reencode(
    bench: Workbench,
    video_id: str,
    *,
    target_bitrate: int = 2000,
    preset: Preset = "medium",
    crf: int = 23,
    encoder: EncoderChoice = "auto",
    max_height: int | None = None,
    surround: bool = False,
    measure_vmaf: bool = False,
    chunk_seconds: float = float(CHUNK_SECONDS),
    fan_out: FanOut = in_threads,
    decode_fan_out: FanOut = in_threads,
) -> ReencodeResult:
    """Make the web copy of a video; the same video with the same settings is made once.

    Args:
        bench: what to work with.
        video_id: which video.
        target_bitrate: ceiling of the video track's bit rate, kbit/s; 0: what the ladder gives its size and rate.
        preset: x264's name for how hard to try.
        crf: x264's constant rate factor, 0 to 51; lower is better and larger.
        encoder: ``x264``, ``nvenc``, or ``auto``.
        max_height: the most lines, see ``web_size``; 0: the source's size, None: what the site has chosen.
        surround: keep more than two channels, too, in a further track.
        measure_vmaf: compare the copy with its source, which takes about as long again.
        chunk_seconds: about how long the chunks are that are encoded side by side.
        fan_out: runs the encode of each chunk, here or elsewhere.
        decode_fan_out: runs the decoding of each time range of the finished copy, here or elsewhere.

    Returns:
        The copy, made now or found made, and what it cost.

    Raises:
        UnknownVideo, InputError: the source cannot be used.
        CapabilityError, GpuBusy: the encoder or libvmaf cannot be used here, or not now.
        FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: the encode went wrong; nothing was published.
    """
    started = time.monotonic()
    with session() as opened:
        video = searching.usable_video(opened, video_id, bench.root)
    source = bench.source(video)
    bench.report.line(f"input: {video.path}, {video.size} bytes")
    info = probe(source)
    asked = web_encoding(
        bench.transcoder,
        target_bitrate=target_bitrate,
        preset=preset,
        crf=crf,
        encoder=encoder,
        max_height=max_height,
        surround=surround,
    )
    because = reason_to_encode(source, info, asked)
    _require_filters(bench.transcoder, info, measure_vmaf)
    key = copy_recipe(content := bench.content(video, source, info.video.number), asked)
    encoding = _with_ceiling(bench, source, info, asked)
    finished: StagedCopy | None = None
    with attempt(bench, key) as turn:
        folder, made = turn.folder, turn.found
        reader = SourceReader(bench, video, JobClaim(bench, key))
        if made is None or measure_vmaf:
            source, info = readable(bench, video, source, read_for_faults if made else reader.read_packets)
            info = with_telecine(source, info)
        if made is None:
            require_place(bench.root, folder, Destination(copy_path(video)))
            copy = WebCopy(
                bench, video, source, info, encoding, asked, content, key, folder, bench.report, fan_out,
                Fraction(chunk_seconds),
            )  # fmt: skip
            decode = ParallelDecoder(bench.root, decode_fan_out, _CHUNKS_AT_ONCE * copy.chunk_seconds)
            made, finished = _made_of_one_shape(copy, reader, measure_vmaf, decode)
        elif measure_vmaf:
            made = _measured(bench, made, source, info, folder, web_size(info, asked.max_height))
        place_texts(bench, made, folder)
        video = link_copy(bench, video, made)
    result = _result(bench, video, made, finished, encoding, time.monotonic() - started)
    return result.model_copy(update={"because": because})


def _require_filters(transcoder: Transcoder, info: MediaInfo, measure_vmaf: bool) -> None:
    transcoder.require_tone_mapping(info)
    if measure_vmaf:
        require_vmaf(transcoder)


def _with_ceiling(bench: Workbench, source: Path, info: MediaInfo, asked: Encoding) -> Encoding:
    facts = web_facts(source)
    for note in ceiling_notes(asked, info, facts):
        bench.report.line(note)
    return with_ceiling(asked, info, facts)


def _result(
    bench: Workbench, video: Video, made: Video, finished: StagedCopy | None, encoding: Encoding, seconds: float
) -> ReencodeResult:
    kept = Making.model_validate(made.details) if made.details else Making(encoder=encoding.encoder)
    bench.report.line(f"output: {made.path}, {made.size} bytes")
    bench.report.progress(1.0, "done")
    duration = made.duration or 0.0
    return ReencodeResult(
        video_id=made.id,
        path=made.path,
        source=video.path,
        encoder=kept.encoder,
        reused=finished is None,
        duration=duration,
        seconds=seconds,
        speed=duration / finished.encoded.seconds if finished else 0.0,
        cpu_seconds=finished.encoded.cpu_seconds if finished else 0.0,
        chunks=finished.chunks if finished else 0,
        chunks_reused=finished.chunks_reused if finished else 0,
        frames_encoded=finished.frames_encoded if finished else 0,
        source_size=video.size,
        size=made.size,
        cost=kept.cost,
        left_out=kept.left_out,
        changed=kept.differences,
        before=FileFacts.of(video),
        after=FileFacts.of(made),
    )


def _measured(
    bench: Workbench, made: Video, source: Path, info: MediaInfo, folder: Path, size: tuple[int, int]
) -> Video:
    """The record of a copy made before, with the VMAF that no run had asked for yet."""
    making = Making.model_validate(made.details) if made.details else None
    if making is None or making.cost is None or making.cost.vmaf is not None:
        return made
    linked = folder / "made.mp4"  # in our own folder, so that nothing is written beside a video of the library
    linked.symlink_to(bench.root.resolve(made.path))
    score = vmaf(bench.transcoder, linked, source, as_made(info, made.frame_rate), size, Share(bench.report, 0.0, 0.95))
    with session() as opened:
        record = searching.get_video(opened, made.id)
        cost = with_vmaf(making.cost, score)
        record.details = making.model_copy(update={"cost": cost}).model_dump(mode="json")
        note_cost(record, cost)
        opened.add(record)
    return record


def _made_of_one_shape(
    copy: WebCopy, reader: SourceReader, measure_vmaf: bool, decode: ParallelDecoder
) -> tuple[Video, StagedCopy]:
    """``_encode_and_publish``, of a boxed source where its index shows that its frames change their shape."""
    try:
        return _encode_and_publish(_with_reading(copy, reader), measure_vmaf, decode)
    except ShapesChange:
        source, info = boxed_later(copy.bench, copy.video, copy.source)
        boxed = replace(copy, source=source, info=with_telecine(source, info))
        return _encode_and_publish(_with_reading(boxed, reader), measure_vmaf, decode)


def _with_reading(copy: WebCopy, reader: SourceReader) -> WebCopy:
    """The same with its source read, and what that shows of its audio and subtitles among its facts."""
    bench, read = copy.bench, reader.read(copy.source, copy.info)
    beside = (read.known and read.known.beside) or copy.source
    info = with_jitter(beside, copy.info)
    info = usable_subtitles(bench.transcoder, beside, info, copy.folder, bench.report)
    return replace(copy, info=info, index=read.index, reading=read.known)


def _encode_and_publish(copy: WebCopy, measure_vmaf: bool, decode: ParallelDecoder) -> tuple[Video, StagedCopy]:
    """Encode, measure, publish; then nobody needs the chunks any more."""
    bench, source, info = copy.bench, copy.source, copy.info
    encoded = 0.6 if measure_vmaf else 0.95  # of the whole, in the progress bar
    finished = replace(copy, report=Share(bench.report, 0.0, encoded)).encode()
    made_by = copy.made_recipe(finished.encoded.encoder)
    mark(finished.staged, made_by, copy.video.id)
    cost = _cost(copy, finished, vmaf_from=encoded if measure_vmaf else None)
    surround = len(surround_tracks(info, copy.encoding))
    size = web_size(info, copy.encoding.max_height)
    detail = DetailAsked.of(copy.encoding, size, info.video.frame_rate)
    product = Product(
        path=copy_path(copy.video),
        recipe=made_by,
        expected=Expectation(
            frames=finished.frames,
            size=size,
            audio_tracks=info.audio_tracks + surround,
            source=Source(source, info, further_audio=surround, detail=detail, reading=copy.kept_reading),
            points=finished.points,
        ),
        title=copy.video.title,
        sources=(SourceSegment.whole(copy.video),),
        details=making(finished.encoded.encoder, cost, info, copy.encoding).model_dump(mode="json"),
        cost=cost,
    )
    claim = JobClaim(bench, copy.recipe)
    try:
        made = publish(bench, finished.staged, product, decode)
    except ChangedMeanwhile:
        claim.reject_chunks()  # those of the new content go by the name of the old
        raise
    except OutputRejected as error:
        claim.reject_chunks()
        # Is the source itself short or damaged? Then no further try can help.
        reason = fault(copy.video.filename, info, check_whole(source))
        if reason is None:
            raise
        raise DamagedVideo(reason, copy.video.path) from error
    claim.drop_chunks()
    return made, finished


def _cost(copy: WebCopy, finished: StagedCopy, vmaf_from: float | None) -> Cost:
    """What the encode cost; with its VMAF, measured from ``vmaf_from`` of the progress bar on, if that is given."""
    made, score = finished.staged, None
    if vmaf_from is not None:
        share = Share(copy.bench.report, vmaf_from, 0.95)
        size = web_size(copy.info, copy.encoding.max_height)
        score = vmaf(copy.bench.transcoder, made, copy.source, copy.info, size, share)
    cost = cost_of(
        finished.encoded,
        finished.encoded.energy,
        finished.encoded.last.out_time,
        bytes_in=copy.video.size,
        bytes_out=made.stat().st_size if made.exists() else None,  # where it does not, ``publish`` raises
        vmaf=score,
    )
    return with_encoder(cost, finished.encoded.encoder)
