"""``reelmill batch``: batches seen and steered; and what ``reelmill jobs submit --where`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelmill.cli.catalogue_access import open_with_catalogue, require_catalogue
from reelmill.cli.job_choice import ReasonOption, YesOption, confirm
from reelmill.cli.server import this_person
from reelmill.cli.views.console import console
from reelmill.cli.views.output import Output, OutputOption, print_json, print_record, print_table
from reelmill.cli.views.times import ago, with_ago
from reelmill.queue.job import JobStatus, canonical
from reelmill.queue.parameter_text import parse_parameters
from reelmill.wording import in_seconds

if TYPE_CHECKING:
    from reelmill.dispatch import BatchPreview, BatchStatus, Dispatcher

batch = typer.Typer(name="batch", no_args_is_help=True, help="Batches: the same job for many videos, as one.")

IdArgument = Annotated[str, typer.Argument(metavar="BATCH", help="Its id.")]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", help="For all videos that this filter chooses, as one batch: 'thumbnail is missing'."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="With --where: count, and hand in nothing.")]


@dataclass(frozen=True)
class BatchRequest:
    """A batch as it was typed."""

    job_type: str
    where: str
    texts: Sequence[str]  # parameters as ``name=value``
    options: Mapping[str, Any]  # of ``Jobs.submit``


def submit_batch(prefect: Dispatcher, request: BatchRequest, *, dry_run: bool, yes: bool, output: Output) -> None:
    """Count what a batch would do, ask, and make it.

    Args:
        prefect: the queue.
        request: what was asked for.
        dry_run: only count.
        yes: do not ask.
        output: for people or programs.

    Raises:
        FilterError, UserError: what was asked for makes no sense.
    """
    require_catalogue()
    options: Any = {name: value for name, value in request.options.items() if value not in (None, False)}
    schema = prefect.jobs.schema(request.job_type, options.get("pool"))
    parameters = parse_parameters(canonical(request.job_type), request.texts, schema)
    preview = prefect.batches.preview(request.job_type, request.where, parameters, options)
    if output == "table":
        _print_preview(request.job_type, preview)
    if dry_run or not preview.matched:
        if output == "json":
            print_json({"preview": preview})
        return
    confirm(f"Hand in {preview.matched} job(s) as one batch?", yes)
    made = prefect.batches.submit(request.job_type, request.where, parameters, options, this_person())
    if output == "json":
        print_json({"preview": preview, "batch": made.model_dump(mode="json")})
    else:
        typer.echo(f"batch {made.id}; `reelmill batch status {made.id}` shows how it is doing")


@batch.command("list")
def list_batches(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="So many at most.")] = 10,
    output: OutputOption = "table",
) -> None:
    """List batches, the newest first."""
    with open_with_catalogue() as prefect:
        found = prefect.batches.all(limit)
    if output == "json":
        print_json({"batches": [_plain(one) for one in found]})
        return
    header = ("id", "job", "state", "videos", "completed", "failed", "under way", "to come", "left", "made", "filter")
    print_table(header, map(_row, found), right=header[3:8], whole=header[:3])


@batch.command()
def status(batch_id: IdArgument, output: OutputOption = "table") -> None:
    """Show how a batch is doing: its jobs by status, what is to come, how long it will take."""
    with open_with_catalogue() as prefect:
        _show(prefect.batches.status(batch_id), output)


@batch.command()
def pause(batch_id: IdArgument, reason: ReasonOption = None, output: OutputOption = "table") -> None:
    """Hand in nothing more, and pause the jobs that wait; those that run go on to their end."""
    with open_with_catalogue() as prefect:
        _show(prefect.batches.pause(batch_id, this_person(reason)), output)


@batch.command()
def resume(batch_id: IdArgument, reason: ReasonOption = None, output: OutputOption = "table") -> None:
    """Let a paused batch go on where it was."""
    with open_with_catalogue() as prefect:
        _show(prefect.batches.resume(batch_id, this_person(reason)), output)


@batch.command()
def cancel(
    batch_id: IdArgument, reason: ReasonOption = None, yes: YesOption = False, output: OutputOption = "table"
) -> None:
    """Hand in nothing more, cancel the jobs that wait, and stop those that run."""
    with open_with_catalogue() as prefect:
        before = prefect.batches.status(batch_id)
        confirm(f"Cancel {before.under_way} job(s), and {before.to_come} video(s) that are to come?", yes)
        _show(prefect.batches.cancel(batch_id, this_person(reason)), output)


def _print_preview(job_type: str, preview: BatchPreview) -> None:
    out = console()
    out.print(f"{canonical(job_type)} for {preview.matched} video(s): {preview.filter}", markup=False)
    for path in preview.examples:
        out.print(f"  {path}", markup=False)
    if preview.matched > len(preview.examples):
        out.print(f"  and {preview.matched - len(preview.examples)} more")
    if preview.already:
        out.print(f"{preview.already} of them have what it makes already")


def _plain(found: BatchStatus) -> dict[str, Any]:
    return {
        **found.batch.model_dump(mode="json"),
        "jobs": {str(status): count for status, count in found.jobs.items()},
        "to_come": found.to_come,
        "seconds_left": found.seconds_left,
    }


def _row(found: BatchStatus) -> tuple[object, ...]:
    row, jobs = found.batch, found.jobs
    return (
        *(row.id, row.job_type, row.state, row.matched, jobs[JobStatus.COMPLETED], jobs[JobStatus.FAILED]),
        *(found.under_way, found.to_come, _left(found), ago(row.created_at), row.filter),
    )


def _show(found: BatchStatus, output: Output) -> None:
    if output == "json":
        print_json(_plain(found))
        return
    row = found.batch
    print_record(
        [
            ("batch", row.id),
            ("job", row.job_type),
            ("filter", row.filter),
            ("parameters", ", ".join(f"{name}={value}" for name, value in row.parameters.items())),
            ("state", f"{row.state}: {row.reason}" if row.reason else row.state),
            ("videos", f"{row.matched} chosen, {found.to_come} to come"),
            ("jobs", ", ".join(f"{count} {status}" for status, count in found.jobs.items() if count)),
            ("folded", f"{row.folded}: the same work was under way" if row.folded else None),
            ("refused", row.refused or None),
            ("left", _left(found)),
            ("made", f"{with_ago(row.created_at)} by {row.created_by}"),
            ("ended", with_ago(row.ended_at)),
        ]
    )
    for refusal in row.refusals:
        typer.echo(f"  {refusal['name']}: {refusal['reason']}")


def _left(found: BatchStatus) -> str:
    return "" if found.seconds_left is None else in_seconds(found.seconds_left)
