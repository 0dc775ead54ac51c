"""Commands of a site: up, join, login, deploy, demo."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.commands.token import this_actor
from reelmill.cli.server import site_chosen
from reelmill.cli.views.console import MediaRootOption, console, interrupt, print_step, set_setting, use_media_root
from reelmill.cli.views.output import OutputOption, print_json
from reelmill.errors import PlatformError, UserError
from reelmill.settings import get_settings

if TYPE_CHECKING:
    from deployments.site import Site


def up(
    media_root: MediaRootOption = None,
    listen: Annotated[
        str | None, typer.Option(help="This node's address, for other nodes to join at; a network you trust.")
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take over a library whose site is gone for good: none may be at work.")
    ] = False,
    output: OutputOption = "table",
) -> None:
    """Bring the site up and keep it running until Ctrl-C; JSON is where it is reached, once it is up."""
    use_media_root(media_root)
    if listen is not None:
        set_setting("REELMILL_LISTEN", listen)
    from deployments.announcement import announce, announce_token  # late: Prefect takes a second to import
    from deployments.site import Site
    from reelmill.api.access.tokens import FIRST_DAYS

    signal.signal(signal.SIGTERM, interrupt)
    with Site(notify=print_step, take_over=take_over) as site:
        private = console().is_terminal
        announce(site, print_step, private=private)
        token = _first_token(site) if private or output == "json" else None
        if site.rest_url is not None and site.settings.login == "on":
            announce_token(token if private else None, FIRST_DAYS, print_step)
        console().print("[bold]up[/bold], Ctrl-C ends it")
        if output == "json":
            urls = {"api_url": site.api_url, "ui_url": site.ui_url, "rest_url": site.rest_url}
            first = {} if token is None else {"token": token}
            print_json({**urls, **first, "media_root": site.settings.media_root})
        try:
            while True:
                site.watch(60)
        except KeyboardInterrupt:
            console().print("")


def _first_token(site: Site) -> str | None:
    """A token for whoever brings a site up for the first time; None where its REST API asks for none, or had one."""
    if site.rest_url is None or site.settings.login == "off":
        return None
    from reelmill.api.access.tokens import issue_first

    issued = issue_first(this_actor())
    return None if issued is None else issued.text


def join(
    prefect_url: Annotated[str, typer.Argument(help="The site's Prefect server: http://…/api.")],
    dask_address: Annotated[str, typer.Argument(help="The site's Dask scheduler: tls://….")],
    media_root: MediaRootOption = None,
    helper: Annotated[bool, typer.Option("--helper", help="Only help with other nodes' jobs; take none.")] = False,
) -> None:
    """Work for a site that runs on another node, until Ctrl-C; `reelmill up --listen` there prints this line."""
    use_media_root(media_root)
    from deployments.member import Member

    signal.signal(signal.SIGTERM, interrupt)
    with Member(prefect_url, dask_address, print_step, takes_jobs=not helper) as member:
        console().print("[bold]joined[/bold], Ctrl-C leaves")
        try:
            while True:
                member.watch(60)
        except KeyboardInterrupt:
            console().print("")


def login(
    database: Annotated[
        bool, typer.Option("--database", help="Print what joining nodes set REELMILL_DATABASE_URL to, instead.")
    ] = False,
    output: OutputOption = "table",
) -> None:
    """Print what the site's Prefect UI and API ask for, as PREFECT_API_AUTH_STRING takes it."""
    from reelmill.site_discovery import running_site

    if database:
        site = running_site()
        if site is None or site.database_url is None:
            raise PlatformError("No site is up on this node that others may join; `reelmill up --listen` is one.")
        _print_secret("database_url", site.database_url, output)
        return
    from deployments.access import auth_string

    found = auth_string()
    if found is None:
        raise UserError("This site asks for no login: it is up with REELMILL_LOGIN=off, or was never up.")
    _print_secret("auth_string", found, output)


def _print_secret(name: str, text: str, output: str) -> None:
    if output == "json":
        print_json({name: text})
    else:
        typer.echo(text)


def deploy(
    reset: Annotated[bool, typer.Option("--reset", help="Put back what an admin changed, too.")] = False,
    output: OutputOption = "table",
) -> None:
    """Create what the running site lacks: pools, lanes, blocks, deployments; migrate its catalogue."""
    from prefect.client.orchestration import get_client

    from deployments.apply import apply
    from reelmill.catalogue.engine import bring_up_to_date
    from reelmill.dispatch import server_errors
    from reelmill.site_discovery import running_site

    steps: list[str] = []

    def notify(step: str) -> None:
        steps.append(step)
        print_step(step)

    if get_settings().database_url is not None or running_site() is not None:  # else it is on another node
        bring_up_to_date(get_settings())
    with site_chosen(), server_errors(), get_client(sync_client=True) as client:
        apply(client, reset=reset, notify=notify)
    console().print("deployed")
    if output == "json":
        print_json({"steps": steps})


def demo(
    media: Annotated[
        Path | None, typer.Option(help="Take up to 40 videos from this folder, copied; else samples are made.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the site up afterwards, until Ctrl-C.")] = False,
) -> None:
    """Show everything once: scan, validate, thumbnails, re-encodes, a grid and a digest, on a site of its own."""
    from reelmill.cli.commands.demo import run_demo

    signal.signal(signal.SIGTERM, interrupt)
    raise typer.Exit(run_demo(media, keep=keep))
