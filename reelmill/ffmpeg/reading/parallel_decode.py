"""All of a film decoded in runs of GOPs, side by side or on many nodes, with the report of decoding it in one go."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, dropwhile, pairwise
from pathlib import Path
from typing import Any, Final

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from reelmill.ffmpeg.reading.decode import fast_video_stream
from reelmill.ffmpeg.reading.decode_report import DecodeReport, Tally
from reelmill.ffmpeg.reading.decode_request import NO_REQUEST, DecodeRequest
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.packet_index import Index
from reelmill.ffmpeg.reading.probe import blame_disk, open_media
from reelmill.ffmpeg.reading.tracks import decodable_audio

#: Seconds: a seek by so much more than it must be lands at the keyframe wanted or before it, in every container.
_EARLY: Final = 1


@dataclass(frozen=True)
class GopRun:
    """The frames from one keyframe up to another; times in ticks. Small enough to travel to another node."""

    begin: int | None  # when the first keyframe is shown; None: from the start of the file
    end: int | None  # and the one it goes up to; None: to the end


def gop_runs(index: Index, seconds: Fraction) -> list[GopRun]:
    """Split a film (pure) at keyframes that no frame reads or is shown across.

    Args:
        index: of the film.
        seconds: how long each run is, at least; a shorter rest goes with the one before it.

    Returns:
        The runs, in order; a single one where the film cannot be split.
    """
    length, end = seconds / index.time_base, index.times[-1] + index.hold
    latest = [index.times[0] - 1, *accumulate(index.order, max)]  # shown by the packets before each place
    bounds: list[int] = []
    for key in index.keyframes:
        splits = key.certain and latest[key.place] < key.time == index.times[key.place]
        since = key.time - (bounds[-1] if bounds else index.times[0])
        if splits and since >= length and end - key.time >= length:
            bounds.append(key.time)
    return [GopRun(begin, end) for begin, end in pairwise([None, *bounds, None])]


def split_request(request: DecodeRequest, runs: Sequence[GopRun], index: Index) -> list[DecodeRequest]:
    """What is wanted of each run of a film (pure); its audio is read apart."""
    first = float(index.times[0] * index.time_base)
    begins = [float((run.begin or index.times[0]) * index.time_base) - first for run in runs[1:]]
    bounds = pairwise([float("-inf"), *begins, float("inf")])
    return [
        replace(
            request,
            frames=tuple(frame for frame in request.frames if low <= frame.at < high),
            levels=False,
            first=first,
        )
        for low, high in bounds
    ]


def check_gop_run(path: Path, run: GopRun, request: DecodeRequest = NO_REQUEST) -> DecodeReport:
    """Decode the frames of a run, by one thread, and past its end the one that the next begins with.

    So each place at which a film was split, or put together, is passed as a player passes it.

    Args:
        path: the film.
        run: of it.
        request: what else is wanted of the run; its ``first`` is when the film begins.

    Returns:
        What decoding found; the frame past the end is not counted.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    tally = Tally(until=run.end, request=request)
    with open_media(path) as container:
        video = fast_video_stream(path, container)
        video.thread_count = 1
        try:
            if run.begin is not None:
                container.seek(run.begin - int(_EARLY / Fraction(video.time_base or 1)), stream=video)
            for packet in _packets_of(run, video, demuxed(container, video)):
                tally.decode(packet)
        except FFmpegError as error:
            blame_disk(error, path)
            tally.errors.append(f"the file cannot be read further ({error.strerror or error})")
    found = tally.report()
    return found if found.frames or found.errors else replace(found, errors=(_not_found(run, video),))


def _packets_of(run: GopRun, video: VideoStream, read: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
    """The packets of a run, the keyframe after it, and an empty one that empties the decoder."""
    if run.begin is not None:
        read = dropwhile(lambda packet: not (packet.is_keyframe and packet.pts == run.begin), read)
    for packet in read:
        yield packet
        if packet.is_keyframe and packet.size and packet.pts == run.end and run.end is not None:
            empty: Packet[Any] = av.Packet()
            empty.stream, empty.time_base = video, packet.time_base
            yield empty
            return


def _not_found(run: GopRun, video: VideoStream) -> str:
    at = float((run.begin or 0) * Fraction(video.time_base or 1))
    return f"its keyframe at {at:.2f} s is not found by seeking"


def check_other_tracks(path: Path, request: DecodeRequest = NO_REQUEST) -> DecodeReport:
    """Decode all tracks that are not video: audio and subtitles.

    Args:
        path: any file.
        request: what else is wanted of it.

    Returns:
        What decoding found, with no frame counted.

    Raises:
        NotAVideo, InputError: it does not open.
        Unreadable: the disk does not give its bytes.
    """
    tally = Tally(request=replace(request, frames=()))
    with open_media(path) as container:
        audio = [stream for _, stream in decodable_audio(container)]
        tally.follow_audio(audio)
        other = [*audio, *container.streams.subtitles]
        try:
            for packet in demuxed(container, other) if other else ():  # of no streams it would read all
                tally.decode(packet)
        except FFmpegError as error:
            blame_disk(error, path)
            tally.errors.append(f"the file cannot be read further ({error.strerror or error})")
    return tally.report()


def merged_report(reports: Sequence[DecodeReport], other: DecodeReport) -> DecodeReport:
    """The report of a film by those of all its GOP runs, in order, and that of its other tracks (pure)."""
    times = array("d")
    for report in reports:
        times.extend(report.times)
    starts = [report.start for report in reports if report.start is not None]
    lasts = [report.last for report in reports if report.last is not None]
    return replace(
        other,
        frames=sum(report.frames for report in reports),
        errors=tuple(dict.fromkeys(error for report in (*reports, other) for error in report.errors)),
        start=min(starts, default=None),
        last=max(lasts, default=None),
        end=max((report.end for report in reports if report.end is not None), default=None),
        ordered=all(report.ordered for report in reports)
        and all(a < b for a, b in zip(lasts, starts[1:], strict=False)),
        times=times,
        rasters=tuple(raster for report in reports for raster in report.rasters),
        points=b"".join(report.points for report in reports),
    )
