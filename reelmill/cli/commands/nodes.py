"""``reelmill nodes``: the nodes of the site and what they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelmill.cli.server import open_dispatcher
from reelmill.cli.views.output import OutputOption, print_json, print_record, print_table
from reelmill.cli.views.times import ago, with_ago
from reelmill.errors import UserError
from reelmill.wording import in_bytes

if TYPE_CHECKING:
    from reelmill.dispatch import Node, WorkerState

nodes = typer.Typer(name="nodes", no_args_is_help=True, help="Nodes: list, describe.")


@nodes.command("list")
def list_nodes(output: OutputOption = "table") -> None:
    """List the nodes: available, busy or offline, and how many jobs they have."""
    with open_dispatcher() as prefect:
        found = prefect.nodes.all()
    if output == "json":
        print_json({"nodes": found})
        return
    rows = [
        (
            node.name,
            node.status,
            f"{node.active_jobs} of {node.max_jobs}",
            ", ".join(node.pools),
            "; ".join(gpu["name"] for gpu in node.hardware.get("gpus") or ()) or "none",
            ago(node.last_heartbeat),
            "; ".join(node.paused),
        )
        for node in found
    ]
    print_table(("node", "status", "jobs", "pools", "GPU", "last heartbeat", "note"), rows, whole=("node", "status"))


@nodes.command()
def describe(
    name: Annotated[str, typer.Argument(metavar="NODE")],
    output: OutputOption = "table",
) -> None:
    """Show everything known of a node: workers, hardware, encoders, GPU memory, load."""
    with open_dispatcher() as prefect:
        found = {node.name: node for node in prefect.nodes.all()}
        if name not in found:
            raise UserError(f"There is no node {name!r}; there are {', '.join(found) or 'none'}.")
        used = {budget.name: budget.used_mb for budget in prefect.numbers.vram()}
    node = found[name]
    if output == "json":
        vram = [
            {
                "limit_name": gpu.limit_name,
                "device": gpu.device,
                "total_mb": gpu.total_mb,
                "used_mb": used.get(gpu.limit_name),
            }
            for gpu in node.vram
        ]
        print_json({**{field: getattr(node, field) for field in node.__dataclass_fields__}, "vram": vram})
        return
    print_record(_facts(node, used))
    typer.echo("")
    rows = [_worker(worker) for worker in node.workers]
    print_table(("worker", "pool", "status", "jobs", "last heartbeat", "note"), rows, whole=("worker",))


def _facts(node: Node, used: dict[str, int]) -> Iterator[tuple[str, Any]]:
    hardware, load = node.hardware, node.load
    yield "node", node.name
    yield "status", node.status
    yield "jobs", f"{node.active_jobs} of {node.max_jobs}"
    yield "last heartbeat", with_ago(node.last_heartbeat)
    yield "polls every", None if hardware.get("poll_seconds") is None else f"{hardware['poll_seconds']:g} s"
    yield "cores", hardware.get("cores")
    yield "memory", _mb(hardware.get("memory_mb"), load.get("memory_available_mb"))
    for gpu in hardware.get("gpus") or ():
        yield "GPU", f"{gpu['name']}, {gpu['total_mb']} MB"
    for budget in node.vram:
        yield "VRAM for jobs", f"{budget.device}: {used.get(budget.limit_name, 0)} of {budget.total_mb} MB in use"
    yield "encoders", ", ".join(hardware.get("encoders") or ())
    yield "trouble", hardware.get("trouble")
    yield "load per core", load.get("load_per_core")
    yield "disk free", None if load.get("disk_free_mb") is None else in_bytes(load["disk_free_mb"] * 2**20)
    yield from (hardware.get("versions") or {}).items()


def _mb(total: int | None, free: int | None) -> str | None:
    if total is None:
        return None
    return f"{total} MB" if free is None else f"{total} MB, {free} MB free"


def _worker(worker: WorkerState) -> tuple[object, ...]:
    facts = worker.facts
    return (
        worker.name,
        worker.pool,
        "online" if worker.online else "offline",
        None if facts is None else f"{facts.active_jobs} of {facts.max_jobs}",
        ago(worker.last_heartbeat),
        None if facts is None else facts.paused,
    )
