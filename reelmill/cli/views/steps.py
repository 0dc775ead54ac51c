"""What is being done while nothing else is to be seen, and for how long it has been."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Steps:
    """Shows one step at a time with a spinner and its time; whoever reads a log has a line before and after.

    Args:
        console: where it is shown.
    """

    def __init__(self, console: Console):
        self._console = console
        self._shown: tuple[Progress, TaskID, str] | None = None

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Show that something is being done, and afterwards how long that took."""
        began = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"{what} …", markup=False)
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            self._shown = (progress, progress.add_task(what, total=None), what)
            try:
                yield
            finally:
                self._shown = None
        self._console.print(f"{what}: {time.monotonic() - began:.0f} s", markup=False)

    def detail(self, text: str) -> None:
        """Show what exactly is being done at the moment; nothing where nothing is shown."""
        if self._shown is not None:
            progress, task, what = self._shown
            progress.update(task, description=f"{what}: {text}")
