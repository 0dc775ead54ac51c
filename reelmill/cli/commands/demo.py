"""``reelmill demo``: everything once, on a site of its own that leaves nothing behind but what it made."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from prefect.settings import temporary_settings
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from blocks import MediaLibrary
from blocks.stored import DEFAULT
from deployments.site import Site
from reelmill.cli.demo_plan import Stage
from reelmill.cli.demo_plan import stages as plan
from reelmill.cli.server import this_person
from reelmill.cli.views.console import open_console
from reelmill.cli.views.demo_report import show_report, videos
from reelmill.cli.views.steps import Steps
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.dispatch import Progress as JobProgress
from reelmill.errors import UserError
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.demo_clips import DEMO_CLIPS, draw_clips
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.operations.jobs.scan import EXTENSIONS
from reelmill.queue.job import Job, JobStatus
from reelmill.settings import get_settings
from reelmill.storage.media_root import MediaRoot

#: Where the demo's library stays to be looked at; made anew each time.
FOLDER: Final = Path(".demo")
MAX_FILES: Final = 40
_MARK: Final = "made-by-reelmill-demo"


def run_demo(media: Path | None, *, keep: bool = False) -> int:
    """Run it.

    Args:
        media: take copies of the first files of this folder; None: make samples.
        keep: leave the site up afterwards, until Ctrl-C.

    Returns:
        The exit code: 0, or 1 if a job failed.
    """
    console = open_console(soft_wrap=True)
    steps = Steps(console)
    root = _library(media, console, steps)
    with _own_site(root, steps) as site, temporary_settings(site.client_settings), dispatcher() as prefect:
        # What lies in the demo's library was copied by us and is complete.
        MediaLibrary(settle_seconds=0).save(DEFAULT, overwrite=True)
        _show_address(console, site)
        stages = _run_stages(prefect, console)
        show_report(console, root, stages)
        console.print(f"The library of this demo: {root.path}", markup=False)
        if keep:
            _keep_up(console, site)
    return 1 if any(stage.failed for stage in stages) else 0


def _show_address(console: Console, site: Site) -> None:
    console.print(f"Prefect UI of this demo, while it lasts: {site.ui_url}")
    if site.server.auth_string is not None and console.is_terminal:  # a log must not hold it
        console.print(f"its login, whole: {site.server.auth_string}", markup=False)


def _keep_up(console: Console, site: Site) -> None:
    """Leave the site up to be looked at."""
    _show_address(console, site)
    with suppress(KeyboardInterrupt):
        console.print("[bold]up[/bold], Ctrl-C ends it")
        while True:
            site.watch(60)


def _library(media: Path | None, console: Console, steps: Steps) -> MediaRoot:
    """A fresh media root in ``FOLDER`` with samples, or copies of the first files of ``media``, in it."""
    folder = FOLDER.absolute()
    if media is not None and (not media.is_dir() or media.absolute().is_relative_to(folder)):
        raise UserError(f"MEDIA={media} is not a folder the demo can copy from.")
    if folder.exists() and not (folder / _MARK).exists():
        raise UserError(f"{folder} is there and was not made by the demo; move it away first.")
    shutil.rmtree(folder, ignore_errors=True)
    root = MediaRoot(folder / "media")
    root.create()
    (folder / _MARK).touch()
    target = root.folder("videos")
    target.mkdir()
    if media is None:
        runner = FfmpegRunner(find_ffmpeg(get_settings().ffmpeg))
        with steps.during("making sample videos"):
            for clip in DEMO_CLIPS:
                steps.detail(clip.name)
                draw_clips(target, runner, [clip])
        return root
    chosen = [path for path in sorted(media.rglob("*")) if path.suffix[1:].lower() in EXTENSIONS and path.is_file()]
    for path in chosen[:MAX_FILES]:
        copy = target / path.relative_to(media)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    left = f", {len(chosen) - MAX_FILES} more left out" if len(chosen) > MAX_FILES else ""
    console.print(f"{min(len(chosen), MAX_FILES)} files copied from {media}{left}", markup=False)
    return root


@contextmanager
def _own_site(root: MediaRoot, steps: Steps) -> Iterator[Site]:
    """A site on a data folder of its own, so that the demo meets nobody else's; gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="reelmill-demo-"))
    data.chmod(0o755)  # under root PostgreSQL runs as another account, which must be let in
    os.environ |= {"REELMILL_DATA_DIR": str(data), "REELMILL_MEDIA_ROOT": str(root.path)}
    os.environ.pop("REELMILL_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        with ExitStack() as up:
            with steps.during("bringing up a site of its own"):
                site = up.enter_context(Site(notify=steps.detail))
            yield site
            with steps.during("ending the site"):
                up.close()
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _run_stages(prefect: Dispatcher, console: Console) -> list[Stage]:
    columns = (TextColumn("{task.description:20}"), BarColumn(40), TextColumn("{task.fields[shown]:>9}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        done = [_finish(prefect, bars, Stage("scan", [{"directory_type": "videos"}]))]
        if done[0].jobs[0].status is not JobStatus.COMPLETED:
            return done
        everything = [{"video_id": str(video.id), "depth": "full"} for video in videos()]
        done.append(_finish(prefect, bars, Stage("validate", everything)))
        # All the rest at once: each pool takes what is its own, so light work does not wait for heavy work.
        rest = plan([video for video in videos() if video.is_valid])
        for stage in rest:
            _submit(prefect, bars, stage)
        for stage in rest:
            done.append(_finish(prefect, bars, stage))
        return done


def _submit(prefect: Dispatcher, bars: Progress, stage: Stage) -> None:
    total = len(stage.parameters)
    stage.bar = bars.add_task(stage.job_type, total=total or 1, shown=f"0/{total}")
    # A demo shows what happens now: nobody waits minutes for a second try.
    stage.ids = [
        job.id for job in prefect.jobs.submit_many(stage.job_type, stage.parameters, this_person(), max_retries=0)
    ]


def _finish(prefect: Dispatcher, bars: Progress, stage: Stage) -> Stage:
    if stage.bar is None:
        _submit(prefect, bars, stage)
    bar = stage.bar
    assert bar is not None

    def show(jobs: list[Job], progress: dict[uuid.UUID, JobProgress]) -> None:
        over = sum(job.over for job in jobs)
        done = over + sum(progress[job.id].fraction for job in jobs if not job.over and job.id in progress)
        bars.update(bar, completed=done if stage.ids else 1, shown=f"{over}/{len(stage.ids)}")

    stage.jobs = prefect.jobs.wait(stage.ids, on_poll=show)
    return stage
