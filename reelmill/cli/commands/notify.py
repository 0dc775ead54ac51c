"""``reelmill notify``: messages to people when jobs fail or are done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.server import open_dispatcher, this_person
from reelmill.cli.views.console import console
from reelmill.cli.views.output import OutputOption, print_json, print_table
from reelmill.errors import UserError

if TYPE_CHECKING:
    from reelmill.dispatch.automations.notifications import Notification, Occasion

notify = typer.Typer(name="notify", no_args_is_help=True, help="Notifications of jobs: add, list, test, remove.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]


@notify.command()
def add(
    name: NameArgument,
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="Of a webhook, or as Apprise takes it: mailto://…, ntfy://…; - reads it."),
    ],
    on: Annotated[
        list[str] | None, typer.Option("--on", help="failure (the default), dead-letter or finished; several in turn.")
    ] = None,
    every: Annotated[
        float, typer.Option(min=0, help="At most one message of each kind in so many seconds; 0: all of them.")
    ] = 60.0,
    output: OutputOption = "table",
) -> None:
    """Have a message sent when a job has failed for good, is out of retries, or is done."""
    if not math.isfinite(every):
        raise UserError(f"--every is a number of seconds, such as 60, and {every} is none.")
    address = typer.get_text_stream("stdin").readline().strip() if url == "-" else url
    with open_dispatcher() as prefect:
        added = prefect.notifications.add(name, address, _occasions(on or ["failure"]), every=every, by=this_person())
    _show([added], output)
    console().print(f"`reelmill notify test {name}` sends one now", markup=False)


@notify.command("list")
def list_notifications(output: OutputOption = "table") -> None:
    """List the notifications; their addresses are secrets of the Prefect server and not shown."""
    with open_dispatcher() as prefect:
        found = prefect.notifications.all()
    _show(found, output)


@notify.command("test")
def send_test(name: NameArgument, output: OutputOption = "table") -> None:
    """Send a message now, from this node; those of jobs are sent by the Prefect server."""
    with open_dispatcher() as prefect:
        prefect.notifications.send(name, "Reelmill: a test", f"The notification {name} arrives.")
    if output == "json":
        print_json({"sent": name})
        return
    console().print("sent", markup=False)


@notify.command()
def remove(name: NameArgument, output: OutputOption = "table") -> None:
    """Remove a notification and its address."""
    with open_dispatcher() as prefect:
        prefect.notifications.remove(name, this_person())
    if output == "json":
        print_json({"removed": name})
        return
    console().print(f"removed the notification {name}", markup=False)


def _occasions(names: list[str]) -> list[Occasion]:
    from reelmill.dispatch.automations.notifications import Occasion

    known = [str(occasion) for occasion in Occasion]
    for name in names:
        if name not in known:
            raise UserError(f"There is no notification on {name!r}; there is {', '.join(known)}.")
    return [Occasion(name) for name in names]


def _show(found: list[Notification], output: str) -> None:
    if output == "json":
        records = [{"name": one.name, "on": list(one.on), "every": one.every, "enabled": one.enabled} for one in found]
        print_json({"notifications": records})
        return
    rows = [(one.name, ", ".join(one.on), f"{one.every:g} s", "yes" if one.enabled else "no") for one in found]
    print_table(("notification", "on", "at most every", "enabled"), rows)
