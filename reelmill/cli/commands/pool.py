"""``reelmill pool``: work pools and their lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.completion import pool_names
from reelmill.cli.job_choice import LaneOption, ReasonOption
from reelmill.cli.server import open_dispatcher, this_person
from reelmill.cli.views.output import OutputOption, print_json, print_table

if TYPE_CHECKING:
    from reelmill.dispatch import Actor

pool = typer.Typer(name="pool", no_args_is_help=True, help="Work pools: list, drain, pause, resume.")

_PoolArgument = Annotated[str, typer.Argument(metavar="POOL", autocompletion=pool_names)]


@pool.command("list")
def list_pools(
    lanes: Annotated[bool, typer.Option("--lanes", help="With a row for each lane.")] = False,
    output: OutputOption = "table",
) -> None:
    """List the pools: how many jobs run and wait, and what takes nothing new."""
    with open_dispatcher() as prefect:
        found = prefect.pools.all()
    if output == "json":
        print_json({"pools": found})
    elif lanes:
        rows: list[tuple[object, ...]] = [
            (each.name, lane.name, lane.priority, lane.waiting, "paused" if lane.paused or each.drained else "open")
            for each in found
            for lane in each.lanes
        ]
        print_table(("pool", "lane", "priority", "waiting", "state"), rows, right=("priority", "waiting"))
    else:
        rows = [
            (
                each.name,
                "drained" if each.drained else "open",
                f"{each.active} of {each.limit}" if each.limit is not None else each.active,
                each.waiting,
                ", ".join(lane.name for lane in each.lanes if lane.paused),
            )
            for each in found
        ]
        print_table(("pool", "state", "active", "waiting", "paused lanes"), rows, right=("active", "waiting"))


@pool.command()
def drain(name: _PoolArgument, reason: ReasonOption = None, output: OutputOption = "table") -> None:
    """Let a pool take nothing new; what runs is left to end."""
    _pause(name, None, this_person(reason), output)


@pool.command()
def pause(
    name: _PoolArgument, lane: LaneOption = None, reason: ReasonOption = None, output: OutputOption = "table"
) -> None:
    """Let one lane of a pool start nothing more; without --lane the whole pool, as `drain` does."""
    _pause(name, lane, this_person(reason), output)


@pool.command()
def resume(
    name: _PoolArgument, lane: LaneOption = None, reason: ReasonOption = None, output: OutputOption = "table"
) -> None:
    """Let a pool, or one lane of it, take jobs again."""
    with open_dispatcher() as prefect:
        if lane is None:
            prefect.pools.undrain(name, this_person(reason))
        else:
            prefect.lanes.resume(name, lane, this_person(reason))
    _print_state(name, lane, "open", output)


def _pause(name: str, lane: str | None, by: Actor, output: str) -> None:
    with open_dispatcher() as prefect:
        if lane is None:
            prefect.pools.drain(name, by)
        else:
            prefect.lanes.pause(name, lane, by)
    _print_state(name, lane, "drained" if lane is None else "paused", output)


def _print_state(name: str, lane: str | None, state: str, output: str) -> None:
    if output == "json":
        print_json({"pool": name, "lane": lane, "state": state})
    else:
        typer.echo(f"{name}{'' if lane is None else f', lane {lane}'}: {state}")
