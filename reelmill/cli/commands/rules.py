"""``reelmill rules``: what is done by itself for each new video of a folder."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.catalogue_access import open_with_catalogue
from reelmill.cli.server import open_dispatcher, this_person
from reelmill.cli.views.console import console
from reelmill.cli.views.output import OutputOption, print_json, print_table
from reelmill.errors import UserError

if TYPE_CHECKING:
    from reelmill.dispatch import Dispatcher
    from reelmill.dispatch.automations.rules import RuleState
    from reelmill.queue.rule import RuleJob

rules = typer.Typer(
    name="rules", no_args_is_help=True, help="Rules for new videos: add, list, show, dry-run, on, off, remove."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]

_SHOWN = 10  # videos that a dry run names


@rules.command()
def add(
    name: NameArgument,
    jobs: Annotated[
        list[str],
        typer.Option(
            "--job", "-j", help="A job type with its parameters: 'thumbnail_generate storyboard=true'; several in turn."
        ),
    ],
    directory_type: Annotated[str, typer.Option("--directory-type", "-d", help="The folder of its videos.")] = "videos",
    output: OutputOption = "table",
) -> None:
    """Add a rule: do these jobs for each new video of a folder. It is off until `reelmill rules on NAME`."""
    from reelmill.queue.rule import Rule

    with open_dispatcher() as prefect:
        parsed = tuple(_job(prefect, text) for text in jobs)
        state = prefect.rules.add(Rule(name, directory_type, parsed), this_person())
    _show([state], output)
    console().print(
        f"off until `reelmill rules on {shlex.quote(name)}`; `reelmill rules dry-run` shows what it is about"
    )


@rules.command("list")
def list_rules(output: OutputOption = "table") -> None:
    """List the rules."""
    with open_dispatcher() as prefect:
        states = prefect.rules.all()
    _show(states, output)


@rules.command()
def show(name: NameArgument, output: OutputOption = "table") -> None:
    """Show one rule."""
    with open_dispatcher() as prefect:
        state = prefect.rules.read(name)
    _show([state], output)


@rules.command()
def on(name: NameArgument, output: OutputOption = "table") -> None:
    """Turn a rule on: from now on it does its jobs for videos that scans find new."""
    with open_dispatcher() as prefect:
        state = prefect.rules.turn(name, on=True, by=this_person())
    _show([state], output)


@rules.command()
def off(name: NameArgument, output: OutputOption = "table") -> None:
    """Turn a rule off; jobs that it has submitted stay."""
    with open_dispatcher() as prefect:
        state = prefect.rules.turn(name, on=False, by=this_person())
    _show([state], output)


@rules.command()
def remove(name: NameArgument, output: OutputOption = "table") -> None:
    """Remove a rule; jobs that it has submitted stay."""
    with open_dispatcher() as prefect:
        prefect.rules.remove(name, this_person())
    if output == "json":
        print_json({"removed": name})
        return
    console().print(f"removed the rule {name}", markup=False)


@rules.command("dry-run")
def dry_run(name: NameArgument, output: OutputOption = "table") -> None:
    """Show which videos of the catalogue a rule would do its jobs for, were they new; submits nothing."""
    with open_with_catalogue() as prefect:
        rule = prefect.rules.read(name).rule
    from reelmill.catalogue.batches import count_matching, next_videos
    from reelmill.catalogue.engine import session
    from reelmill.catalogue.filters.video_filter import parse_filter, usable

    with session() as opened:
        condition = usable(parse_filter(rule.where))
        count, first = count_matching(opened, condition), next_videos(opened, condition, None, _SHOWN)
    if output == "json":
        found = [{"id": str(video.id), "file": video.filename} for video in first]
        print_json({"rule": rule.name, "jobs": list(map(str, rule.jobs)), "videos": count, "first": found})
        return
    print_table(("video id", "file"), [(video.id, video.filename) for video in first])
    types = ", ".join(str(job) for job in rule.jobs)
    console().print(f"{count} videos in {rule.directory_type}, for each of which: {types}", markup=False)
    for job in rule.jobs:
        line = f"for those that are there: reelmill jobs submit {job.type} --where {shlex.quote(rule.where)}"
        console().print(line, markup=False)


def _job(prefect: Dispatcher, text: str) -> RuleJob:
    from reelmill.queue.parameter_text import parse_parameters
    from reelmill.queue.rule import RuleJob

    try:
        job_type, *given = shlex.split(text)
    except ValueError as error:
        raise UserError(f"{text!r} is no job: write its type, then its parameters as name=value ({error}).") from None
    job_type, _, pool = job_type.partition("/")
    parameters = parse_parameters(job_type, given, prefect.jobs.schema(job_type, pool or None))
    return RuleJob(job_type, parameters, pool)


def _show(states: list[RuleState], output: str) -> None:
    if output == "json":
        print_json({"rules": [_record(state) for state in states]})
        return
    rows = [
        (
            state.rule.name,
            "on" if state.rule.on else "off",
            state.rule.directory_type,
            "; ".join(map(str, state.rule.jobs)),
            f"not deployed any more: {', '.join(state.lost)}; see `reelmill deploy`" if state.lost else "",
        )
        for state in states
    ]
    print_table(("rule", "is", "for new videos of", "does", "note"), rows)


def _record(state: RuleState) -> dict[str, object]:
    rule = state.rule
    jobs = [{"type": job.type, "parameters": dict(job.parameters), "pool": job.pool or None} for job in rule.jobs]
    return {
        "name": rule.name,
        "on": rule.on,
        "directory_type": rule.directory_type,
        "jobs": jobs,
        "automation_id": str(state.automation_id),
        "not_deployed": list(state.lost),
    }
