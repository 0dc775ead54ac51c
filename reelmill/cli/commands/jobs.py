"""``reelmill jobs``: submitted, listed, looked at, followed, steered."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.commands import archiving, steering
from reelmill.cli.commands.batch import BatchRequest, DryRunOption, WhereOption, submit_batch
from reelmill.cli.completion import job_types
from reelmill.cli.exit_codes import ExitCode
from reelmill.cli.job_choice import (
    Deeds,
    LaneOption,
    PoolOption,
    PriorityOption,
    QueueOption,
    StatusOption,
    TypeOption,
    YesOption,
    before,
    do_to_each,
    filter_of,
    place,
)
from reelmill.cli.server import open_dispatcher
from reelmill.cli.views.job_view import jobs_json, print_jobs
from reelmill.cli.views.output import OutputOption, print_json, print_table
from reelmill.cli.views.times import local
from reelmill.errors import PlatformError, UserError
from reelmill.queue.job import JobStatus

if TYPE_CHECKING:
    from reelmill.catalogue.models import AuditEntry
    from reelmill.dispatch import Dispatcher

jobs = typer.Typer(name="jobs", no_args_is_help=True, help="Jobs: submit, list, look at, follow, steer.")

_PAGE = 200

TypeArgument = Annotated[
    str, typer.Argument(metavar="TYPE", help="The job type, such as reencode.", autocompletion=job_types)
]
VideosArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[VIDEO]…", help="Videos: id, beginning of an id, path, file name or title."),
]
ParametersOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A parameter of the job type; may be repeated."),
]


@jobs.command()
def submit(
    job_type: TypeArgument,
    videos: VideosArgument = None,
    where: WhereOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    parameters: ParametersOption = None,
    priority: PriorityOption = None,
    queue: QueueOption = None,
    pool: PoolOption = None,
    max_retries: Annotated[int | None, typer.Option(min=0, help="How often a job is tried again.")] = None,
    vram: Annotated[int | None, typer.Option(min=0, help="GPU memory a job takes, in MB.")] = None,
    force: Annotated[bool, typer.Option("--force", help="A new job even if the same work is under way.")] = False,
    scenario: Annotated[str | None, typer.Option(help="For scenario: which one, such as 1080p30-h264.")] = None,
    duration: Annotated[str | None, typer.Option(help="For scenario: how long, such as 10s.")] = None,
    bitrate: Annotated[str | None, typer.Option(help="For scenario: such as 6M.")] = None,
    engine: Annotated[str | None, typer.Option(help="For scenario: auto, ffmpeg or gstreamer.")] = None,
    output: OutputOption = "table",
) -> None:
    """Hand in a job for each video, or one job for all where the type takes several; returns at once."""
    from reelmill.cli.submission import submit_jobs

    of_scenario = {"name": scenario, "duration": duration, "bitrate": bitrate, "engine": engine}
    texts = [*(parameters or []), *(f"{name}={text}" for name, text in of_scenario.items() if text is not None)]
    options = {**place(priority, queue), "pool": pool, "max_retries": max_retries, "vram_mb": vram, "force": force}
    if (where is None and dry_run) or (where is not None and videos):
        raise UserError("Name videos, or choose them with --where, which --dry-run goes with.")
    with open_dispatcher() as prefect:
        if where is not None:
            request = BatchRequest(job_type, where, texts, options)
            submit_batch(prefect, request, dry_run=dry_run, yes=yes, output=output)
            return
        submitted = submit_jobs(prefect, job_type, videos or [], texts, options)
    submitted.show(output)


@jobs.command("list")
def list_jobs(
    status: StatusOption = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    lane: LaneOption = None,
    tag: Annotated[str | None, typer.Option(help="Jobs with this tag.")] = None,
    text: Annotated[str | None, typer.Option(help="Jobs with this in their name.")] = None,
    since: Annotated[str | None, typer.Option(help="Due at most so long ago, such as 2h or 7d.")] = None,
    ahead: Annotated[bool, typer.Option("--ahead", help="Also those that a schedule has made ahead.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="So many at most.")] = 50,
    output: OutputOption = "table",
) -> None:
    """List jobs, those due last first."""
    chosen = filter_of(
        status, job_type, pool, lane=lane, tag=tag, text=text, since=before(since), include_not_due=ahead
    )
    with open_dispatcher() as prefect:
        page = prefect.jobs.search(chosen, size=min(limit, _PAGE))
        found = list(page.jobs)
        for number in range(2, page.pages + 1):
            if len(found) >= limit:
                break
            found += prefect.jobs.search(chosen, page=number, size=_PAGE).jobs
        found = found[:limit]
        progress = prefect.jobs.progress([job.id for job in found if job.status is JobStatus.RUNNING])
    if output == "json":
        print_json({"jobs": jobs_json(found, progress), "total": page.total})
        return
    print_jobs(found, progress)
    if len(found) < page.total:
        typer.echo(f"{len(found)} of {page.total}; --limit shows more", err=True)


@jobs.command()
def status(
    names: Annotated[list[str], typer.Argument(metavar="JOB…", help="Ids, beginnings of ids, or names of runs.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show progress until all are over.")] = False,
    output: OutputOption = "table",
) -> None:
    """Show everything known of jobs: state, why they wait, how far they are, parameters."""
    with open_dispatcher() as prefect:
        named = do_to_each(prefect, names, prefect.jobs.read)
        ids = [job.id for job in named.jobs]
        if follow and ids:
            from reelmill.cli.commands.watch import watch

            watch(prefect, ids)
            after = do_to_each(prefect, list(map(str, ids)), prefect.jobs.read)
            named = Deeds(after.jobs, named.errors + after.errors)
        progress = prefect.jobs.progress(ids)
        deeds = {job.id: _deeds(prefect, job.public_id) for job in named.jobs}
    named.show(output, progress, in_full=deeds)
    if follow and any(job.status is not JobStatus.COMPLETED for job in named.jobs):
        raise typer.Exit(ExitCode.FAILED)


def _deeds(prefect: Dispatcher, job_id: uuid.UUID) -> list[AuditEntry]:
    """Who did what to a job; nothing where the site's catalogue cannot be read from here."""
    try:
        return prefect.audit.entries(job_id, size=_PAGE).entries
    except (UserError, PlatformError) as error:
        typer.echo(f"who did what is not known: {error}", err=True)
        return []


@jobs.command()
def logs(
    name: Annotated[str, typer.Argument(metavar="JOB", help="Id, beginning of an id, or name of a run.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is over.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=1, help="Begin with so many lines at most.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Begin with the first line.")] = False,
    output: OutputOption = "table",
) -> None:
    """Show a job's log; JSON is a line for each line."""
    with open_dispatcher() as prefect:
        job_id: uuid.UUID = prefect.jobs.find(name)
        lines = None if everything else tail
        portions = prefect.jobs.follow_log(job_id, lines) if follow else [prefect.jobs.log(job_id, lines)]
        for line in (line for portion in portions for line in portion):
            if output == "json":
                print_json(line)
            else:
                typer.echo(f"{local(line.time)} {line.level:7} {line.text}")


@jobs.command()
def stats(
    days: Annotated[int, typer.Option(min=1, max=365, help="That the mean times are of.")] = 7,
    output: OutputOption = "table",
) -> None:
    """Count jobs by type and status, with how long they take, and the GPU memory in use."""
    with open_dispatcher() as prefect:
        found = prefect.numbers.statistics(days)
    if output == "json":
        print_json(found)
        return
    header = ("type", *JobStatus, "mean s")
    rows = [
        (
            name,
            *(of_type.by_status.get(one, 0) or "" for one in JobStatus),
            None if of_type.mean_seconds is None else f"{of_type.mean_seconds:.1f}",
        )
        for name, of_type in found.by_type.items()
    ]
    total = ("all", *(found.by_status[one] for one in JobStatus), None)
    print_table(header, [*rows, total], right=header[1:], whole=header)
    if found.dead_letters:
        typer.echo(f"{found.dead_letters} out of retries: `reelmill jobs dead` lists them")
    for budget in found.vram:
        typer.echo(f"{budget.name}: {budget.used_mb} of {budget.total_mb} MB in use")


for command in (steering.cancel, steering.pause, steering.resume, steering.retry, steering.dead, steering.clear):
    jobs.command()(command)
jobs.command()(archiving.archive)
jobs.command("prioritize")(steering.prioritize)
jobs.command("prioritise", hidden=True)(steering.prioritize)
