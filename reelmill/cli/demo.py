"""``reelmill demo``: everything once, on a site of its own that leaves nothing behind but what it made."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prefect.settings import PREFECT_API_URL, temporary_settings
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from sqlmodel import col, select

from blocks import MediaLibrary
from blocks.stored import DEFAULT
from deployments.site import Site
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.errors import UserError
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.run import FfmpegRunner
from reelmill.ffmpeg.samples import make_samples
from reelmill.jobs import Job, JobStatus
from reelmill.layout import MediaRoot
from reelmill.operations.scan import EXTENSIONS
from reelmill.settings import get_settings

#: Where the demo's library stays to be looked at; made anew each time.
FOLDER: Final = Path(".demo")
MAX_FILES: Final = 40
_MARK: Final = "made-by-reelmill-demo"


@dataclass
class Stage:
    """One kind of job of the demo, with all its runs."""

    job_type: str
    parameters: list[dict[str, Any]]
    ids: list[uuid.UUID] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    bar: TaskID | None = None


def run_demo(media: Path | None) -> int:
    """Run it; answers with the exit code: 0, or 1 if a job failed."""
    console = Console(highlight=False, soft_wrap=True)
    root = _library(media, console)
    with _own_site(root) as site, temporary_settings({PREFECT_API_URL: site.api_url}), dispatcher() as prefect:
        # What lies in the demo's library was copied by us and is complete.
        MediaLibrary(settle_seconds=0).save(DEFAULT, overwrite=True)
        console.print(f"Prefect UI of this demo, while it lasts: {site.ui_url}")
        stages = _run_stages(prefect, console)
        invalid = _invalid()
        table, spared = _table(root, stages), _spared(stages)
    for video in invalid:
        console.print(f"[yellow]invalid[/yellow] {video.validation_error}")
    console.print(table)
    if spared:
        console.print(f"web-ready already, so not re-encoded: {spared}")
    failed = [job for stage in stages for job in stage.jobs if job.status is not JobStatus.COMPLETED]
    for job in failed:
        console.print(f"[red]{job.type} {job.status}[/red] {job.message}")
    console.print(f"The library of this demo: {root.path}")
    return 1 if failed else 0


def _library(media: Path | None, console: Console) -> MediaRoot:
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
        console.print("making sample videos")
        make_samples(target, FfmpegRunner(find_ffmpeg(get_settings().ffmpeg)))
        return root
    chosen = [path for path in sorted(media.rglob("*")) if path.suffix[1:].lower() in EXTENSIONS and path.is_file()]
    for path in chosen[:MAX_FILES]:
        copy = target / path.relative_to(media)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    left = f", {len(chosen) - MAX_FILES} more left out" if len(chosen) > MAX_FILES else ""
    console.print(f"{min(len(chosen), MAX_FILES)} files copied from {media}{left}")
    return root


@contextmanager
def _own_site(root: MediaRoot) -> Iterator[Site]:
    """A site on a data folder of its own, so that the demo meets nobody else's; gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="reelmill-demo-"))
    data.chmod(0o755)  # under root PostgreSQL runs as another account, which must be let in
    os.environ |= {"REELMILL_DATA_DIR": str(data), "REELMILL_MEDIA_ROOT": str(root.path)}
    os.environ.pop("REELMILL_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        with Site() as site:
            yield site
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _run_stages(prefect: Dispatcher, console: Console) -> list[Stage]:
    columns = (TextColumn("{task.description:20}"), BarColumn(40), TextColumn("{task.fields[shown]:>9}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        done = [_finish(prefect, bars, Stage("scan", [{"directory_type": "videos"}]))]
        if done[0].jobs[0].status is not JobStatus.COMPLETED:
            return done
        everything = [{"video_id": str(video.id), "depth": "full"} for video in _videos()]
        done.append(_finish(prefect, bars, Stage("validate", everything)))
        # All the rest at once: each pool takes what is its own, so light work does not wait for heavy work.
        rest = _making([video for video in _videos() if video.is_valid])
        for stage in rest:
            _submit(prefect, bars, stage)
        for stage in rest:
            done.append(_finish(prefect, bars, stage))
        return done


def _making(valid: Sequence[Video]) -> list[Stage]:
    """What is made of the valid videos (pure)."""
    ids = [str(video.id) for video in valid]
    stages = [
        Stage("thumbnail_generate", [{"video_id": id_} for id_ in ids]),
        Stage("reencode", [{"video_id": id_, "preset": "veryfast"} for id_ in ids]),
    ]
    if len(valid) >= 4:
        stages.append(Stage("compile_quad", [{"seed": 1}]))
    if valid:
        longest = max(valid, key=lambda video: video.duration or 0)
        length = min(60.0, max(5.0, (longest.duration or 0) / 3))
        stages.append(Stage("digest", [{"video_id": str(longest.id), "target_length": length}]))
    return [stage for stage in stages if stage.parameters]


def _submit(prefect: Dispatcher, bars: Progress, stage: Stage) -> None:
    total = len(stage.parameters)
    stage.bar = bars.add_task(stage.job_type, total=total or 1, shown=f"0/{total}")
    # A demo shows what happens now: nobody waits minutes for a second try.
    stage.ids = [job.id for job in prefect.submit_many(stage.job_type, stage.parameters, max_retries=0)]


def _finish(prefect: Dispatcher, bars: Progress, stage: Stage) -> Stage:
    if stage.bar is None:
        _submit(prefect, bars, stage)
    bar = stage.bar
    assert bar is not None

    def look(jobs: list[Job], progress: dict[uuid.UUID, float]) -> None:
        over = sum(job.over for job in jobs)
        parts = over + sum(progress.get(job.id, 0.0) for job in jobs if not job.over)
        bars.update(bar, completed=parts if stage.ids else 1, shown=f"{over}/{len(stage.ids)}")

    stage.jobs = prefect.wait(stage.ids, on_look=look)
    return stage


def _videos() -> list[Video]:
    with session() as opened:
        return list(opened.exec(select(Video).where(Video.directory_type == "videos").order_by(col(Video.path))))


def _invalid() -> list[Video]:
    return [video for video in _videos() if not video.is_valid]


def _table(root: MediaRoot, stages: Sequence[Stage]) -> Table:
    table = Table("job", Column("path", overflow="fold"), "size", "length", "took", title="What was made")
    for stage in stages:
        for job in stage.jobs:
            made = _made(job)
            if job.status is JobStatus.COMPLETED and made is not None:
                path, duration = made
                size = (root.path / path).stat().st_size
                length = "" if duration is None else f"{duration:.1f} s"
                table.add_row(stage.job_type, path, _bytes(size), length, f"{job.seconds or 0:.1f} s")
    return table


def _spared(stages: Sequence[Stage]) -> int:
    """How many videos needed no copy for the web."""
    jobs = [job for stage in stages if stage.job_type == "reencode" for job in stage.jobs]
    return sum(job.status is JobStatus.COMPLETED and _made(job) is None for job in jobs)


def _made(job: Job) -> tuple[str, float | None] | None:
    """Path and seconds of what a job made; None for jobs that make no file."""
    with session() as opened:
        if job.type == "thumbnail_generate":
            video = opened.get(Video, uuid.UUID(job.parameters["video_id"]))
            return None if video is None or video.thumbnail_path is None else (video.thumbnail_path, None)
        video = opened.exec(select(Video).where(Video.made_by == job.id)).first()
        return None if video is None else (video.path, video.duration)


def _bytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{size / 1000:.0f} kB"
