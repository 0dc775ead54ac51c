"""``reelmill audit``: who did what to jobs and to the site."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelmill.cli.catalogue_access import open_with_catalogue
from reelmill.cli.job_choice import before
from reelmill.cli.views.job_view import entry_json
from reelmill.cli.views.output import OutputOption, print_json, print_table
from reelmill.cli.views.times import local

if TYPE_CHECKING:
    from reelmill.catalogue.models import AuditEntry
    from reelmill.dispatch import Dispatcher

_PAGE = 200


def audit(
    job: Annotated[str | None, typer.Option(metavar="JOB", help="Of one job: id, its beginning, or name.")] = None,
    since: Annotated[str | None, typer.Option(help="At most so long ago, such as 2h or 7d.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="So many at most.")] = 50,
    output: OutputOption = "table",
) -> None:
    """List who did what to jobs and to the site, the newest first."""
    oldest, size = before(since), min(limit, _PAGE)
    with open_with_catalogue() as prefect:
        job_id = None if job is None else _named(prefect, job)
        page = prefect.audit.entries(job_id, since=oldest, size=size)
        found = list(page.entries)
        for number in range(2, page.pages + 1):
            if len(found) >= limit:
                break
            found += prefect.audit.entries(job_id, since=oldest, page=number, size=size).entries
    found = found[:limit]
    if output == "json":
        print_json({"entries": [entry_json(entry) for entry in found], "total": page.total})
        return
    _print_entries(found)
    if len(found) < page.total:
        typer.echo(f"{len(found)} of {page.total}; --limit shows more", err=True)


def _print_entries(entries: Iterable[AuditEntry]) -> None:
    rows = [
        (local(one.at), one.actor, one.origin, one.action, one.job_id, one.reason, _in_words(one.details))
        for one in entries
    ]
    print_table(("at", "who", "through", "action", "job", "reason", "details"), rows, whole=("at", "action", "job"))


def _named(prefect: Dispatcher, name: str) -> uuid.UUID:
    """The job that is meant; the whole id of one that was cleared away will do."""
    try:
        return uuid.UUID(name)
    except ValueError:
        return prefect.jobs.find(name)


def _in_words(details: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in details.items())
