"""``reelmill``: the list of its commands; each stands in the module of what it is about."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import typer

from reelmill.cli.commands import files, library, site
from reelmill.cli.commands.audit import audit
from reelmill.cli.commands.batch import batch
from reelmill.cli.commands.catalogue import catalogue
from reelmill.cli.commands.jobs import jobs
from reelmill.cli.commands.launch import launch
from reelmill.cli.commands.nodes import nodes
from reelmill.cli.commands.notify import notify
from reelmill.cli.commands.pool import pool
from reelmill.cli.commands.rules import rules
from reelmill.cli.commands.run import run
from reelmill.cli.commands.token import token
from reelmill.cli.commands.videos import videos
from reelmill.cli.exit_codes import ExitCode, exit_code, in_words
from reelmill.cli.views.console import print_error
from reelmill.errors import ReelmillError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The background work of a video library, as Prefect flows.",
    epilog=in_words(),
)

_COMMANDS: Final[tuple[Callable[..., Any], ...]] = (
    run,
    launch,
    *(site.up, site.join, site.login, site.deploy, site.demo),
    *(library.doctor, library.plan, audit),
    *(files.probe, files.verify, files.scenes, files.similar),
)
for command in _COMMANDS:
    app.command()(command)
for nested in (jobs, batch, videos, catalogue, pool, nodes, rules, notify, token):
    app.add_typer(nested, name=nested.info.name)


def main() -> None:
    """The entry point: an error is one sentence and its exit code; its traceback is shown with ``REELMILL_DEBUG=1``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    try:
        app()
    except Exception as error:  # the outermost frame: whatever it is, a person reads a sentence
        if os.environ.get("REELMILL_DEBUG"):
            raise
        print_error(_in_a_sentence(error))
        sys.exit(exit_code(error) if isinstance(error, ReelmillError) else ExitCode.FAILED)


def _in_a_sentence(error: Exception) -> Exception | str:
    if isinstance(error, ReelmillError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}."
    return f"This was not foreseen: {type(error).__name__}: {error}. REELMILL_DEBUG=1 shows where it came up."


if __name__ == "__main__":
    main()
