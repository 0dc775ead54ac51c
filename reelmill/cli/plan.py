"""``reelmill plan``: what ``reencode`` would do with videos of the library, or with any files, and why."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast, get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from reelmill.errors import UserError
from reelmill.ffmpeg.transcoder import Encoder, Transcoder
from reelmill.operations.plan import Asked, Plan, plan_files, plan_library
from reelmill.operations.plan_table import HEADER, rows, summary
from reelmill.operations.reencode import Preset, web_h264
from reelmill.operations.workbench import Workbench
from reelmill.report import Silent

#: Columns of a table that goes into a file or a pipe.
_WIDTH = 200


def run_plan(
    targets: Sequence[str],
    *,
    everything: bool,
    samples: bool,
    force: bool,
    target_bitrate: int,
    crf: int,
    preset: str,
    encoder: str,
    output: Literal["text", "json"],
) -> None:
    """Make the plan and print it; the arguments are those of the command.

    Raises:
        UserError: what was asked for makes no sense.
    """
    paths, ids = sort_out(targets, everything=everything)
    transcoder = Transcoder()
    h264 = web_h264(
        transcoder,
        target_bitrate=target_bitrate,
        crf=crf,
        preset=cast(Preset, _one_of(preset, Preset, "preset")),
        encoder=cast(Encoder, _one_of(encoder, Encoder, "encoder")),
    )
    asked = Asked(transcoder, h264, samples=samples, force=force)
    with Console(stderr=True).status("looking") as shown:  # nothing where nobody watches
        report = _OnScreen(shown)
        if paths:
            plan = plan_files(paths, asked, report)
        else:
            plan = plan_library(Workbench(transcoder=transcoder, report=report), None if everything else ids, asked)
    if output == "json":
        typer.echo(plan.model_dump_json())
    else:
        _show(plan)


class _OnScreen(Silent):
    """A report of which the last word is seen."""

    def __init__(self, shown: Status):
        self._shown = shown

    def progress(self, fraction: float, text: str = "") -> None:
        self._shown.update(f"{fraction:.0%} {escape(text)}")


def _one_of(text: str, names: object, what: str) -> str:
    if text not in get_args(names):
        raise UserError(f"{text!r} is no {what}; there are {', '.join(get_args(names))}.")
    return text


def sort_out(targets: Sequence[str], *, everything: bool) -> tuple[list[Path], list[str]]:
    """Files and video ids among what was named; what is there as a file is one.

    Raises:
        UserError: nothing was named, both were, or something is neither.
    """
    if everything == bool(targets):
        raise UserError("Name files, or ids of videos, or --all for the whole library.")
    paths, ids = [], []
    for target in targets:
        if Path(target).exists():
            paths.append(Path(target))
        elif _is_id(target):
            ids.append(target)
        else:
            raise UserError(f"{target!r} is neither a file nor the id of a video.")
    if paths and ids:
        raise UserError("Files and ids of videos go into plans of their own; name one kind.")
    return paths, ids


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _show(plan: Plan) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
    table = Table(box=None, pad_edge=False)
    for name in HEADER:
        table.add_column(name, overflow="fold", justify="right" if name in ("now", "saves") else "left")
    for row in rows(plan):
        table.add_row(*row)
    console.print(table)
    console.print(summary(plan), soft_wrap=True)
