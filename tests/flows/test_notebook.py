"""The notebook that the README sends people to, run as they would; and a flow where there is no site at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from blocks import MediaLibrary
from blocks.stored import DEFAULT
from deployments.site import Site
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import clip
from tests.patience import PATIENCE

QUICKSTART = Path(__file__).parent.parent.parent / "notebooks" / "quickstart.ipynb"


@pytest.mark.site
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter client, not of ours
def test_the_quickstart_runs_beside_a_site(on_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    MediaLibrary(settle_seconds=0).save(DEFAULT, overwrite=True)
    folder = on_site.settings.media_root / "library" / "videos"
    clip(folder / "holiday.mp4", seconds=14, size="320x180")
    clip(folder / "cat.mp4", seconds=3)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)  # it finds the site by itself
    notebook: Any = nbformat.reads(QUICKSTART.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
    assert "holiday" in "".join(output.get("text", "") for output in outputs)
    assert "<video" in outputs[-1]["data"]["text/html"]
    digest = on_site.settings.media_root / "digests" / "holiday-digest.mp4"
    assert abs(float(probe(digest).duration or 0) - 10) < 0.2


WITHOUT_A_SITE = """
from flows.digest import digest
from flows.scan import scan
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from sqlmodel import select

print(scan(directory_type="videos"))
with session() as catalogue:
    (video,) = catalogue.exec(select(Video))
print("made", digest(video_id=str(video.id), target_length=2).path)
"""


@pytest.mark.site  # a Prefect server of its own comes up and goes
def test_the_same_lines_work_without_a_site(open_folder: Path, tmp_path: Path) -> None:
    media = tmp_path / "media"
    path = clip(media / "library" / "videos" / "a.mp4", seconds=4)
    os.utime(path, (1e9, 1e9))
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {
        "HOME": str(tmp_path),
        "REELMILL_DATA_DIR": str(open_folder / "no-site"),
        "REELMILL_MEDIA_ROOT": str(media),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": f"{PATIENCE:.0f}",
    }
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_SITE], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "new=1" in ran.stdout
    assert "made digests/a-digest.mp4" in ran.stdout
    assert abs(float(probe(media / "digests" / "a-digest.mp4").duration or 0) - 2) < 0.2
    # The database that came up on demand went with the process that needed it.
    assert not (open_folder / "no-site" / "postgres" / "data" / "postmaster.pid").exists()
