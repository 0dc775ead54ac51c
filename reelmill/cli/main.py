"""``reelmill``: up, join, deploy, demo, plan, doctor, verify, probe, scenes, similar."""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reelmill.errors import InputError, ReelmillError

if TYPE_CHECKING:
    from rich.console import Console

# Whatever only some commands need is imported by those: a look at a short video takes less than all of it would.

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The background work of a video library, as Prefect flows.",
)
_MediaRoot = Annotated[
    Path | None, typer.Option("--media-root", help="Where the library lives; else REELMILL_MEDIA_ROOT.")
]


@lru_cache(maxsize=1)
def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    _console().print(f"  {text}", markup=False)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _media_root(path: Path | None) -> None:
    if path is not None:
        _set("REELMILL_MEDIA_ROOT", str(path.expanduser().absolute()))


def _set(name: str, value: str) -> None:
    """An option on the command line is a setting like any other, for us and for what we start."""
    from reelmill.settings import get_settings

    os.environ[name] = value
    get_settings.cache_clear()


@app.command()
def up(
    media_root: _MediaRoot = None,
    listen: Annotated[
        str | None, typer.Option(help="This machine's address, for other machines to join at; a network you trust.")
    ] = None,
) -> None:
    """Bring the site up and keep it running until Ctrl-C."""
    _media_root(media_root)
    if listen is not None:
        _set("REELMILL_LISTEN", listen)
    from deployments.site import Site, announce  # late: Prefect takes a second to import

    signal.signal(signal.SIGTERM, _stop)
    with Site(say=_say) as site:
        announce(site, _say)
        _console().print("[bold]up[/bold], Ctrl-C ends it")
        try:
            while True:
                site.watch(60)
        except KeyboardInterrupt:
            _console().print("")


@app.command()
def join(
    prefect_url: Annotated[str, typer.Argument(help="The site's Prefect server: http://…/api.")],
    dask_address: Annotated[str, typer.Argument(help="The site's Dask scheduler: tcp://….")],
    media_root: _MediaRoot = None,
    helper: Annotated[bool, typer.Option("--helper", help="Only help with other machines' jobs; take none.")] = False,
) -> None:
    """Work for a site that runs on another machine, until Ctrl-C; `reelmill up --listen` there prints this line."""
    _media_root(media_root)
    from deployments.member import Member

    signal.signal(signal.SIGTERM, _stop)
    with Member(prefect_url, dask_address, _say, takes_jobs=not helper) as member:
        _console().print("[bold]joined[/bold], Ctrl-C leaves")
        try:
            while True:
                member.watch(60)
        except KeyboardInterrupt:
            _console().print("")


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
    _console().print("deployed")


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
def doctor(
    check: Annotated[bool, typer.Option("--check", help="Only the library: catalogue and files; no server.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every video, too.")] = False,
    originals: Annotated[
        Path | None, typer.Option(help="A manifest (path to SHA-256, JSON) that every original must still match.")
    ] = None,
    save_originals: Annotated[Path | None, typer.Option(help="Write such a manifest of today's originals.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Do what is safe, after showing it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a repair.")] = False,
    media_root: _MediaRoot = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="How to answer.")] = "text",
) -> None:
    """Look at everything, say what is wrong and what helps; exit code 1 if something is at fault."""
    _media_root(media_root)
    from reelmill.cli.doctor import Asked, run_doctor

    asked = Asked(check, deep, originals, save_originals, repair, yes, as_json=output == "json")
    raise typer.Exit(run_doctor(asked))


@app.command()
def plan(
    targets: Annotated[list[str] | None, typer.Argument(help="Files, or ids of videos of the library.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the library but what jobs made.")] = False,
    no_samples: Annotated[bool, typer.Option("--no-samples", help="By headers alone; predicts nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Encode what is web-ready, too.")] = False,
    target_bitrate: Annotated[int, typer.Option(min=50, max=200_000, help="As reencode takes it, kbit/s.")] = 2000,
    crf: Annotated[int, typer.Option(min=0, max=51, help="As reencode takes it.")] = 23,
    preset: Annotated[str, typer.Option(help="As reencode takes it.")] = "medium",
    encoder: Annotated[str, typer.Option(help="As reencode takes it.")] = "auto",
    output: Annotated[Literal["text", "json"], typer.Option(help="How to answer.")] = "text",
    media_root: _MediaRoot = None,
) -> None:
    """Say what reencode would do with videos and why, how large and when done; makes nothing. Files need no site."""
    _media_root(media_root)
    from reelmill.cli.plan import run_plan

    run_plan(
        targets or [],
        everything=everything,
        samples=not no_samples,
        force=force,
        target_bitrate=target_bitrate,
        crf=crf,
        preset=preset,
        encoder=encoder,
        output=output,
    )


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
def verify(
    file: Annotated[Path, typer.Argument(help="Any file.")],
    against: Annotated[Path | None, typer.Option(help="What it is a copy of.")] = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="How to answer.")] = "text",
) -> None:
    """Decode all of a file and say whether it is whole, or a true copy of its source; exit 1 if not. Needs no site."""
    from reelmill.cli.verifying import as_json, as_text, examined

    proof = examined(file, against)
    if output == "json":
        typer.echo(json.dumps(as_json(file, proof), ensure_ascii=False))
    else:
        typer.echo("\n".join(as_text(file, proof)))
    if not proof.ok:
        raise typer.Exit(1)


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
        _console().print("[red]error[/red] ", end="")
        _console().print(str(error), markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
