"""Commands of ``reelmill jobs`` that change what happens to jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from reelmill.cli.exit_codes import ExitCode
from reelmill.cli.job_choice import (
    JobsArgument,
    PoolOption,
    PriorityOption,
    QueueOption,
    ReasonOption,
    StatusOption,
    TypeOption,
    YesOption,
    before,
    confirm,
    do_to_each,
    filter_of,
    in_words,
    place,
)
from reelmill.cli.server import open_dispatcher, this_person
from reelmill.cli.views.console import print_error
from reelmill.cli.views.job_view import jobs_json, print_jobs
from reelmill.cli.views.output import Output, OutputOption, print_json
from reelmill.errors import UserError
from reelmill.queue.bulk_action import CHANGES, BulkAction, BulkResult
from reelmill.queue.job import FINAL, Job, JobStatus, resolve_lane

if TYPE_CHECKING:
    from reelmill.dispatch import Actor, Dispatcher, JobFilter

#: A filter chose no job.
_NOTHING: Final = BulkResult(0, 0, ())

#: Statuses of jobs that can be cancelled.
_ALIVE = tuple(status for status in JobStatus if status not in FINAL)


def cancel(
    names: JobsArgument = None,
    status: StatusOption = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Cancel jobs that are named, or all that --status, --type and --pool choose, which are counted first."""
    chosen = filter_of(_of(status, _ALIVE, "cancelled"), job_type, pool)
    by, by_filter = this_person(reason), _by_filter(names, (status, job_type, pool))
    with open_dispatcher() as prefect:
        if not by_filter:
            do_to_each(prefect, names or [], lambda job_id: prefect.jobs.cancel(job_id, by)).show(output)
            return
        count = _confirmed(prefect, chosen, BulkAction.CANCEL, yes)
        cancelled = prefect.bulk.cancel(chosen, by) if count else 0
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
    reason: ReasonOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Delete jobs that are over from the server, with their logs; files and the catalogue stay as they are."""
    chosen = filter_of(_of(status, tuple(FINAL), "cleared"), job_type, pool, until=before(older_than))
    by, by_filter = this_person(reason), _by_filter(names, (status, job_type, pool, older_than))
    with open_dispatcher() as prefect:
        named = do_to_each(prefect, names or [], lambda job_id: _over(prefect.jobs.read(job_id)))
        ids = list(dict.fromkeys(job.id for job in named.jobs))
        count = prefect.bulk.count(chosen) if by_filter else len(ids)
        if count:
            confirm(f"Delete {count} job(s) that are over, with their logs?", yes)
        cleared = prefect.bulk.clear(chosen if by_filter else ids, by) if count else 0
    if output == "json":
        print_json({"chosen": count, "cleared": cleared} | ({} if by_filter else {"errors": named.errors_json()}))
    else:
        typer.echo(f"{cleared} cleared")
    named.exit_over_errors(silent=output == "json")


def pause(
    names: JobsArgument = None,
    status: StatusOption = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Pause jobs: one that waits keeps its place, one that runs is stopped and goes on from its finished chunks."""
    chosen = filter_of(_of(status, _changed(BulkAction.PAUSE), "paused"), job_type, pool)
    by, by_filter = this_person(reason), _by_filter(names, (status, job_type, pool))
    _steer(
        _Choice(names or (), chosen if by_filter else None, yes, output),
        _Steering(
            BulkAction.PAUSE, "paused",
            lambda prefect, job_id: prefect.jobs.pause(job_id, by),
            lambda prefect: prefect.bulk.pause(chosen, by),
        ),
    )  # fmt: skip


def resume(
    names: JobsArgument = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Let paused jobs go on, in the places that they had."""
    chosen = filter_of(_changed(BulkAction.RESUME), job_type, pool)
    by, by_filter = this_person(reason), _by_filter(names, (job_type, pool))
    _steer(
        _Choice(names or (), chosen if by_filter else None, yes, output),
        _Steering(
            BulkAction.RESUME, "resumed",
            lambda prefect, job_id: prefect.jobs.resume(job_id, by),
            lambda prefect: prefect.bulk.resume(chosen, by),
        ),
    )  # fmt: skip


def prioritize(
    names: JobsArgument = None,
    priority: PriorityOption = None,
    queue: QueueOption = None,
    front: Annotated[bool, typer.Option("--front", help="To the front of its own lane, instead.")] = False,
    status: StatusOption = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Move waiting jobs to another lane; they keep their ids and logs."""
    if front == (priority is not None or queue is not None):
        raise UserError("Give --priority or --queue, or --front alone.")
    lane, by = place(priority, queue), this_person(reason)
    by_filter = _by_filter(names, (status, job_type, pool))
    if by_filter and front:
        raise UserError("Only jobs that are named can be moved to the front.")
    chosen = filter_of(_of(status, _changed(BulkAction.PRIORITISE), "moved"), job_type, pool)

    def move(prefect: Dispatcher, job_id: uuid.UUID) -> Job:
        return prefect.jobs.move_to_front(job_id, by) if front else prefect.jobs.prioritise(job_id, **lane, by=by)

    _steer(
        _Choice(names or (), chosen if by_filter else None, yes, output),
        _Steering(
            BulkAction.PRIORITISE, "moved", move,
            lambda prefect: prefect.bulk.prioritise(chosen, resolve_lane(**lane), by),
        ),
    )  # fmt: skip


def retry(
    names: JobsArgument = None,
    dead_letters: Annotated[bool, typer.Option("--dead", help="Every job that is out of retries.")] = False,
    status: StatusOption = None,
    job_type: TypeOption = None,
    pool: PoolOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Send failed or cancelled jobs back at once, with a fresh count of retries."""
    by = this_person(reason)
    if dead_letters:
        if names or status or job_type or pool:
            raise UserError("Name jobs, or give --dead for all that are out of retries.")
        _retry_dead_letters(by, output, yes)
        return
    by_filter = _by_filter(names, (status, job_type, pool))
    chosen = filter_of(_of(status, _changed(BulkAction.RETRY), "sent back"), job_type, pool)
    _steer(
        _Choice(names or (), chosen if by_filter else None, yes, output),
        _Steering(
            BulkAction.RETRY, "sent back",
            lambda prefect, job_id: prefect.jobs.retry(job_id, by),
            lambda prefect: prefect.bulk.retry(chosen, by),
        ),
    )  # fmt: skip


def _retry_dead_letters(by: Actor, output: Output, yes: bool) -> None:
    refused: list[UserError] = []
    with open_dispatcher() as prefect:
        count = prefect.bulk.count(filter_of((JobStatus.FAILED,), None, None, dead_letter=True))
        if count:
            confirm(f"Send {count} job(s) back that are out of retries?", yes)
        sent = prefect.jobs.retry_dead_letters(by, on_refused=refused.append)
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


class _Choice(NamedTuple):
    """Which jobs are meant, and how the person hears of it."""

    names: Sequence[str]
    chosen: JobFilter | None  # None: those that are named
    yes: bool
    output: Output


class _Steering(NamedTuple):
    """What is done to jobs, one by one or to all that a filter chooses."""

    action: BulkAction
    done: str
    to_one: Callable[[Dispatcher, uuid.UUID], Job]
    to_all: Callable[[Dispatcher], BulkResult]


def _steer(choice: _Choice, steering: _Steering) -> None:
    with open_dispatcher() as prefect:
        if choice.chosen is None:
            do_to_each(prefect, choice.names, partial(steering.to_one, prefect)).show(choice.output)
            return
        count = _confirmed(prefect, choice.chosen, steering.action, choice.yes)
        _show_bulk(count, steering.to_all(prefect) if count else _NOTHING, steering.done, choice.output)


def _changed(action: BulkAction) -> tuple[JobStatus, ...]:
    """Statuses of the jobs that an action changes."""
    return tuple(status for status in JobStatus if status in CHANGES[action])


def _confirmed(prefect: Dispatcher, chosen: JobFilter, action: BulkAction, yes: bool) -> int:
    """Count what an action would touch, and ask.

    Returns:
        How many jobs are chosen; nothing is asked where there are none.

    Raises:
        typer.Exit: the reply is no.
    """
    preview = prefect.bulk.preview(chosen, action)
    if preview.total:
        confirm(f"{str(action).capitalize()} {in_words(preview)}", yes)
    return preview.total


def _show_bulk(chosen: int, result: BulkResult, done: str, output: Output) -> None:
    """Print what was done to jobs that a filter chose.

    Raises:
        typer.Exit: it could not be done to some.
    """
    if output == "json":
        print_json({"chosen": chosen, "done": result.done, "refused": result.refused, "reasons": list(result.reasons)})
    else:
        typer.echo(f"{result.done} {done}" + (f", {result.refused} refused" if result.refused else ""))
        for reason in result.reasons:
            print_error(reason)
    if result.refused:
        raise typer.Exit(ExitCode.FAILED)


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
