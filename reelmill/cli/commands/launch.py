"""``reelmill launch``: many load tests at once, over the REST API."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.exit_codes import ExitCode
from reelmill.cli.views.console import console
from reelmill.errors import UserError
from reelmill.wording import plural

if TYPE_CHECKING:
    from reelmill.launch.client import SiteApi
    from reelmill.launch.plan import PlannedJob
    from reelmill.launch.results import Summary
    from reelmill.launch.sender import BatchResult


@dataclass(frozen=True)
class _Run:
    """How a launch is carried out."""

    batch_size: int
    delay: float  # seconds
    output: Path
    verbose: bool


def launch(
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many jobs.")] = 1000,
    scenario: Annotated[
        str, typer.Option(help="Name of a load test, such as 1080p30-h264; random draws what live nodes can encode.")
    ] = "random",
    priority: Annotated[str, typer.Option(help="high, medium, low, or mixed; or a lane, 1 (first) to 10.")] = "mixed",
    queue: Annotated[str, typer.Option(help="live, default, batch, idle, or mixed: the first three.")] = "mixed",
    batch_size: Annotated[int, typer.Option(min=1, max=1000, help="Jobs handed in by one request.")] = 50,
    delay: Annotated[int, typer.Option(min=0, max=600_000, help="Milliseconds between two batches at least.")] = 100,
    engine: Annotated[str, typer.Option(help="auto, ffmpeg or gstreamer.")] = "auto",
    duration: Annotated[str, typer.Option(help="Seconds of video: 60, or a range to draw from.")] = "30-300",
    bitrate: Annotated[str, typer.Option(help="auto, or like 6M or 800k.")] = "auto",
    server: Annotated[
        str, typer.Option(envvar="REELMILL_API_URL", help="URL of the REST API.")
    ] = "http://127.0.0.1:4100",
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the bearer token of the REST API; else it is in REELMILL_TOKEN.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Draws the same jobs again, on the same nodes.")] = None,
    output: Annotated[Path, typer.Option(help="What became of each job, as JSON.")] = Path("job_launch_results.json"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the jobs, one a line; send nothing.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line for each batch.")] = False,
) -> None:
    """Hand in many load tests at once; Ctrl-C or SIGTERM ends that cleanly, and what was handed in goes on."""
    from reelmill.launch.client import SiteApi
    from reelmill.launch.options import lanes_of, launch_options
    from reelmill.launch.plan import draw_jobs
    from reelmill.launch.results import require_writable

    options = launch_options(
        count=count,
        scenario=scenario,
        lanes=lanes_of(priority, queue),
        engine=engine,
        duration=duration,
        bit_rate=bitrate,
    )
    if not dry_run:
        require_writable(output)
    drawn = random.SystemRandom().randrange(2**32) if seed is None else seed
    with SiteApi(server, _token(token_file)) as api:
        api.require_ready()
        jobs = draw_jobs(options, api.workers(), drawn)
        _print_plan(jobs, drawn)
        if dry_run:
            for job in jobs:
                typer.echo(json.dumps(job.body))
            return
        ended = _send(api, jobs, _Run(batch_size, delay / 1000, output, verbose))
    _print_summary(ended, output, server)
    if ended.code is not ExitCode.OK:
        raise typer.Exit(ended.code)


def _token(file: Path | None) -> str | None:
    """The token; never an argument of the command, which everybody on the node could read."""
    if file is None:
        return os.environ.get("REELMILL_TOKEN") or None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The token cannot be read from {file}: {error}.") from error


@dataclass(frozen=True)
class _End:
    """How a launch ended."""

    summary: Summary
    results: Sequence[BatchResult]
    by_hand: bool

    @property
    def code(self) -> ExitCode:
        """Of the command."""
        if self.by_hand:
            return ExitCode.INTERRUPTED
        if self.results and self.results[-1].last:
            return ExitCode.NO_SITE
        return ExitCode.FAILED if self.summary.failed else ExitCode.OK


def _send(api: SiteApi, jobs: Sequence[PlannedJob], run: _Run) -> _End:
    """Hand the jobs in; whatever ends that, what became of them is written."""
    from reelmill.launch.pace import Pace
    from reelmill.launch.plan import batches
    from reelmill.launch.results import summarise, write_results
    from reelmill.launch.sender import Sender

    results: list[BatchResult] = []
    started = time.monotonic()
    try:
        with _ended_by_signals() as ended, _progress_of(len(jobs)) as show:
            sender = Sender(api, Pace(run.delay), uuid.uuid4().hex, ended.wait)
            for result in sender.send(batches(jobs, run.batch_size)):
                results.append(result)
                show.batch(result, verbose=run.verbose)
    finally:
        write_results(run.output, jobs, results)
    return _End(summarise(jobs, results, time.monotonic() - started), results, ended.is_set())


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """The first Ctrl-C or SIGTERM lets the request that is under way end, the second does not."""
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        if ended.is_set():
            raise KeyboardInterrupt
        console().print("Ending after this batch; what was handed in goes on.")
        ended.set()

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Progress:
    """A bar with the rate and the time that is left."""

    def __init__(self, total: int):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        rate = TextColumn("{task.fields[rate]}")
        self.bar = Progress(
            TextColumn("jobs"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), console=console()
        )
        self._task = self.bar.add_task("jobs", total=total, rate="")
        self._started, self._sent = time.monotonic(), 0

    def batch(self, result: BatchResult, *, verbose: bool) -> None:
        """Show what became of a batch."""
        self._sent += len(result.jobs) if result.error is None else 0
        rate = self._sent / max(1e-3, time.monotonic() - self._started)
        self.bar.update(self._task, advance=len(result.jobs), rate=f"{rate:.1f} jobs/s")
        if result.error is not None:
            self.bar.console.print(f"{plural(len(result.jobs), 'job')} failed: {result.error}", markup=False)
        elif verbose:
            tries = f" at try {result.tries}" if result.tries > 1 else ""
            self.bar.console.print(
                f"jobs {result.jobs[0].number} to {result.jobs[-1].number} in {result.seconds:.2f} s{tries}",
                markup=False,
            )


@contextmanager
def _progress_of(total: int) -> Iterator[_Progress]:
    shown = _Progress(total)
    with shown.bar:
        yield shown


def _print_plan(jobs: Sequence[PlannedJob], seed: int) -> None:
    from reelmill.launch.plan import distribution

    lines: Mapping[str, Mapping[str, int]] = distribution(jobs)
    console().print(f"{plural(len(jobs), 'job')}, seed {seed}", markup=False)
    for kind, counts in lines.items():
        text = ", ".join(f"{name} {count}" for name, count in counts.items())
        console().print(f"  by {kind}: {text}", markup=False)


def _print_summary(ended: _End, output: Path, server: str) -> None:
    summary = ended.summary
    unsent = f", {summary.unsent} not sent" if summary.unsent else ""
    typer.echo(
        f"{summary.sent} sent, {summary.failed} failed{unsent}; {summary.rate:.1f} jobs/s in {summary.seconds:.1f} s"
    )
    typer.echo(f"what became of each: {output}")
    typer.echo("watch: reelmill jobs stats; reelmill jobs list --type scenario; reelmill nodes list")
    typer.echo(f"       or {server}/docs")
