"""Videos as the command line shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import typer

from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.naming import short_ids
from reelmill.catalogue.videos.video_details import VideoDetails
from reelmill.cli.views.job_view import job_name
from reelmill.cli.views.output import print_record, print_table
from reelmill.cli.views.times import ago, with_ago
from reelmill.queue.job import Job
from reelmill.wording import clock, in_bytes, in_saving, in_seconds

_HEADER: Final = ("id", "path", "length", "size", "video", "note")
_WHOLE: Final = ("id", "length", "size")


def print_videos(videos: Sequence[Video]) -> None:
    """A row for each video."""
    rows = [
        (short, video.path, _length(video), in_bytes(video.size), _frames(video), _note(video))
        for short, video in zip(short_ids([video.id for video in videos]), videos, strict=True)
    ]
    print_table(_HEADER, rows, right=("length", "size"), whole=_WHOLE)


def video_json(video: Video) -> dict[str, Any]:
    """A video for programs: the columns of the catalogue."""
    return video.model_dump()


def details_json(details: VideoDetails) -> dict[str, Any]:
    """Everything known of one video, for programs."""
    return {
        "video": video_json(details.video),
        "source": None if details.source is None else video_json(details.source),
        "sources": [row.model_dump(exclude={"product_id"}) for row, _ in details.sources],
        "same_content": [video_json(other) for other in details.same],
        "products": [video_json(product) for product in details.products],
        "tags": [tag.model_dump() for tag in details.tags],
        "assets": [asset.model_dump(exclude={"video_id"}) for asset in details.assets],
        "analyses": list(details.analyses),
    }


def print_details(details: VideoDetails, jobs: Sequence[Job] | None) -> None:
    """Everything known of one video; jobs are None where no server was asked."""
    print_record(_facts(details))
    if details.products:
        typer.echo("\nmade of it:")
        print_videos(details.products)
    if jobs:
        typer.echo("\nlast jobs:")
        rows = [(job.id, job_name(job), job.status, ago(job.ended or job.created)) for job in jobs]
        print_table(("id", "job", "status", "since"), rows, whole=("id", "status", "since"))


def _facts(details: VideoDetails) -> Iterator[tuple[str, Any]]:
    video = details.video
    yield "id", video.id
    yield "path", video.path
    yield "title", video.title
    yield "note", _note(video)
    yield "checked", _checked(video)
    yield "length", _length(video)
    yield "size", in_bytes(video.size)
    yield "container", video.container
    yield "video", _frames(video)
    yield "audio", None if not video.audio_tracks else f"{video.audio_codec}, tracks: {video.audio_tracks}"
    yield "subtitles", video.subtitle_tracks or None
    yield "rotation", f"{video.rotation}°" if video.rotation else None
    yield "bit rate", None if video.bit_rate is None else f"{video.bit_rate / 1000:.0f} kbit/s"
    yield "saves", _saving(video)
    yield "thumbnail", video.thumbnail_path
    yield "made of", ", ".join(_sources(details))
    yield "same content as", ", ".join(other.path for other in details.same)
    yield "made by job", video.made_by
    yield "known since", with_ago(video.created_at)
    yield "changed", with_ago(video.updated_at)
    yield "images", ", ".join(f"{count} {kind}" for kind, count in Counter(one.kind for one in details.assets).items())
    yield "analyses", ", ".join(details.analyses)
    yield "tags", ", ".join(tag.name for tag in details.tags if tag.confidence or not tag.by_person)


def _saving(video: Video) -> str | None:
    """What a web copy saves, what that cost, and how close it looks, as far as that was measured."""
    if video.source_size is None:
        return None
    figures = (
        in_saving(video.source_size, video.size),
        None if video.encode_cpu_seconds is None else f"for {in_seconds(video.encode_cpu_seconds)} of CPU",
        None if video.encode_joules is None else f"{video.encode_joules:.0f} J",
        None if video.vmaf is None else f"VMAF {video.vmaf:.1f}",
    )
    return ", ".join(filter(None, figures))


def _sources(details: VideoDetails) -> list[str]:
    """The paths of what it was made of, each once."""
    return list(dict.fromkeys(row.source_path if video is None else video.path for row, video in details.sources))


def _checked(video: Video) -> str | None:
    if video.checked_depth is None or video.checked_at is None:
        return None
    return f"{video.checked_depth}, {ago(video.checked_at)}"


def _length(video: Video) -> str | None:
    return None if video.duration is None else clock(video.duration)


def _frames(video: Video) -> str | None:
    if video.video_codec is None:
        return None
    rate = "" if video.frame_rate is None else f", {float(video.frame_rate):.4g} fps"
    return f"{video.video_codec} {video.width}x{video.height}{rate}"


def _note(video: Video) -> str:
    """What is wrong with it."""
    missing = f"missing since {ago(video.missing_since)}" if video.missing_since is not None else ""
    invalid = "" if video.is_valid else f"invalid: {video.validation_error or 'not known why'}"
    return "; ".join(filter(None, (missing, invalid)))
