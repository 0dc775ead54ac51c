"""``reelmill plan``: what ``reencode`` would do with videos of the library, or with any files, and why."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

import typer
from rich.status import Status
from rich.text import Text

from reelmill.catalogue.engine import session
from reelmill.catalogue.naming import parse_id, resolve_video
from reelmill.cli.catalogue_access import require_catalogue
from reelmill.cli.console import open_console
from reelmill.cli.each import FileError, each
from reelmill.cli.output import Output, print_json, print_table
from reelmill.errors import UserError
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.hardware.backends import EncoderChoice
from reelmill.operations.context import Workbench, local_media_root
from reelmill.operations.jobs.reencode import Preset, web_encoding
from reelmill.operations.web_copies.plan import PlanOptions, plan_files, plan_library
from reelmill.operations.web_copies.video_plan import HEADER, Plan
from reelmill.report import NullReport


def run_plan(
    targets: Sequence[str],
    *,
    everything: bool,
    samples: bool,
    force: bool,
    target_bitrate: int,
    max_height: int | None,
    surround: bool,
    crf: int,
    preset: str,
    encoder: str,
    output: Output,
) -> None:
    """Make the plan and print it; the arguments are those of the command.

    Raises:
        UserError: what was asked for makes no sense.
        typer.Exit: 1, after the plan, where something that was named cannot be used.
    """
    paths, names = sort_out(targets, everything=everything, library=local_media_root().mounted)
    transcoder = Transcoder()
    encoding = web_encoding(
        transcoder,
        target_bitrate=target_bitrate,
        max_height=max_height,
        surround=surround,
        crf=crf,
        preset=cast(Preset, _one_of(preset, Preset, "preset")),
        encoder=cast(EncoderChoice, _one_of(encoder, EncoderChoice, "encoder")),
    )
    asked = PlanOptions(transcoder, encoding, samples=samples, force=force)
    with open_console(stderr=True).status("looking") as shown:  # nothing where nobody watches
        report = _OnScreen(shown)
        if paths:
            plan, errors = plan_files(paths, asked, report), []
        else:
            require_catalogue()
            bench = Workbench(transcoder=transcoder, report=report)
            ids, errors = (None, []) if everything else _resolved(names)
            plan = plan_library(bench, ids, asked)
    if output == "json":
        unknown = {"errors": [error.document for error in errors]}
        print_json(plan.model_dump(mode="json") | unknown)
    else:
        _show(plan, errors)
    if errors or (targets and plan.totals.actions["cannot"]):
        raise typer.Exit(1)


def _resolved(names: Sequence[str]) -> tuple[list[str], list[FileError]]:
    """The ids of the videos of these names, and which name leads to none or to several."""
    local_media_root().require()
    with session() as opened:
        found = list(each(names, lambda name: str(resolve_video(opened, name).id)))
    ids = [one for one in found if not isinstance(one, FileError)]
    return ids, [one for one in found if isinstance(one, FileError)]


class _OnScreen(NullReport):
    """A report of which the last word is seen."""

    def __init__(self, shown: Status):
        self._shown = shown

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        self._shown.update(Text(f"{fraction:.0%} {text}"))


def _one_of(text: str, names: object, what: str) -> str:
    if text not in get_args(names):
        raise UserError(f"{text!r} is no {what}; there are {', '.join(get_args(names))}.")
    return text


def sort_out(targets: Sequence[str], *, everything: bool, library: bool) -> tuple[list[Path], list[str]]:
    """Files or names of videos; what is there as a file is one, and so is then what is there as nothing.

    Args:
        targets: what was named.
        everything: whether all of the library was.
        library: whether there is one, whose videos may have been named.

    Returns:
        The files, and the names; of one kind there are none.

    Raises:
        UserError: nothing was named, or both were.
    """
    if everything == bool(targets):
        raise UserError("Name files, or videos of the library, or --all for all of it.")
    there = {target for target in targets if os.path.exists(target)}  # noqa: PTH110 - Path.exists raises at long names
    ids = [target for target in targets if parse_id(target) is not None and target not in there]
    if not there and (ids or library):
        return [], list(targets)
    if ids:
        raise UserError("Files and videos of the library go into plans of their own; name one kind.")
    return [Path(target) for target in targets], []


def _show(plan: Plan, errors: Sequence[FileError]) -> None:
    if plan.videos or not errors:
        print_table(HEADER, plan.rows, right=("now", "saves"))
        typer.echo(plan.summary)
    for error in errors:
        typer.echo(error.sentence, err=True)
