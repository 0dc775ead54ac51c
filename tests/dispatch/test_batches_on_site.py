"""A batch on a running site: its workers hand in the jobs and do them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlmodel import select

from deployments.site import Site
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import BatchState, Video
from reelmill.dispatch import BatchStatus, Dispatcher, JobFilter, dispatcher
from reelmill.operations.jobs.scan import scan
from reelmill.queue.job import JobStatus
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip
from tests.patience import until

pytestmark = pytest.mark.site


def test_the_workers_hand_in_a_batch_and_do_it(on_site: Site) -> None:
    root = MediaRoot(on_site.settings.media_root)
    for number in range(6):
        clip(root.folder("inbox") / f"clip {number}.mp4", size="64x36", seconds=1)
    scan(root, "inbox", directory_types=["inbox"], settle_seconds=0)
    with dispatcher() as prefect:
        batch = prefect.batches.submit("thumbnail_generate", "thumbnail is missing", {"width": 64}, {"priority": 2})

        def status() -> BatchStatus:
            return prefect.batches.status(batch.id)

        until(lambda: status().batch.fed, status)  # nobody but a worker has done that
        until(lambda: status().jobs[JobStatus.COMPLETED] == 6, status)
        until(lambda: status().batch.state == BatchState.FINISHED, status)
        done = status()
        assert (done.batch.state, done.batch.submitted, done.batch.refused) == (BatchState.FINISHED, 6, 0)
        assert (done.under_way, done.to_come) == (0, 0)
        jobs = prefect.jobs.search(JobFilter(tag=batch.tag)).jobs
    with session() as opened:
        videos = {str(video.id): video for video in opened.exec(select(Video))}
    assert Counter(job.parameters["video_id"] for job in jobs) == Counter(list(videos))
    assert {job.name for job in jobs} == {f"thumbnail_generate clip {number}.mp4" for number in range(6)}
    assert {job.lane for job in jobs} == {"live-medium"}
    assert all((root.path / str(video.thumbnail_path)).is_file() for video in videos.values())


def test_a_batch_is_paused_resumed_and_cancelled(prefect: Dispatcher) -> None:
    """On pools that take nothing, so that its jobs wait."""
    with session() as opened:
        for number in range(4):
            name = f"{number}.mp4"
            facts: dict[str, Any] = {
                "title": name,
                "filename": name,
                "directory_type": "inbox",
                "size": 1,
                "mtime_ns": 1,
            }
            opened.add(Video(path=f"inbox/{name}", **facts))
    batches = prefect.batches
    batch = batches.submit("validate", "directory_type = inbox", {"depth": "quick"}, {"level": "low"})

    def fed() -> bool:
        batches.feed()
        return batches.status(batch.id).batch.fed

    until(fed)
    assert _counted(batches.pause(batch.id)) == (BatchState.PAUSED, {JobStatus.PAUSED: 4})
    assert _counted(batches.resume(batch.id)) == (BatchState.RUNNING, {JobStatus.PENDING: 4})
    lanes = {job.lane for job in prefect.jobs.search(JobFilter(tag=batch.tag)).jobs}
    assert lanes == {"batch-low"}
    assert _counted(batches.cancel(batch.id)) == (BatchState.CANCELLED, {JobStatus.CANCELLED: 4})
    assert batch.id in {listed.batch.id for listed in batches.all()}


def _counted(status: BatchStatus) -> tuple[str, dict[JobStatus, int]]:
    return status.batch.state, {name: count for name, count in status.jobs.items() if count}
