"""``reelmill``: up, deploy, demo, probe, scenes, similar."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

import typer
from rich.console import Console

from reelmill.errors import InputError, ReelmillError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The background work of a video library, as Prefect flows.",
)
_console = Console(stderr=True, highlight=False, soft_wrap=True)

_MediaRoot = Annotated[
    Path | None, typer.Option("--media-root", help="Where the library lives; else REELMILL_MEDIA_ROOT.")
]


def _say(text: str) -> None:
    _console.print(f"  {text}", markup=False)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _media_root(path: Path | None) -> None:
    """An option on the command line is a setting like any other, for us and for what we start."""
    if path is not None:
        from reelmill.settings import get_settings  # late, as all that not every command needs

        os.environ["REELMILL_MEDIA_ROOT"] = str(path.expanduser().absolute())
        get_settings.cache_clear()


@app.command()
def up(media_root: _MediaRoot = None) -> None:
    """Bring the site up and keep it running until Ctrl-C."""
    _media_root(media_root)
    from deployments.site import Site, announce  # late: Prefect takes a second to import

    signal.signal(signal.SIGTERM, _stop)
    with Site(say=_say) as site:
        announce(site, _say)
        _console.print("[bold]up[/bold], Ctrl-C ends it")
        try:
            while True:
                site.watch(60)
        except KeyboardInterrupt:
            _console.print("")


@app.command()
def deploy(
    reset: Annotated[bool, typer.Option("--reset", help="Put back what an admin changed, too.")] = False,
) -> None:
    """Create what the running site lacks: pools, lanes, blocks, deployments."""
    from reelmill.site import choose_prefect_server

    choose_prefect_server()
    from prefect.client.orchestration import get_client

    from deployments.apply import apply

    with get_client(sync_client=True) as client:
        apply(client, reset=reset, say=_say)
    _console.print("deployed")


@app.command()
def demo(
    media: Annotated[
        Path | None, typer.Option(help="Take up to 40 videos from this folder, copied; else samples are made.")
    ] = None,
) -> None:
    """Show everything once: scan, validate, thumbnails, re-encodes, a grid and a digest, on a site of its own."""
    from reelmill.cli.demo import run_demo

    signal.signal(signal.SIGTERM, _stop)
    raise typer.Exit(run_demo(media))


@app.command()
def probe(
    file: Annotated[Path, typer.Argument(help="Any file.")],
    output: Annotated[Literal["text", "json"], typer.Option(help="How to answer.")] = "text",
) -> None:
    """Say what the catalogue would hold of a file; needs no site."""
    from reelmill.operations.records import facts

    try:
        found = facts(file)
    except InputError as error:
        if output == "json":
            typer.echo(json.dumps({"path": str(file), "is_valid": False, "validation_error": str(error)}))
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if output == "json":
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        typer.echo(f"{name:16} {'' if value is None else value}")


@app.command()
def scenes(
    file: Annotated[Path, typer.Argument(help="Any video.")],
    output: Annotated[Literal["text", "json"], typer.Option(help="How to answer.")] = "text",
) -> None:
    """Say where scenes begin and where one fades into the next, in seconds; needs no site."""
    # numpy would start a thread a core for large matrices; there are none, and a short video takes little more.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from reelmill.analysis.transitions import find
    from reelmill.ffmpeg.probe import probe as read

    found = find(file, read(file))
    if output == "json":
        fades = [[float(begin), float(end)] for begin, end in found.fades]
        typer.echo(json.dumps({"cuts": [float(cut) for cut in found.cuts], "fades": fades}))
        return
    told = [(cut, f"{float(cut):10.3f}  cut") for cut in found.cuts]
    told += [(begin, f"{float(begin):10.3f}  fade, to {float(end):.3f}") for begin, end in found.fades]
    for _, line in sorted(told):
        typer.echo(line)


@app.command()
def similar(
    files: Annotated[list[Path], typer.Argument(help="Two videos or more.")],
    output: Annotated[Literal["text", "json"], typer.Option(help="How to answer.")] = "text",
) -> None:
    """Say which of these files show the same video, and which is a piece of which; needs no site."""
    from reelmill.analysis.duplicates import find
    from reelmill.analysis.fingerprint import measure

    found = find([measure(file) for file in files])
    groups = [[str(files[member]) for member in group] for group in found.groups]
    clips = [
        {"clip": str(files[clip.clip]), "whole": str(files[clip.whole]), "offset": clip.offset} for clip in found.clips
    ]
    if output == "json":
        typer.echo(json.dumps({"groups": groups, "clips": clips}, ensure_ascii=False))
        return
    for group in groups:
        typer.echo("the same: " + ", ".join(group))
    for one in clips:
        typer.echo(f"{one['clip']} is in {one['whole']}, at {one['offset']} s")
    if not groups and not clips:
        typer.echo("nothing alike")


def main() -> None:
    """The entry point: an error of ours is one sentence and exit 1, not a traceback."""
    try:
        app()
    except ReelmillError as error:
        _console.print("[red]error[/red] ", end="")
        _console.print(str(error), markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
