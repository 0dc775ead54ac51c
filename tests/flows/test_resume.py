"""A long encode that is held, and one whose machine dies: neither encodes again what was done."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from sqlmodel import select

from blocks import MediaLibrary
from blocks.stored import DEFAULT
from deployments.site import Site
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.dispatch import Dispatcher
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.operations.chunk_store.store import Store
from reelmill.queue.job import Job, JobStatus
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip
from tests.patience import until
from tests.processes import SESSION_PROCESSES

pytestmark = pytest.mark.site

_CHUNKS = 6
_RATE = 10


@pytest.fixture
def client(on_site: Site) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


def _told(client: SyncPrefectClient, job: Job) -> str:
    """The log of a job, but for the last lines of a process that was killed."""
    chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[job.id]))
    lines = sorted(client.read_logs(log_filter=chosen, limit=200), key=lambda line: line.timestamp)
    return "\n".join(line.message for line in lines)


def _last_attempt(log: str) -> tuple[list[str], list[str]]:
    """Chunks that its last process found made, and those that it made."""
    last = log[log.rindex("chunks of about 30 s") :]
    return re.findall(r"(chunk \d+), made before", last), re.findall(r"(chunk \d+), [\w. ]+? s on", last)


def test_neither_a_pause_nor_a_crash_costs_what_was_encoded(on_site: Site, client: SyncPrefectClient) -> None:
    MediaLibrary(settle_seconds=0).save(DEFAULT, overwrite=True)
    root, prefect = MediaRoot(on_site.settings.media_root), Dispatcher(client)
    source = clip(root.folder("videos") / "long.mp4", seconds=30 * _CHUNKS, size="640x360", rate=_RATE, gop=50)
    before = source.read_bytes()
    prefect.jobs.wait([prefect.jobs.submit("scan", {"directory_type": "videos"}).id])
    video = _only_video()

    def made() -> int:
        """Chunks that are whole; the audio, as it was copied and as it was encoded, is two pieces more."""
        return sum(piece.complete for piece in Store(root).entries()) - 2

    job = prefect.jobs.submit("reencode", {"video_id": video, "preset": "veryslow", "force": True, "encoder": "x264"})
    until(lambda: made() >= 1)
    prefect.jobs.pause(job.id)
    until(lambda: prefect.jobs.read(job.id).status is JobStatus.PAUSED and not _encoders(on_site))
    kept = made()
    assert 1 <= kept < _CHUNKS
    on_site.tidy()
    assert made() == kept  # a job that is held will want them
    prefect.jobs.resume(job.id)

    until(lambda: made() >= kept + 1)
    dead = _kill_worker("gpu_encode")
    kept = made()
    assert kept < _CHUNKS
    until(lambda: _revived(on_site, dead))
    ended = prefect.jobs.wait([job.id])[0]
    assert ended.status is JobStatus.COMPLETED, ended.message
    log = _told(client, ended)
    found, encoded = _last_attempt(log)
    assert (len(found), len(encoded)) == (kept, _CHUNKS - kept), log
    copy = root.folder("playback") / "long.mp4"
    assert check_whole(copy).frames == 30 * _CHUNKS * _RATE
    assert source.read_bytes() == before
    assert Store(root).entries() == []
    assert Store(root).claims() == []


def _only_video() -> str:
    with session() as opened:
        return str(opened.exec(select(Video)).one().id)


def _encoders(site: Site) -> list[psutil.Process]:
    """Encodes of this site that are under way."""
    chunks = str(MediaRoot(site.settings.media_root).chunks)
    return [process for process in psutil.Process().children(recursive=True) if chunks in " ".join(_words(process))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def _kill_worker(pool: str) -> int:
    """End a worker and all it has begun, as a machine that loses its power does."""
    worker = next(
        process
        for process in psutil.Process().children()
        if (words := _words(process))[2:4] == ["prefect", "worker"] and pool in words
    )
    for process in [worker, *worker.children(recursive=True)]:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:  # ended with its parent
            continue
    return worker.pid


def _revived(site: Site, dead: int) -> bool:
    site.watch(0.2)
    SESSION_PROCESSES.update(child.pid for child in psutil.Process().children())
    return dead not in {child.pid for child in psutil.Process().children()}
