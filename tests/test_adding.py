"""A job type is added with four files and nothing else: flow, operation, stanza, test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.site import Site
from tests.clips import clip

ROOT = Path(__file__).parent.parent

OPERATION = '''"""Frame count: how many frames of a video decode."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.operations.chunk_store.readable import open_video
from reelmill.operations.context import Workbench
from reelmill.operations.result_card import ResultCard
from reelmill.queue.job_type import JobType
from reelmill.wording import plural

#: Whoever counts again wants to know what is there now.
JOB_TYPE: Final = JobType(repeats=True)


class FrameCountResult(BaseModel):
    """What was counted."""

    model_config = ConfigDict(frozen=True)

    source: str
    frames: int

    def result_card(self) -> ResultCard:
        """The result for people."""
        return ResultCard(f"{self.source} has {plural(self.frames, 'frame')} that decode")


def frame_count(bench: Workbench, video_id: str) -> FrameCountResult:
    """Count the frames of a video that decode.

    Args:
        bench: what to work with.
        video_id: which video.

    Returns:
        How many there are.

    Raises:
        UnknownVideo, InputError: the video cannot be used.
    """
    opened = open_video(bench, video_id)
    return FrameCountResult(source=opened.video.path, frames=check_whole(opened.path).frames)
'''

FLOW = '''"""Job type ``frame_count``: how many frames of a video decode."""

from __future__ import annotations

from typing import Annotated

from prefect import task
from pydantic import Field

from flows.job import BRIEFLY_RETRIED, JOB, VideoName, job, workbench
from flows.result import show_result
from flows.site_flow import flow
from flows.video_names import same_video
from reelmill.operations.jobs import frame_count as operation
from reelmill.operations.jobs.frame_count import FrameCountResult


@task(name="count frames", **BRIEFLY_RETRIED)
def count_frames(video_id: str) -> FrameCountResult:
    """Decode all of it."""
    return operation.frame_count(workbench(), video_id)


@flow(name="frame_count", **JOB)
def frame_count(
    video_id: Annotated[VideoName, Field(json_schema_extra=operation.JOB_TYPE.in_schema)],
) -> FrameCountResult:
    """Count the frames of a video that decode.

    Args:
        video_id: Which video: its file name, path, title or id, such as `chaplin.mp4` or `inbox/chaplin.mp4`.
    """
    with job("frame_count", video_id=video_id):
        return show_result(count_frames(same_video(video_id)))
'''

STANZA = """  - <<: *cpu
    name: frame_count
    entrypoint: flows.frame_count.frame_count
"""

TEST = """from __future__ import annotations

from deployments.stanzas import stanzas
from reelmill.dispatch.runs.duplicates import work_tag
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.frame_count import JOB_TYPE, frame_count
from reelmill.queue.job_type import JobType
from tests.clips import clip
from tests.operations.library import add


def test_all_frames_are_counted(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=2))
    result = frame_count(bench, str(video.id))
    assert (result.source, result.frames) == ("inbox/a.mp4", 50)


def test_it_is_deployed_and_never_folded() -> None:
    (stanza,) = [stanza for stanza in stanzas() if stanza.entrypoint == "flows.frame_count.frame_count"]
    assert (stanza.name, stanza.flow().name) == ("frame_count", "frame_count")
    assert work_tag("frame_count", {"video_id": "a"}, JOB_TYPE) is None
    assert work_tag("frame_count", {"video_id": "a"}, JobType()) is not None
"""

PLAIN_CALL = """
from sqlmodel import select

from flows.frame_count import frame_count
from flows.scan import scan
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video

scan(directory_type="videos")
with session() as catalogue:
    (video,) = catalogue.exec(select(Video))
result = frame_count(video_id=str(video.id))
print("counted", result.source, result.frames)
"""

#: What the files of the new job type must pass, beside their own test.
HOUSE = ("tests/test_layers.py", "tests/deployments/test_stanzas.py")


def _copy(target: Path) -> Path:
    """The tree, without what tools keep beside it."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "bench", "notebooks")
    shutil.copytree(ROOT, target, ignore=left_out)
    return target


def _python(tree: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Python in the copy, whose packages come before the installed ones."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "REELMILL_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**inherited, "PYTHONPATH": str(tree), "HOME": str(tree.parent), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.site
def test_a_job_type_is_four_files(tmp_path: Path, on_site: Site) -> None:
    tree = _copy(tmp_path / "tree")
    (tree / "reelmill/operations/jobs/frame_count.py").write_text(OPERATION)
    (tree / "flows/frame_count.py").write_text(FLOW)
    (tree / "tests/operations/test_frame_count.py").write_text(TEST)
    with (tree / "prefect.yaml").open("a") as listed:
        listed.write(STANZA)

    pytest_of_the_copy = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    tested = _python(tree, *pytest_of_the_copy, "tests/operations/test_frame_count.py", *HOUSE)
    assert tested.returncode == 0, tested.stdout + tested.stderr

    video = clip(on_site.settings.media_root / "library" / "videos" / "a.mp4", seconds=2)
    os.utime(video, (1e9, 1e9))  # else a scan takes it for one that is still being written
    folders = {name: os.environ[name] for name in ("REELMILL_DATA_DIR", "REELMILL_MEDIA_ROOT")}
    ran = _python(tree, "-c", PLAIN_CALL, **folders)
    assert ran.returncode == 0, ran.stderr
    assert "counted library/videos/a.mp4 50" in ran.stdout
