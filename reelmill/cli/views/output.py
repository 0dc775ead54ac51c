"""What a command prints on standard output: a table for people, or JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reelmill.cli.views.console import open_console

if TYPE_CHECKING:
    from rich.console import Console

Output = Literal["table", "json"]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="A table for people, or JSON for programs.")]

#: Columns of a table that goes into a file or a pipe, unless COLUMNS is set.
_WIDTH = 200

#: Columns that a cell needs to be read, however long it is.
_NARROWEST = 12


def print_json(value: Any) -> None:
    """One JSON document: names as in Python, times in UTC as ISO 8601 has them, ids and paths as text."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def print_json_list(name: str, items: Iterable[Any]) -> None:
    """One JSON document with a list in it, written as it comes: ``{name: [item, …]}``."""
    typer.echo(f'{{"{name}": [', nl=False)
    for number, item in enumerate(items):
        typer.echo(",\n" if number else "\n", nl=False)
        typer.echo(json.dumps(item, ensure_ascii=False, default=_plain), nl=False)
    typer.echo("]}")


def _plain(value: Any) -> Any:
    """What JSON does not know, in what it knows."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def _console() -> Console:
    unknown = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return open_console(markup=False, width=_WIDTH if unknown else None)


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """A table as wide as the terminal; in one too narrow for it, a short list for each row.

    Args:
        header: names of the columns.
        rows: a cell for each column; None is an empty cell.
        right: the columns whose cells stand at the right, numbers.
        whole: the columns whose cells are never broken, such as ids, which are copied.
    """
    from rich.table import Table

    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    console = _console()
    if _least_width(header, cells, whole) > console.width:
        for row in cells:
            print_record(zip(header, row, strict=True))
            typer.echo("")
        return
    table = Table(box=None, pad_edge=False)
    for name in header:
        table.add_column(
            name,
            overflow="fold",
            no_wrap=name in whole,
            justify="right" if name in right else "left",
        )
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _least_width(header: Sequence[str], cells: Sequence[Sequence[str]], whole: Sequence[str]) -> int:
    """The narrowest that a table can be read at."""
    columns = zip(header, *cells, strict=True)
    widths = [(name, max(map(len, (name, *column)))) for name, *column in columns]
    return sum(width if name in whole else min(width, _NARROWEST) for name, width in widths) + len(widths)


def print_record(facts: Iterable[tuple[str, object]]) -> None:
    """A short list: each fact on a line of its own, with its name; what is None or empty is left out."""
    shown = [(name, str(fact)) for name, fact in facts if fact is not None and str(fact) != ""]
    width = max((len(name) for name, _ in shown), default=0)
    for name, fact in shown:
        typer.echo(f"{name:{width}}  {fact}")
