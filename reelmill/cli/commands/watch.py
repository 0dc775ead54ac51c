"""Jobs are watched until they are over: a bar for each where somebody looks on, a line for each change elsewhere."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import typer

from reelmill.cli.server import this_person
from reelmill.cli.views.console import console
from reelmill.cli.views.job_view import job_name, note, short_ids
from reelmill.clock import SYSTEM, Clock
from reelmill.errors import PlatformError
from reelmill.queue.job import Job, JobStatus

if TYPE_CHECKING:
    from rich.progress import TaskID

    from reelmill.dispatch import Dispatcher, Progress

#: More bars than these are not shown at once; those that run come first.
_BARS: Final = 12

#: How often, and after how many seconds each, a server that does not respond is asked again.
_TRIES: Final = 60
_BETWEEN: Final = 2.0


class _Screen(Protocol):
    """Where the jobs are shown."""

    def show(self, jobs: list[Job], progress: Mapping[uuid.UUID, Progress]) -> None:
        """Show them as they are now."""

    def close(self) -> None:
        """Leave the last state to be read."""


def watch(prefect: Dispatcher, job_ids: Sequence[uuid.UUID], clock: Clock = SYSTEM) -> list[Job]:
    """Show jobs until all are over; a server that is away for a while, as over a restart, is waited for.

    Args:
        prefect: their queue.
        job_ids: the jobs.
        clock: how that is waited.

    Returns:
        The jobs in the same order.

    Raises:
        PlatformError: the server stays away.
    """
    screen: _Screen = _Bars() if console().is_terminal else _Lines()
    failures = 0

    def show(jobs: list[Job], progress: Mapping[uuid.UUID, Progress]) -> None:
        nonlocal failures
        failures = 0
        screen.show(jobs, progress)

    try:
        while True:
            try:
                return prefect.jobs.wait(job_ids, on_poll=show, explain=True)
            except PlatformError as error:
                failures += 1
                if failures > _TRIES:
                    raise
                if failures == 1:
                    console().print(f"{error} The jobs go on by themselves; still looking.", markup=False)
                clock.sleep(_BETWEEN)
    finally:
        screen.close()


def interrupted(prefect: Dispatcher, job_ids: Sequence[uuid.UUID]) -> list[Job]:
    """After Ctrl-C: ask whether to cancel the jobs; where nobody can be asked, or at a second Ctrl-C, they go on.

    Args:
        prefect: their queue.
        job_ids: the jobs that were watched.

    Returns:
        The jobs as they are then.
    """
    alive = [job.id for job in prefect.jobs.wait(job_ids, until_over=False) if not job.over]
    if alive and _agreed(f"Cancel {_jobs(len(alive))}?"):
        prefect.bulk.cancel(alive, this_person())
        return prefect.jobs.wait(job_ids)
    if alive:
        shown = short_ids(alive)
        goes_on = "the job goes on" if len(alive) == 1 else f"{len(alive)} jobs go on"
        console().print(f"{goes_on}; to cancel: reelmill jobs cancel {' '.join(shown[one] for one in alive)}")
    return prefect.jobs.wait(job_ids, until_over=False)


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return typer.confirm(question, err=True)
    except (typer.Abort, KeyboardInterrupt):
        return False


def _jobs(count: int) -> str:
    return "the job" if count == 1 else f"{count} jobs"


class _Bars:
    """A bar for each job that is under way, and one for all where they are many."""

    def __init__(self) -> None:
        from rich import progress
        from rich.table import Column

        name = Column(no_wrap=True, overflow="ellipsis", max_width=40)
        rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = progress.Progress(
            progress.TextColumn("{task.description}", markup=False, table_column=name),
            progress.BarColumn(20, table_column=Column(min_width=20)),
            progress.TextColumn("{task.percentage:>3.0f} %", table_column=Column(min_width=5)),
            progress.TextColumn("{task.fields[text]}", markup=False, table_column=rest),
            console=console(),
            expand=True,
        )
        self._bars: dict[uuid.UUID, TaskID] = {}
        self._all: TaskID | None = None
        self._progress.start()

    def show(self, jobs: list[Job], progress: Mapping[uuid.UUID, Progress]) -> None:
        """See ``_Screen.show``."""
        under_way = sorted((job for job in jobs if not job.over), key=lambda job: job.status is not JobStatus.RUNNING)
        visible = {job.id for job in (jobs if len(jobs) <= _BARS else under_way[:_BARS])}
        for job in jobs:
            done = progress.get(job.id)
            bar = self._bar(job)
            self._progress.update(
                bar,
                completed=100 if job.over else 100 * done.fraction if done is not None else 0,
                text=_state(job, done),
                visible=job.id in visible,
            )
        if len(jobs) > _BARS:
            if self._all is None:
                self._all = self._progress.add_task("all", total=len(jobs), text="")
            over = sum(job.over for job in jobs)
            self._progress.update(self._all, completed=over, text=f"{over} of {len(jobs)} are over")

    def close(self) -> None:
        """See ``_Screen.close``."""
        self._progress.stop()

    def _bar(self, job: Job) -> TaskID:
        if job.id not in self._bars:
            self._bars[job.id] = self._progress.add_task(job_name(job), total=100, text="")
        return self._bars[job.id]


class _Lines:
    """A line for each change of a job's status."""

    def __init__(self) -> None:
        self._shown: dict[uuid.UUID, str] = {}

    def show(self, jobs: list[Job], progress: Mapping[uuid.UUID, Progress]) -> None:
        """See ``_Screen.show``."""
        for job in jobs:
            text = _state(job, None)
            if self._shown.get(job.id) != text:
                self._shown[job.id] = text
                console().print(f"{job_name(job)}: {text}", markup=False)

    def close(self) -> None:
        """See ``_Screen.close``."""


def _state(job: Job, progress: Progress | None) -> str:
    if job.status is JobStatus.RUNNING and progress is not None and progress.text:
        return progress.text
    why = note(job) if not job.over else ""
    return f"{job.status}: {why}" if why else str(job.status)
