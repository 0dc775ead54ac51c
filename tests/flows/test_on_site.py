"""The main jobs through their deployments on a running site: submitted, worked on by the pools, looked at after."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from sqlmodel import select

from blocks import MediaLibrary
from blocks.stored import DEFAULT
from deployments.site import Site
from flows.validate import validate
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.dispatch import Dispatcher, dispatcher
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import faststart
from reelmill.queue.job import INVALID, Job, JobStatus
from tests.analysis.tiny_clip import tiny_clip
from tests.clips import clip
from tests.patience import until

pytestmark = pytest.mark.site


@pytest.fixture
def prefect(on_site: Site) -> Iterator[Dispatcher]:
    MediaLibrary(settle_seconds=0).save(DEFAULT, overwrite=True)
    with dispatcher() as opened:
        yield opened


def _library(site: Site) -> Path:
    folder = site.settings.media_root / "library" / "videos"
    folder.mkdir(parents=True)
    for number, (size, seconds) in enumerate([("320x180", 2), ("180x320", 3), ("160x120", 2), ("320x240", 4)]):
        clip(folder / f"clip {number}.mp4", size=size, seconds=seconds)
    (folder / "broken.mp4").write_bytes(b"not a video")
    return folder


def _run(prefect: Dispatcher, job_type: str, **parameters: object) -> Job:
    return prefect.jobs.wait([prefect.jobs.submit(job_type, parameters).id])[0]


def _log(client: SyncPrefectClient, job: Job) -> str:
    chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[job.id]))
    return "\n".join(log.message for log in client.read_logs(log_filter=chosen, limit=200))


def _artifact_types(client: SyncPrefectClient, job: Job) -> set[str | None]:
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[job.id]))
    return {
        artifact.type for artifact in client.read_artifacts(artifact_filter=ArtifactFilter(), flow_run_filter=chosen)
    }


def _video(name: str) -> Video:
    with session() as opened:
        return opened.exec(select(Video).where(Video.filename == name)).one()


def test_a_library_is_worked_through(on_site: Site, prefect: Dispatcher) -> None:
    _library(on_site)
    root = on_site.settings.media_root
    scanned = _run(prefect, "scan", directory_type="videos")
    assert (scanned.status, scanned.pool, scanned.priority) == (JobStatus.COMPLETED, "cpu", 5), scanned.message
    assert not _video("broken.mp4").is_valid

    source = _video("clip 1.mp4")
    asked: dict[str, dict[str, object]] = {
        "validate": {"video_id": str(source.id), "depth": "full"},
        "thumbnail_generate": {"video_id": str(source.id), "width": 90, "storyboard": True},
        "duplicates_report": {},
        "reencode_streaming": {"video_id": str(source.id), "preset": "ultrafast", "force": True},
        "compile_quad": {"seed": 4, "audio": "mix"},
        "compile_random": {"count": 3, "min_duration": 1, "max_duration": 9, "seed": 1},
        "compile_mega": {"layout": "sequence", "count": 2, "seed": 1},
        "clip_generate": {"video_id": str(source.id), "count": 1, "length": 1},
        "highlight_generate": {"video_id": str(source.id), "length": 2},
        "tag_generation": {"video_id": str(source.id)},
        "digest": {"video_id": str(_video("clip 3.mp4").id), "target_length": 2},
        "scenario": {"name": "120p10-h264", "duration": 1, "output": "file", "find_limit": True},
        "compile_gif": {"video_id": str(source.id), "duration": 1, "width": 90},
    }
    ids = {job_type: prefect.jobs.submit(job_type, parameters).id for job_type, parameters in asked.items()}
    jobs = dict(zip(ids, prefect.jobs.wait(list(ids.values())), strict=True))
    assert {name: (job.status, job.message) for name, job in jobs.items() if job.status != "completed"} == {}
    assert jobs["reencode_streaming"].type == "reencode"  # an older name is the same job
    assert jobs["reencode_streaming"].pool == "gpu_encode"

    copy = _made_by(jobs["reencode_streaming"])
    assert copy.path == "playback/clip 1.mp4"
    assert copy.source_video_id == source.id
    assert _video_by_id(source.id).reencode_job_id == jobs["reencode_streaming"].id
    assert faststart(root / copy.path)
    assert check_whole(root / copy.path).frames == check_whole(root / source.path).frames == 75
    thumbnail = _video_by_id(source.id).thumbnail_path
    assert thumbnail is not None
    assert (root / thumbnail).stat().st_size > 0
    assert len(list((root / "thumbnails").rglob("*.vtt"))) == 1
    grid = probe(root / _made_by(jobs["compile_quad"]).path)
    assert (grid.video.width, grid.video.height, grid.audio_tracks) == (1920, 1080, 1)
    for job_type, parts in (("compile_random", 3), ("compile_mega", 2)):
        assert check_whole(root / _made_by(jobs[job_type]).path).frames >= 50 * parts
    digest = check_whole(root / _made_by(jobs["digest"]).path)
    assert digest.clean
    assert digest.content is not None
    assert abs(digest.content - 2) <= 0.5

    (made,) = (root / "gifs").rglob("*.gif")
    assert (probe(made).video.width, check_whole(made).frames) == (90, 12)
    moved = _run(prefect, "move_to_library", video_id=str(source.id), directory_type="home")
    assert moved.status == JobStatus.COMPLETED, moved.message
    assert _video_by_id(source.id).path == "library/home/clip 1.mp4"
    assert (root / "library/home/clip 1.mp4").is_file()
    assert not (root / source.path).exists()

    with get_client(sync_client=True) as client:
        log = _log(client, jobs["reencode_streaming"])
        for expected in (
            r"start: reencode\(",
            r"input: library/videos/clip 1\.mp4",
            r"command: \S*ffmpeg\S* .*libx264",
            r"progress: 100 %",
            r"output: playback/clip 1\.mp4, \d+ bytes",
            r"completed: reencode in",
        ):
            assert re.search(expected, log), (expected, log)
        assert "progress" in _artifact_types(client, jobs["reencode_streaming"])
        assert "markdown" in _artifact_types(client, jobs["thumbnail_generate"])
        assert "markdown" in _artifact_types(client, jobs["scenario"])
        assert re.search(r"recommended at once: \d+ \(", _log(client, jobs["scenario"]))
        assert "markdown" in _artifact_types(client, jobs["compile_gif"])
        assert "markdown" in _artifact_types(client, jobs["duplicates_report"])
        for job in (*jobs.values(), moved):
            shown = prefect.jobs.card(job.id)
            assert shown is not None, job.type
            title = shown.partition("\n")[0].removeprefix("### ").replace("\\", "")
            until(lambda job=job, title=title: title in _log(client, job).splitlines())  # type: ignore[misc]
        assert "clip 1.mp4 was re-encoded: " in (prefect.jobs.card(jobs["reencode_streaming"].id) or "")
        run = client.read_flow_run(jobs["compile_quad"].id)
        assert "gpu_encode" in run.tags


def test_a_plan_makes_nothing_and_what_is_ready_is_spared(on_site: Site, prefect: Dispatcher) -> None:
    folder, root = on_site.settings.media_root / "library" / "videos", on_site.settings.media_root
    clip(folder / "old.avi", seconds=2, codec="mpeg4")
    clip(folder / "ready.mp4", seconds=2, options=["-movflags", "+faststart"])
    clip(folder / "container.mkv", seconds=2, options=["-c:a", "aac"])
    _run(prefect, "scan", directory_type="videos")
    names = ("old.avi", "ready.mp4", "container.mkv")
    ids = {name: str(_video(name).id) for name in names}
    before = sorted(path for path in root.rglob("*") if path.is_file())

    asked = {name: {"video_id": ids[name], "preset": "ultrafast"} for name in names}
    planned = [prefect.jobs.submit("reencode", {**how, "dry_run": True}).id for how in asked.values()]
    plans = dict(zip(names, prefect.jobs.wait(planned), strict=True))
    assert {name: (job.status, job.message) for name, job in plans.items() if job.status != "completed"} == {}
    assert sorted(path for path in root.rglob("*") if path.is_file()) == before
    with get_client(sync_client=True) as client:
        log = _log(client, plans["old.avi"])
        assert "library/videos/old.avi: encode: its video is mpeg4, not H.264" in log
        assert re.search(r"1 to encode\. \S+ kB become \S+ kB.* of encoding", log), log
        assert "markdown" in _artifact_types(client, plans["old.avi"])
        assert "library/videos/ready.mp4: skip: already web-ready" in _log(client, plans["ready.mp4"])

    jobs = dict(
        zip(names, prefect.jobs.wait([prefect.jobs.submit("reencode", how).id for how in asked.values()]), strict=True)
    )
    assert {name: (job.status, job.message) for name, job in jobs.items() if job.status != "completed"} == {}
    assert sorted(path.name for path in (root / "playback").iterdir()) == ["container.mp4", "old.mp4"]
    with get_client(sync_client=True) as client:
        assert "nothing is made of library/videos/ready.mp4" in _log(client, jobs["ready.mp4"])
        assert not re.search("libx264", _log(client, jobs["container.mkv"]))
        assert re.search("libx264", _log(client, jobs["old.avi"]))


def test_a_job_that_cannot_work_says_why_once(on_site: Site, prefect: Dispatcher) -> None:
    _library(on_site)
    _run(prefect, "scan", directory_type="videos")
    before = sorted(path for path in on_site.settings.media_root.rglob("*") if path.is_file())
    broken = prefect.jobs.submit("reencode", {"video_id": str(_video("broken.mp4").id)})
    unknown = prefect.jobs.submit("validate", {"video_id": str(uuid.uuid4())})
    malformed = prefect.jobs.submit("thumbnail_generate", {"video_id": "../../etc/passwd"})
    jobs = prefect.jobs.wait([broken.id, unknown.id, malformed.id])
    assert [job.status for job in jobs] == [JobStatus.FAILED] * 3
    for job, words in zip(jobs, ("broken.mp4", "No video has the id", "No video is called"), strict=True):
        assert words in (job.message or "")
    assert sorted(path for path in on_site.settings.media_root.rglob("*") if path.is_file()) == before
    with get_client(sync_client=True) as client:
        for job, whose in zip(jobs, ("input", "user", "user"), strict=True):
            until(lambda job=job: "Finished in state Failed" in _log(client, job))  # type: ignore[misc]
            log = _log(client, job)
            assert log.count(job.message or "") == log.count(f"{whose}_error: {job.message}") == 1, log
            assert "Traceback" not in log
            assert log.splitlines().count("--- ERROR ---") == 1
        assert "AwaitingRetry" not in {state.name for state in client.read_flow_run_states(jobs[0].id)}


def test_a_broken_video_looks_broken(on_site: Site, prefect: Dispatcher) -> None:
    clip(on_site.settings.media_root / "library/videos/good.mp4", seconds=1)
    (on_site.settings.media_root / "library/videos/broken.mp4").write_bytes(b"not a video")
    _run(prefect, "scan", directory_type="videos")
    ids = {name: str(_video(f"{name}.mp4").id) for name in ("good", "broken")}
    good, broken = prefect.jobs.wait([prefect.jobs.submit("validate", {"video_id": id_}).id for id_ in ids.values()])
    reason = _video("broken.mp4").validation_error
    assert reason
    assert (good.status, good.state, good.message) == (JobStatus.COMPLETED, "Completed", None)
    assert (broken.status, broken.state, broken.message) == (JobStatus.COMPLETED, INVALID, reason)
    assert [change.state for change in prefect.jobs.states(broken.id)][-2:] == ["Running", INVALID]  # of one attempt
    assert (broken.attempt, broken.retries, broken.failure_class) == (1, 0, None)
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(broken.id).state
    assert state is not None
    assert state.result() == validate(video_id=ids["broken"])  # whoever calls the flow is given its result, too


def test_a_retry_works_on_the_video_that_the_first_attempt_found(on_site: Site, prefect: Dispatcher) -> None:
    """Named by its path, where it is no more by then."""
    folder = on_site.settings.media_root / "library/videos"
    away = clip(folder / "before.mp4", seconds=1).rename
    _run(prefect, "scan", directory_type="videos")
    video = _video("before.mp4")
    moved = away(folder / "after.mp4")
    failed = _run(prefect, "validate", video_id=video.path)
    assert (failed.status, "before.mp4 is not there any more" in (failed.message or "")) == (JobStatus.FAILED, True)
    with session() as opened:  # as a move leaves it
        record = opened.get_one(Video, video.id)
        record.path, record.filename = f"library/videos/{moved.name}", moved.name
        opened.add(record)
    (again,) = prefect.jobs.wait([prefect.jobs.retry(failed.id).id])
    assert (again.status, again.message) == (JobStatus.COMPLETED, None)
    assert _video("after.mp4").id == video.id


def _made_by(job: Job) -> Video:
    with session() as opened:
        return opened.exec(select(Video).where(Video.made_by == job.id)).one()


def _video_by_id(video_id: uuid.UUID) -> Video:
    with session() as opened:
        return opened.exec(select(Video).where(Video.id == video_id)).one()


def test_a_model_tags_on_the_gpu_memory_its_job_was_admitted_to(
    on_site: Site, prefect: Dispatcher, open_folder: Path
) -> None:
    """The folder comes in the run's own environment, as a machine's would come in the worker's."""
    pytest.importorskip("torch", reason="the extra [ai] is not installed: make ai")
    model = tiny_clip(open_folder / f"model {uuid.uuid4().hex}", labels={"own": {"holiday": "a holiday"}})
    clip(on_site.settings.media_root / "library" / "videos" / "one.mp4", seconds=3)
    _run(prefect, "scan", directory_type="videos")
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(
            client.read_deployment_by_name("tag_generation/tag_generation").id,
            parameters={"video_id": str(_video("one.mp4").id)},
            job_variables={"vram_mb": 5000, "env": {"REELMILL_MODELS": str(model)}},
        )
        (job,) = prefect.jobs.wait([run.id])
        assert job.status is JobStatus.COMPLETED, job.message
        state = client.read_flow_run(run.id).state
        assert state is not None
        result = state.result().model_dump(mode="json")
        words = f"back end: CLIP model {model.name} on "
        until(lambda: words in _log(client, job), lambda: _log(client, job))  # log lines travel in batches
    assert result["back_end"] == f"CLIP model {model.name} and classical signals"
    assert result["vram_admitted_mb"] == 5000
    assert (result["vram_peak_mb"] is None) == (result["device"] == "cpu")
    (found,) = [tag for tag in result["tags"] if tag["name"] == "holiday"]
    assert found["evidence"]["pictures"] == "2 of 2"
