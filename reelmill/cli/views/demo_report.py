"""What the demo shows at its end: what was made of which video, and what was not."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from sqlmodel import col, select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.cli.demo_plan import Stage
from reelmill.queue.job import Job, JobStatus
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import in_bytes


def videos() -> list[Video]:
    """The originals of the demo's library, in order."""
    with session() as opened:
        return list(opened.exec(select(Video).where(Video.directory_type == "videos").order_by(col(Video.path))))


def show_report(console: Console, root: MediaRoot, stages: Sequence[Stage]) -> None:
    """Show the table of what was made, before it what is invalid, after it what was left alone and what failed."""
    names = {str(video.id): video.filename for video in videos()}
    for video in videos():
        if not video.is_valid:
            console.print(f"[yellow]invalid[/yellow] {escape(video.validation_error or '')}")
    console.print(_table(root, stages, names))
    spared = [name for job in _completed(stages) if job.type == "reencode" and (name := _spared(job, names))]
    if spared:
        console.print(f"web-ready already, so not re-encoded: {len(spared)} ({escape(', '.join(spared))})")
    for job in (job for stage in stages for job in stage.failed):
        about = f" ({name})" if (name := _about(job, names)) else ""
        console.print(f"[red]{job.type} {job.status}[/red] {escape(f'{job.message}{about}')}")


def _completed(stages: Sequence[Stage]) -> list[Job]:
    return [job for stage in stages for job in stage.jobs if job.status is JobStatus.COMPLETED]


def _about(job: Job, names: dict[str, str]) -> str:
    """The name of the video that a job works on; none where it works on several, or on a folder."""
    return names.get(str(job.parameters.get("video_id")), "")


def _spared(job: Job, names: dict[str, str]) -> str | None:
    return _about(job, names) if _film(job) is None else None


def _table(root: MediaRoot, stages: Sequence[Stage], names: dict[str, str]) -> Table:
    table = Table("job", Column("made", overflow="fold"), "size", "length", "took", title="What was made")
    for job in _completed(stages):
        film = _film(job)
        if job.type == "thumbnail_generate":
            made, path, length = f"a thumbnail of {_about(job, names)}", _thumbnail(job), ""
        elif film is not None:
            made, path, length = film.path, film.path, f"{film.duration or 0:.1f} s"
        else:
            continue
        if path is not None:
            size = in_bytes((root.path / path).stat().st_size)
            table.add_row(job.type, escape(made), size, length, f"{job.seconds or 0:.1f} s")
    return table


def _thumbnail(job: Job) -> str | None:
    with session() as opened:
        video = opened.get(Video, uuid.UUID(job.parameters["video_id"]))
        return None if video is None else video.thumbnail_path


def _film(job: Job) -> Video | None:
    """The video that a job made."""
    with session() as opened:
        return opened.exec(select(Video).where(Video.made_by == job.id)).first()
