"""``reelmill token``: the bearer tokens of the REST API."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from reelmill.api.access.roles import Role
from reelmill.cli.catalogue_access import require_catalogue
from reelmill.cli.views.console import console
from reelmill.cli.views.output import OutputOption, print_json, print_table
from reelmill.cli.views.times import ago, local
from reelmill.errors import UserError

if TYPE_CHECKING:
    from reelmill.catalogue.models import ApiToken
    from reelmill.queue.actor import Actor

token = typer.Typer(name="token", no_args_is_help=True, help="Tokens of the REST API: create, list, revoke.")

_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@token.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: shown with all that is done with it.")],
    role: Annotated[
        Role,
        typer.Option(
            help="SUPER_ADMIN: everything. AUTOMATION: create jobs. VIEWER: look at videos. SCRAPER: read metrics."
        ),
    ],
    ttl: Annotated[str, typer.Option(help="How long it holds: 90d, 12h, 30min, never.")] = "90d",
    output: OutputOption = "table",
) -> None:
    """Make a token, and print it this once: it is kept nowhere."""
    if output != "json" and not sys.stdout.isatty():
        raise UserError(
            "A token is shown on a terminal alone, lest a log keeps it; for a program, use `--output json`."
        )
    lifetime = _lifetime(ttl)
    require_catalogue()
    from reelmill.api.access import tokens  # late: the catalogue takes a moment to import

    issued = tokens.issue(name, role, lifetime, this_actor())
    if output == "json":
        print_json({"token": issued.text, **_fields(issued.row)})
        return
    typer.echo(issued.text)
    console().print("shown this once; a program sends it as `Authorization: Bearer …`")


@token.command("list")
def list_tokens(output: OutputOption = "table") -> None:
    """List the tokens, those that are over, too; never the texts of them."""
    require_catalogue()
    from reelmill.api.access import tokens

    found = tokens.all_tokens()
    if output == "json":
        print_json({"tokens": [_fields(row) for row in found]})
        return
    rows = [(row.id, row.name, row.role, _state(row), local(row.created_at), _expiry(row)) for row in found]
    print_table(("id", "name", "role", "state", "made", "expires"), rows, whole=("id",))


@token.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="NAME|ID", help="Of a token; a name stands for all that bear it.")],
    output: OutputOption = "table",
) -> None:
    """Revoke a token; it opens nothing from now on."""
    require_catalogue()
    from reelmill.api.access import tokens

    revoked: Sequence[ApiToken] = tokens.revoke(which, this_actor())
    if output == "json":
        print_json({"revoked": [_fields(row) for row in revoked]})
        return
    for row in revoked:
        typer.echo(f"revoked {row.id} of {row.name}")
    if not revoked:
        typer.echo("revoked before")


def this_actor() -> Actor:
    """Whoever types a command, for the audit table."""
    from reelmill.dispatch.runs.control import this_user  # late: Prefect takes a second to import

    return replace(this_user(), origin="cli")


def _lifetime(text: str) -> timedelta | None:
    if text == "never":
        return None
    found = re.fullmatch(r"(\d{1,7}) ?(s|min|h|d|w)", text.strip())
    if found is None:
        raise UserError(f"--ttl {text} is no time: write 90d, 12h, 30min, 2w, or never.")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _fields(row: ApiToken) -> dict[str, Any]:
    return {**row.model_dump(), "state": _state(row)}


def _state(row: ApiToken) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= datetime.now(UTC) else "valid"


def _expiry(row: ApiToken) -> str:
    return "never" if row.expires_at is None else ago(row.expires_at)
