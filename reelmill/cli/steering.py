"""Commands of ``reelmill jobs`` that change what happens to jobs."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from reelmill.cli.job_choice import (
    JobsArgument,
    PoolOption,
    PriorityOption,
    QueueOption,
    StatusOption,
    TypeOption,
    YesOption,
    before,
    confirm,
    do_to_each,
    filter_of,
    place,
)
from reelmill.cli.job_view import jobs_json, print_jobs
from reelmill.cli.output import OutputOption, print_json
from reelmill.cli.server import open_dispatcher
from reelmill.errors import UserError
from reelmill.queue.job import FINAL, Job, JobStatus

_NamesArgument = Annotated[list[str], typer.Argument(metavar="JOB…", help="Ids, beginnings of ids, or names of runs.")]

#: Statuses of jobs that can be cancelled.
_ALIVE = tuple(status for status in JobStatus if status not in FINAL)


def cancel(
    names: JobsArgument = None,
    status: StatusOption = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Cancel jobs that are named, or all that --status, --type and --pool choose, which are counted first."""
    chosen = filter_of(_of(status, _ALIVE, "cancelled"), job_type, pool)
    by_filter = _by_filter(names, (status, job_type, pool))
    with open_dispatcher() as prefect:
        if not by_filter:
            do_to_each(prefect, names or [], prefect.jobs.cancel).show(output)
            return
        count = prefect.bulk.count(chosen)
        if count:
            confirm(f"Cancel {count} job(s)?", yes)
        cancelled = prefect.bulk.cancel(prefect.bulk.ids(chosen)) if count else 0
    if output == "json":
        print_json({"chosen": count, "cancelled": cancelled})
    else:
        typer.echo(f"{cancelled} cancelled, or being stopped")


def clear(
    names: JobsArgument = None,
    status: StatusOption = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    older_than: Annotated[str | None, typer.Option(help="Only what was due before that, such as 7d.")] = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Delete jobs that are over from the server, with their logs; files and the catalogue stay as they are."""
    chosen = filter_of(_of(status, tuple(FINAL), "cleared"), job_type, pool, until=before(older_than))
    by_filter = _by_filter(names, (status, job_type, pool, older_than))
    with open_dispatcher() as prefect:
        named = do_to_each(prefect, names or [], lambda job_id: _over(prefect.jobs.read(job_id)))
        ids = list(dict.fromkeys(job.id for job in named.jobs))
        count = prefect.bulk.count(chosen) if by_filter else len(ids)
        if count:
            confirm(f"Delete {count} job(s) that are over, with their logs?", yes)
        cleared = prefect.bulk.clear(prefect.bulk.ids(chosen) if by_filter else ids) if count else 0
    if output == "json":
        print_json({"chosen": count, "cleared": cleared} | ({} if by_filter else {"errors": named.errors_json()}))
    else:
        typer.echo(f"{cleared} cleared")
    named.exit_over_errors(silent=output == "json")


def pause(names: _NamesArgument, output: OutputOption = "table") -> None:
    """Pause jobs: one that waits keeps its place, one that runs is stopped and goes on from its finished chunks."""
    with open_dispatcher() as prefect:
        do_to_each(prefect, names, prefect.jobs.pause).show(output)


def resume(names: _NamesArgument, output: OutputOption = "table") -> None:
    """Let paused jobs go on, in the places that they had."""
    with open_dispatcher() as prefect:
        do_to_each(prefect, names, prefect.jobs.resume).show(output)


def prioritize(
    names: _NamesArgument,
    priority: PriorityOption = None,
    queue: QueueOption = None,
    front: Annotated[bool, typer.Option("--front", help="To the front of its own lane, instead.")] = False,
    output: OutputOption = "table",
) -> None:
    """Move waiting jobs to another lane; each then has a new id, which is shown."""
    if front == (priority is not None or queue is not None):
        raise UserError("Give --priority or --queue, or --front alone.")
    lane = place(priority, queue)
    with open_dispatcher() as prefect:

        def move(job_id: uuid.UUID) -> Job:
            return prefect.jobs.move_to_front(job_id) if front else prefect.jobs.prioritise(job_id, **lane)

        do_to_each(prefect, names, move).show(output)


def retry(
    names: JobsArgument = None,
    dead_letters: Annotated[bool, typer.Option("--dead", help="Every job that is out of retries.")] = False,
    output: OutputOption = "table",
) -> None:
    """Send failed or cancelled jobs back at once, with a fresh count of retries."""
    if dead_letters == bool(names):
        raise UserError("Name jobs, or give --dead for all that are out of retries.")
    with open_dispatcher() as prefect:
        if names:
            do_to_each(prefect, names, prefect.jobs.retry).show(output)
            return
        refused: list[UserError] = []
        sent = prefect.jobs.retry_dead_letters(on_refused=refused.append)
    if output == "json":
        print_json({"jobs": jobs_json(sent), "refused": [str(reason) for reason in refused]})
    else:
        print_jobs(sent)
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise UserError(f"{refused[0]}{more}")


def dead(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="So many at most.")] = 50,
    output: OutputOption = "table",
) -> None:
    """List the jobs that are out of retries; `retry --dead` sends them back."""
    with open_dispatcher() as prefect:
        page = prefect.jobs.search(filter_of((JobStatus.FAILED,), None, None, dead_letter=True), size=limit)
    if output == "json":
        print_json({"jobs": jobs_json(page.jobs), "total": page.total})
        return
    print_jobs(page.jobs)
    if len(page.jobs) < page.total:
        typer.echo(f"{len(page.jobs)} of {page.total}; --limit shows more", err=True)


def _over(job: Job) -> Job:
    """A job that can be cleared.

    Returns:
        The job.

    Raises:
        UserError: it is not over.
    """
    if not job.over:
        raise UserError(f"The job {job.id} is {job.status}; only what is over can be cleared.")
    return job


def _by_filter(names: list[str] | None, options: tuple[object, ...]) -> bool:
    """Whether jobs are chosen by options, rather than named.

    Returns:
        True where they are.

    Raises:
        UserError: both, or neither.
    """
    by_options = any(option is not None and option != [] for option in options)
    if bool(names) == by_options:
        raise UserError("Name jobs, or choose them by --status, --type and --pool.")
    return by_options


def _of(status: list[JobStatus] | None, possible: tuple[JobStatus, ...], done: str) -> tuple[JobStatus, ...]:
    """The statuses that are meant, all that are possible unless some are given.

    Returns:
        The statuses.

    Raises:
        UserError: jobs of one of them cannot be so treated.
    """
    for one in status or ():
        if one not in possible:
            raise UserError(f"Jobs that are {one} cannot be {done}; choose among {', '.join(sorted(possible))}.")
    return tuple(status or possible)
