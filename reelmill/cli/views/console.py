"""What every command shares: where it prints to people, and options that are settings."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

# Whatever only some commands need is imported by those: a look at a short video takes less than all of it would.

MediaRootOption = Annotated[
    Path | None, typer.Option("--media-root", help="Where the library lives; else REELMILL_MEDIA_ROOT.")
]


def open_console(**options: Any) -> Console:
    """A console that shows texts as they are: a file may be called ``:cat:.mp4``.

    Args:
        **options: of rich's console.

    Returns:
        The console.
    """
    from rich.console import Console

    return Console(highlight=False, emoji=False, **options)


@lru_cache(maxsize=1)
def console() -> Console:
    """Where people read what goes on: standard error, so that standard output is a program's to read."""
    return open_console(stderr=True, soft_wrap=True)


def print_step(text: str) -> None:
    """One line on what is being done."""
    console().print(f"  {text}", markup=False)


def print_error(error: Exception | str) -> None:
    """One sentence: what is wrong."""
    console().print("[red]error[/red] ", end="")
    console().print(str(error), markup=False)


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A signal handler: ends the command as Ctrl-C does.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt


def use_media_root(path: Path | None) -> None:
    """Work on this library, where one is given."""
    if path is not None:
        set_setting("REELMILL_MEDIA_ROOT", str(path.expanduser().absolute()))


def set_setting(name: str, value: str) -> None:
    """An option on the command line is a setting like any other, for us and for what we start."""
    from reelmill.settings import get_settings

    os.environ[name] = value
    get_settings.cache_clear()
