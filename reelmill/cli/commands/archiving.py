"""``reelmill jobs archive``: old jobs leave the server for files."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.job_choice import ReasonOption, YesOption, confirm, parse_age
from reelmill.cli.server import open_dispatcher, this_person
from reelmill.cli.views.output import OutputOption, print_json
from reelmill.errors import UserError
from reelmill.settings import get_settings

if TYPE_CHECKING:
    from reelmill.dispatch.services.archive import ArchivedPortion


def archive(
    older_than: Annotated[
        str | None, typer.Option(help="Ended before that, such as 90d; unless given: REELMILL_KEEP_JOBS_DAYS.")
    ] = None,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="Those that are out of retries, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and archive nothing.")] = False,
    reason: ReasonOption = None,
    yes: YesOption = False,
    output: OutputOption = "table",
) -> None:
    """Write jobs that ended long ago to files in the data folder, and remove them from the server; totals stay."""
    age, silent = _age(older_than), output == "json"
    portions: list[ArchivedPortion] = []
    by = this_person(reason)

    def show(portion: ArchivedPortion) -> None:
        portions.append(portion)
        if not silent:
            typer.echo(f"{portion.jobs} in {portion.file}")

    with open_dispatcher() as prefect:
        found = prefect.archive.count(age, dead_letters=dead_letters)
        total = sum(found.values())
        if total and not dry_run:
            confirm(f"Archive {total} job(s) and remove them from the server?", yes)
        # Where none is old, what was killed on the way is finished all the same.
        jobs = 0 if dry_run else prefect.archive.write(age, dead_letters=dead_letters, by=by, on_portion=show)
    if silent:
        print_json({"old": found, "archived": jobs, "files": [portion.file for portion in portions]})
    elif dry_run:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(found.items()))
        typer.echo(f"{total} old" + (f": {counts}" if counts else ""))
    else:
        typer.echo(f"{jobs} archived")


def _age(older_than: str | None) -> timedelta:
    if older_than is not None:
        return parse_age(older_than)
    days = get_settings().keep_jobs_days
    if days is None:
        raise UserError("Give --older-than, such as 90d, or set REELMILL_KEEP_JOBS_DAYS.")
    return timedelta(days=days)
