"""``reelmill run``: jobs are handed in, watched, and their results shown."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from reelmill.cli.commands.jobs import ParametersOption, TypeArgument, VideosArgument
from reelmill.cli.exit_codes import ExitCode
from reelmill.cli.job_choice import Deeds, PoolOption, PriorityOption, QueueOption, place
from reelmill.cli.server import open_dispatcher
from reelmill.cli.views.job_view import job_json, job_name
from reelmill.cli.views.output import OutputOption, print_json
from reelmill.cli.views.result_view import result_lines
from reelmill.errors import UserError
from reelmill.queue.job import Job, JobStatus
from reelmill.wording import in_seconds


def run(
    job_type: TypeArgument,
    videos: VideosArgument = None,
    parameters: ParametersOption = None,
    priority: PriorityOption = None,
    queue: QueueOption = None,
    pool: PoolOption = None,
    force: Annotated[bool, typer.Option("--force", help="A new job even if the same work is under way.")] = False,
    output: OutputOption = "table",
) -> None:
    """Do a job now and look on: hand it in, show how far it is, then what came of it. Ctrl-C asks whether to cancel."""
    from reelmill.cli.commands.watch import interrupted, watch
    from reelmill.cli.submission import submit_jobs

    options: dict[str, Any] = {**place(priority, queue), "pool": pool, "force": force}
    stopped = False
    with open_dispatcher() as prefect:
        submitted = submit_jobs(prefect, job_type, videos or [], parameters or [], options)
        ids = list(dict.fromkeys(job.id for job in submitted.jobs))
        try:
            submitted.jobs = watch(prefect, ids)
        except KeyboardInterrupt:
            stopped, submitted.jobs = True, interrupted(prefect, ids)
        there = {job.id for job in submitted.jobs}
        gone = [job_id for job_id in ids if job_id not in there]
        submitted.errors += [(str(job_id), UserError(f"The job {job_id} was deleted meanwhile.")) for job_id in gone]
        _show(submitted, {job_id: prefect.jobs.card(job_id) for job_id in there}, output)
    if stopped:
        raise typer.Exit(ExitCode.INTERRUPTED)
    submitted.exit_over_errors(silent=output == "json")
    if any(job.status is not JobStatus.COMPLETED for job in submitted.jobs):
        raise typer.Exit(ExitCode.FAILED)


def _show(deeds: Deeds, results: Mapping[uuid.UUID, str | None], output: str) -> None:
    """Print what came of jobs.

    Args:
        deeds: the jobs that were watched, and the videos that were not found.
        results: the result card of each, as markdown.
        output: table or json.
    """
    if output == "json":
        jobs = [{**job_json(job), "card": results[job.id]} for job in deeds.jobs]
        print_json({"jobs": jobs, "errors": deeds.errors_json()})
        return
    for job in deeds.jobs:
        typer.echo(_result(job))
        shown = results[job.id]
        if shown is not None:
            typer.echo("\n".join(result_lines(shown)))


def _result(job: Job) -> str:
    """What came of a job, in a line."""
    took = f" in {in_seconds(job.seconds)}" if job.seconds is not None else ""
    why = f": {job.message}" if job.message else ""
    return f"{job_name(job)}: {job.status}{took}{why}"
