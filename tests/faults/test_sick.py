"""A disk that fails says nothing of the videos on it: no reader takes them for damaged, short or whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_REPOSITORY = Path(__file__).parent.parent.parent


def test_an_unreadable_video_is_not_a_damaged_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.sick", tmp_path],
        capture_output=True,
        text=True,
        cwd=_REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if told is None:
        pytest.skip("no disk that fails can be had here: it takes root, a loop device and mkfs.ext2")
    assert {said for what, said in told.items() if what.startswith("well ")} == {"nothing"}
    for what, said in told.items():
        if not what.startswith("well "):
            assert said == _OTHERS.get(what, "FfmpegFailed" if " ffmpeg " in what else "Unreadable"), what


_OTHERS: Final = {
    "half-way probe .mkv": "nothing",  # all it takes is at the beginning
    "half-way probe .ts": "nothing",
    "half-way keyframes .mkv": "nothing",
}
