"""``reelmill plan``: what ``reencode`` would do with videos of the library, or with any files, and why."""

from __future__ import annotations

import json
import os.path
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast, get_args

import typer
from rich.status import Status
from rich.text import Text

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos.naming import parse_id, resolve_video
from reelmill.cli.catalogue_access import require_catalogue
from reelmill.cli.views.console import open_console
from reelmill.cli.views.each import FileError, each
from reelmill.cli.views.output import Output, print_table
from reelmill.errors import UserError
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.hardware.backends import EncoderChoice
from reelmill.operations.context import Workbench, local_media_root
from reelmill.operations.jobs.reencode import Preset, web_encoding
from reelmill.operations.web_copies.plan import PlanOptions, each_file_plan, each_plan, free_for_copies
from reelmill.operations.web_copies.video_plan import HEADER, RunningTotals, Totals, VideoPlan, summary
from reelmill.report import NullReport

#: Plans that are printed together.
_AT_ONCE: Final = 500

_RIGHT: Final = ("now", "saves")


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
    free, errors = None, list[FileError]()
    with open_console(stderr=True).status("looking") as shown:  # nothing where nobody watches
        report = _OnScreen(shown)
        if paths:
            plans = each_file_plan(paths, asked, report)
        else:
            require_catalogue()
            bench = Workbench(transcoder=transcoder, report=report)
            ids, errors = (None, []) if everything else _resolved(names)
            plans, free = each_plan(bench, ids, asked), free_for_copies(bench)
        printed = print_plans(_paused(shown, in_portions(plans)), free, errors, output)
    if errors or (targets and printed.actions["cannot"]):
        raise typer.Exit(1)


def in_portions(plans: Iterator[VideoPlan]) -> Iterator[Sequence[VideoPlan]]:
    """So many at a time as are printed together; none comes without any."""
    while portion := list(islice(plans, _AT_ONCE)):
        yield portion


def _paused(shown: Status, portions: Iterator[Sequence[VideoPlan]]) -> Iterator[Sequence[VideoPlan]]:
    """The same; while one is printed nothing else is shown."""
    for portion in portions:
        shown.stop()
        yield portion
        shown.start()
    shown.stop()


def print_plans(
    portions: Iterator[Sequence[VideoPlan]], free: int | None, errors: Sequence[FileError], output: Output
) -> Totals:
    """Print plans as they come, then what they come to: none is held until the last is there.

    Args:
        portions: the plans; each portion is a table of its own.
        free: bytes that copies may take on the library's disk; None without a library.
        errors: what was named and leads to no video, or to several.
        output: ``table``, or ``json`` for one document.

    Returns:
        The totals.
    """
    running, count = RunningTotals(), 0
    for portion in portions:
        for number, video in enumerate(portion, count):
            running.add(video)
            if output == "json":
                typer.echo(_json(video.model_dump(mode="json"), ", " if number else '{"videos": ['), nl=False)
        if output != "json":
            print_table(HEADER, [video.row for video in portion], right=_RIGHT)
        count += len(portion)
    total = running.totals
    if output == "json":
        end = {"totals": total.model_dump(mode="json"), "free": free, "errors": [error.document for error in errors]}
        typer.echo(("" if count else '{"videos": [') + "], " + _json(end)[1:])
        return total
    if not count and not errors:
        print_table(HEADER, [], right=_RIGHT)
    if count or not errors:
        typer.echo(summary(total, running.larger, free))
    for error in errors:
        typer.echo(error.sentence, err=True)
    return total


def _json(value: Any, before: str = "") -> str:
    return before + json.dumps(value, ensure_ascii=False)


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
