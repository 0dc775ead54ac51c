"""Which jobs a command is about: named, or chosen by what they are."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from reelmill.cli.completion import job_types, lane_names, pool_names
from reelmill.cli.exit_codes import ExitCode
from reelmill.cli.views.console import print_error
from reelmill.cli.views.job_view import entry_json, jobs_json, print_in_full, print_jobs
from reelmill.cli.views.output import Output, print_json
from reelmill.errors import UserError
from reelmill.queue.bulk_action import BulkPreview
from reelmill.queue.job import LEVELS, Job, JobStatus

if TYPE_CHECKING:
    from reelmill.catalogue.models import AuditEntry
    from reelmill.dispatch import Dispatcher, JobFilter, Progress

JobsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[JOB]…", help="Ids, beginnings of ids, or names of runs.")
]
StatusOption = Annotated[list[JobStatus] | None, typer.Option("--status", help="Jobs of this status; may be repeated.")]
TypeOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Jobs of this type; may be repeated.", autocompletion=job_types),
]
PoolOption = Annotated[
    str | None, typer.Option("--pool", help="Jobs of this pool; or the pool to use.", autocompletion=pool_names)
]
LaneOption = Annotated[str | None, typer.Option("--lane", help="One lane alone.", autocompletion=lane_names)]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why, for the log of the job and the audit.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PriorityOption = Annotated[
    str | None, typer.Option("--priority", help="1 (first) to 10; or high, medium, low within the queue.")
]
QueueOption = Annotated[str | None, typer.Option("--queue", help="live, default, batch or idle.")]

#: A number of more digits is no priority, and one of very many is none that Python reads.
_DIGITS: Final = 10

_AGE: Final = re.compile(r"(\d+)\s*(min|m|h|d|w)")
_UNITS: Final = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass
class Deeds:
    """What was done to jobs that were named, and to which it could not be."""

    jobs: list[Job] = field(default_factory=list)
    errors: list[tuple[str, UserError]] = field(default_factory=list)

    def show(
        self,
        output: Output,
        progress: Mapping[uuid.UUID, Progress] | None = None,
        *,
        in_full: Mapping[uuid.UUID, Sequence[AuditEntry]] | None = None,
    ) -> None:
        """Print both.

        Args:
            output: table or json.
            progress: of the jobs.
            in_full: who did what to each job, for a list of everything known of it; None: a row for each job.

        Raises:
            typer.Exit: something could not be done.
        """
        if output == "json":
            shown = jobs_json(self.jobs, progress)
            if in_full is not None:
                for job, record in zip(self.jobs, shown, strict=True):
                    record["audit"] = [entry_json(entry) for entry in in_full[job.id]]
            print_json({"jobs": shown, "errors": self.errors_json()})
        elif in_full is not None:
            print_in_full(self.jobs, progress or {}, in_full)
        elif self.jobs:
            print_jobs(self.jobs, progress)
        self.exit_over_errors(silent=output == "json")

    def errors_json(self) -> list[dict[str, str]]:
        """What could not be done, for programs."""
        return [{"name": name, "error": str(error)} for name, error in self.errors]

    def exit_over_errors(self, *, silent: bool = False) -> None:
        """Print what could not be done.

        Args:
            silent: it was printed before.

        Raises:
            typer.Exit: there is something.
        """
        for _, error in () if silent else self.errors:
            print_error(error)
        if self.errors:
            raise typer.Exit(ExitCode.FAILED)


def do_to_each(prefect: Dispatcher, names: Sequence[str], act: Callable[[uuid.UUID], Job]) -> Deeds:
    """Do something to each of these jobs; one that it cannot be done to does not stop the others.

    Args:
        prefect: their queue.
        names: ids, beginnings of ids, or names of runs.
        act: does it to one job, and returns it as it is then.

    Returns:
        What came of it.
    """
    deeds = Deeds()
    for name in names:
        try:
            deeds.jobs.append(act(prefect.jobs.find(name)))
        except UserError as error:
            deeds.errors.append((name, error))
    return deeds


def filter_of(
    statuses: Sequence[JobStatus] | None, types: Sequence[str] | None, pool: str | None, **more: Any
) -> JobFilter:
    """The filter that these options make.

    Args:
        statuses: of the jobs.
        types: of the jobs; older names included.
        pool: theirs.
        **more: other fields of ``JobFilter``.

    Returns:
        The filter.
    """
    from reelmill.dispatch import JobFilter

    return JobFilter(statuses=tuple(statuses or ()), types=tuple(types or ()), pool=pool, **more)


def place(priority: str | None, queue: str | None) -> dict[str, Any]:
    """A lane as people say it, as the dispatcher takes it (pure).

    Args:
        priority: 1 to 10, or high, medium, low.
        queue: live, default, batch or idle.

    Returns:
        Options of ``Jobs.submit``.

    Raises:
        UserError: there is no such priority.
    """
    if priority is None:
        return {} if queue is None else {"queue": queue}
    if priority.isdecimal() and len(priority) < _DIGITS:
        return {"priority": int(priority), "queue": queue} if queue is not None else {"priority": int(priority)}
    if priority not in LEVELS:
        raise UserError(f"{priority!r} is no priority; it is 1 (first) to 10, or {', '.join(LEVELS)}.")
    return {"queue": queue, "level": priority}


def before(age: str | None) -> datetime | None:
    """The moment that long ago.

    Args:
        age: such as ``30min``, ``12h``, ``7d``; None is None.

    Returns:
        The moment.

    Raises:
        UserError: it is no such age.
    """
    if age is None:
        return None
    try:
        return datetime.now(UTC) - parse_age(age)
    except OverflowError:  # before the first year
        raise UserError(f"{age[:60]!r} is longer ago than time is counted; no job is so old.") from None


def parse_age(text: str) -> timedelta:
    """How long ago something is.

    Args:
        text: such as ``30min``, ``12h``, ``7d``.

    Returns:
        The time since.

    Raises:
        UserError: it is no such age.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise UserError(f"{text!r} is no age; write it as 30min, 12h, 7d or 2w.")
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except (OverflowError, ValueError):  # or of more digits than Python reads
        raise UserError(f"{text[:60]!r} is longer ago than time is counted; no job is so old.") from None


def in_words(preview: BulkPreview) -> str:
    """What an action would touch, as the rest of a question."""
    statuses = ", ".join(f"{count} {status}" for status, count in preview.by_status.items())
    left = ", ".join(f"{count} {reason}" for reason, count in preview.untouched.items())
    more = f"; left alone: {left}" if left else ""
    return f"{preview.would_change} job(s)? {preview.total} are chosen: {statuses}{more}"


def confirm(question: str, yes: bool) -> None:
    """Ask, unless that was answered before.

    Args:
        question: what is about to be done.
        yes: it was.

    Raises:
        typer.Exit: the reply is no, or there is nobody to ask.
    """
    if yes:
        return
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        typer.echo("nothing was done; --yes does it without asking", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not agreed:
        raise typer.Exit(ExitCode.INTERRUPTED)
