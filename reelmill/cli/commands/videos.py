"""``reelmill videos``: what the library holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.catalogue_access import require_catalogue
from reelmill.cli.server import open_dispatcher
from reelmill.cli.views.console import MediaRootOption, use_media_root
from reelmill.cli.views.output import Output, OutputOption, print_json, print_json_list
from reelmill.errors import PlatformError, UserError
from reelmill.queue.job import Job

if TYPE_CHECKING:
    from reelmill.catalogue.models import Video
    from reelmill.catalogue.videos.video_details import VideoDetails

videos = typer.Typer(name="videos", no_args_is_help=True, help="Videos of the library: list, show.")

_PORTION = 500  # rows of a table
_LAST_JOBS = 10


@videos.command("list")
def list_videos(
    directory_type: Annotated[
        str | None, typer.Option("--type", help="Of this directory type, such as videos.")
    ] = None,
    invalid: Annotated[bool, typer.Option("--invalid", help="Only those that are not valid.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only those whose file is not there.")] = False,
    where: Annotated[str | None, typer.Option(help="A filter, such as: duration > 10m and copy is missing.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="So many at most.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="All, however many.")] = False,
    media_root: MediaRootOption = None,
    output: OutputOption = "table",
) -> None:
    """List videos by path, with the ids by which jobs may name them."""
    use_media_root(media_root)
    require_catalogue()
    from reelmill.catalogue.filters.video_filter import parse_filter
    from reelmill.catalogue.videos.listing import every_video, narrowed

    condition = narrowed(
        None if where is None else parse_filter(where), directory_type=directory_type, invalid=invalid, missing=missing
    )
    found = every_video(condition, page=_PORTION if everything else min(limit + 1, _PORTION))
    _print(found if everything else islice(found, limit), output)
    if not everything and output == "table" and next(found, None) is not None:
        typer.echo(f"the first {limit}; --limit or --all shows more", err=True)


@videos.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Id, beginning of an id, path, file name or title.")],
    media_root: MediaRootOption = None,
    output: OutputOption = "table",
) -> None:
    """Show everything known of one video: what was made of it, its tags, its last jobs."""
    use_media_root(media_root)
    require_catalogue()
    from reelmill.catalogue.engine import session
    from reelmill.catalogue.videos.naming import resolve_video
    from reelmill.catalogue.videos.video_details import read_details
    from reelmill.cli.submission import absolute
    from reelmill.cli.views.job_view import jobs_json
    from reelmill.cli.views.video_view import details_json, print_details

    with session() as opened:
        details = read_details(opened, resolve_video(opened, absolute(name)))
    jobs = _last_jobs(details)
    if output == "json":
        print_json({**details_json(details), "jobs": None if jobs is None else jobs_json(jobs)})
    else:
        print_details(details, jobs)


def _print(found: Iterable[Video], output: Output) -> None:
    from reelmill.cli.views.video_view import print_videos, video_json

    if output == "json":
        print_json_list("videos", map(video_json, found))
        return
    for portion in _portions(found):
        print_videos(portion)


def _portions(found: Iterable[Video]) -> Iterator[Sequence[Video]]:
    """Rows of a table at a time: a library may hold more than a table in memory may."""
    rest = iter(found)
    while first := list(islice(rest, 1)):
        yield list(chain(first, islice(rest, _PORTION - 1)))


def _last_jobs(details: VideoDetails) -> list[Job] | None:
    """The last jobs on this video, the newest first; None where no server answers: the catalogue is shown alone."""
    from reelmill.dispatch import JobFilter

    video = details.video
    names = {str(video.id), video.path, video.filename, video.title}
    made_by = {one.made_by for one in (video, *details.products)} | {video.reencode_job_id}
    try:
        with open_dispatcher() as prefect:
            found = {job.id: job for job in prefect.jobs.wait([one for one in made_by if one], until_over=False)}
            for job in prefect.jobs.search(JobFilter(text=video.filename), size=_PORTION // 5).jobs:
                if names & set(_texts(job.parameters.values())):
                    found[job.id] = job
    except (PlatformError, UserError):  # away, or it refuses us
        return None
    return sorted(found.values(), key=lambda job: job.created or job.id, reverse=True)[:_LAST_JOBS]


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)
