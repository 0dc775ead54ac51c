"""Commands on the library as a whole: doctor, plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.views.console import MediaRootOption, use_media_root
from reelmill.cli.views.output import OutputOption


def doctor(
    check: Annotated[bool, typer.Option("--check", help="Only the library: catalogue and files; no server.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Decode every video, too, and compare what jobs made with its hash.")
    ] = False,
    originals: Annotated[
        Path | None, typer.Option(help="A manifest (path to SHA-256, JSON) that every original must still match.")
    ] = None,
    save_originals: Annotated[Path | None, typer.Option(help="Write such a manifest of today's originals.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Do what is safe, after showing it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a repair.")] = False,
    media_root: MediaRootOption = None,
    output: OutputOption = "table",
) -> None:
    """Look at everything, say what is wrong and what helps; exit code 1 if something is at fault."""
    use_media_root(media_root)
    from reelmill.cli.commands.doctor import DoctorOptions, run_doctor

    options = DoctorOptions(check, deep, originals, save_originals, repair, yes, as_json=output == "json")
    raise typer.Exit(run_doctor(options))


def plan(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Files; or videos of the library, by id, path, file name or title.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the library but what jobs made.")] = False,
    no_samples: Annotated[bool, typer.Option("--no-samples", help="By headers alone; predicts nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Encode what is web-ready, too.")] = False,
    target_bitrate: Annotated[int, typer.Option(min=0, max=200_000, help="As reencode takes it, kbit/s.")] = 2000,
    max_height: Annotated[
        int | None, typer.Option(min=0, max=4320, help="As reencode takes it, lines; else 1080.")
    ] = None,
    surround: Annotated[bool, typer.Option("--surround", help="As reencode takes it.")] = False,
    crf: Annotated[int, typer.Option(min=0, max=51, help="As reencode takes it.")] = 23,
    preset: Annotated[str, typer.Option(help="As reencode takes it.")] = "medium",
    encoder: Annotated[str, typer.Option(help="As reencode takes it.")] = "auto",
    output: OutputOption = "table",
    media_root: MediaRootOption = None,
) -> None:
    """Say what reencode would do with videos and why, how large and when done; makes nothing.

    Files need no site. Exit code 1 if one that was named cannot be used.
    """
    use_media_root(media_root)
    from reelmill.cli.commands.plan import run_plan

    run_plan(
        targets or [],
        everything=everything,
        samples=not no_samples,
        force=force,
        target_bitrate=target_bitrate,
        max_height=max_height,
        surround=surround,
        crf=crf,
        preset=preset,
        encoder=encoder,
        output=output,
    )
