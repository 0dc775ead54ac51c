"""``reelmill pool``: work pools and their lanes."""

from __future__ import annotations

from typing import Annotated

import typer

from reelmill.cli.completion import pool_names
from reelmill.cli.job_choice import LaneOption
from reelmill.cli.output import OutputOption, print_json, print_table
from reelmill.cli.server import open_dispatcher

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
def drain(name: _PoolArgument, output: OutputOption = "table") -> None:
    """Let a pool take nothing new; what runs is left to end."""
    _pause(name, None, output)


@pool.command()
def pause(name: _PoolArgument, lane: LaneOption = None, output: OutputOption = "table") -> None:
    """Let one lane of a pool start nothing more; without --lane the whole pool, as `drain` does."""
    _pause(name, lane, output)


@pool.command()
def resume(name: _PoolArgument, lane: LaneOption = None, output: OutputOption = "table") -> None:
    """Let a pool, or one lane of it, take jobs again."""
    with open_dispatcher() as prefect:
        if lane is None:
            prefect.pools.undrain(name)
        else:
            prefect.lanes.resume(name, lane)
    _print_state(name, lane, "open", output)


def _pause(name: str, lane: str | None, output: str) -> None:
    with open_dispatcher() as prefect:
        if lane is None:
            prefect.pools.drain(name)
        else:
            prefect.lanes.pause(name, lane)
    _print_state(name, lane, "drained" if lane is None else "paused", output)


def _print_state(name: str, lane: str | None, state: str, output: str) -> None:
    if output == "json":
        print_json({"pool": name, "lane": lane, "state": state})
    else:
        typer.echo(f"{name}{'' if lane is None else f', lane {lane}'}: {state}")
