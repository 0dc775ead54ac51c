"""Commands on any files, which need no site: probe, verify, scenes, similar. A bad file stops none of the others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.views.each import FileError, FileReport, each, report_each
from reelmill.cli.views.output import OutputOption, print_json
from reelmill.errors import InputError, UserError

FilesArgument = Annotated[list[Path], typer.Argument(help="Any files.")]


def probe(files: FilesArgument, output: OutputOption = "table") -> None:
    """Say what the catalogue would hold of files; needs no site."""
    from reelmill.operations.publishing.records import facts

    def examine(file: Path) -> FileReport:
        try:
            found = facts(file)
        except InputError as error:
            document = {"path": str(file), "is_valid": False, "validation_error": str(error)}
            return FileReport(document, error=str(error))
        return FileReport(found, [f"{name:16} {'' if value is None else value}" for name, value in found.items()])

    report_each(files, output, examine)


def verify(
    files: FilesArgument,
    against: Annotated[Path | None, typer.Option(help="What the one file is a copy of.")] = None,
    output: OutputOption = "table",
) -> None:
    """Decode all of files and say whether each is whole, or a true copy of its source; exit 1 if not. Needs no site."""
    from reelmill.cli.commands.verifying import as_json, as_text, examined

    if against is not None and len(files) != 1:
        raise UserError(f"--against takes one copy of {against}, and {len(files)} files were named: verify one a time.")

    def examine(file: Path) -> FileReport:
        proof = examined(file, against)
        return FileReport(as_json(file, proof), as_text(file, proof), good=proof.ok)

    report_each(files, output, examine)


def scenes(files: FilesArgument, output: OutputOption = "table") -> None:
    """Say where scenes begin and where one fades into the next, in seconds; needs no site."""
    # numpy would start a thread a core for large matrices; there are none, and a short video takes little more.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from reelmill.analysis.scenes.transitions import find_transitions
    from reelmill.ffmpeg.reading.probe import probe as read

    def examine(file: Path) -> FileReport:
        info = read(file)
        found = find_transitions(file, info)
        cuts, fades = [float(cut) for cut in found.cuts], [[float(begin), float(end)] for begin, end in found.fades]
        duration = None if info.duration is None else float(info.duration)
        document = {"file": str(file), "duration": duration, "cuts": cuts, "fades": fades}
        heading = [f"{file}:"] if len(files) > 1 else []
        return FileReport(document, [*heading, *_transitions(cuts, fades, duration)])

    report_each(files, output, examine)


def _transitions(cuts: list[float], fades: list[list[float]], duration: float | None) -> list[str]:
    """A line for each, in the order of time; one that there is a single scene where there are none."""
    lines = [(cut, f"{cut:10.3f}  cut") for cut in cuts]
    lines += [(begin, f"{begin:10.3f}  fade, to {end:.3f}") for begin, end in fades]
    if lines:
        return [line for _, line in sorted(lines)]
    return ["one scene, of unknown length" if duration is None else f"one scene, {duration:.3f} s long"]


def similar(
    files: Annotated[list[Path], typer.Argument(help="Two videos or more.")],
    output: OutputOption = "table",
) -> None:
    """Say which of these files show the same video, and which is contained in which; needs no site."""
    from reelmill.analysis.similarity.duplicates import find_duplicates
    from reelmill.analysis.similarity.perceptual_hash import hash_video

    if len(files) < 2:
        raise UserError(f"Name two videos or more: {files[0]} alone is compared with nothing.")
    results = list(each(files, hash_video))
    errors = [result for result in results if isinstance(result, FileError)]
    usable = [file for file, result in zip(files, results, strict=True) if not isinstance(result, FileError)]
    found = find_duplicates([result for result in results if not isinstance(result, FileError)])
    same = [[str(usable[member]) for member in members] for members in found.sets]
    clips = [
        {"clip": str(usable[one.clip]), "whole": str(usable[one.whole]), "offset": one.offset} for one in found.clips
    ]
    if output == "json":
        print_json({"groups": same, "clips": clips, "errors": [error.document for error in errors]})
    else:
        lines = [f"the same: {', '.join(names)}" for names in same]
        lines += [f"{one['clip']} is in {one['whole']}, at {one['offset']} s" for one in clips]
        if len(usable) > 1:
            typer.echo("\n".join(lines or ["nothing alike"]))
        for error in errors:
            typer.echo(error.sentence, err=True)
    if errors:
        raise typer.Exit(1)
