"""What runs are called."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from reelmill.queue.run_name import LONGEST, chosen_by_a_person, first_video, run_name

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("job_type", "parameters", "file_name", "name"),
    [
        ("reencode", {"video_id": "library/videos/chaplin.mp4"}, None, "reencode chaplin.mp4"),
        ("reencode", {"video_id": "chaplin.mp4", "crf": 20}, None, "reencode chaplin.mp4"),
        ("reencode", {"video_id": ID}, "chaplin.mp4", "reencode chaplin.mp4"),
        ("reencode", {"video_id": ID}, None, "reencode 0f8fad5b…"),
        ("reencode", {"video_id": uuid.UUID(ID)}, None, "reencode 0f8fad5b…"),
        ("reencode", {"video_id": "0f8f"}, None, "reencode 0f8f"),
        ("compile_quad", {"video_ids": ["x/a.mp4", "b.mp4", "c.mp4", "d.mp4"]}, None, "compile_quad a.mp4 +3"),
        ("compile_mega", {"video_ids": [ID]}, "a.mp4", "compile_mega a.mp4"),
        ("compile_quad", {"video_ids": None, "seed": 3}, None, "compile_quad"),
        ("scan", {"directory_type": "videos", "skip_existing": True}, None, "scan videos"),
        ("move_to_library", {"video_id": "inbox/a.mp4", "directory_type": "home"}, None, "move_to_library a.mp4"),
        ("duplicates_report", {"directory_type": None}, None, "duplicates_report"),
        ("public_scan", {}, None, "public_scan"),
        ("scenario", {"name": "4k60-h264", "duration": 10}, None, "scenario 4k60-h264"),
        ("validate", {"video_id": "a\nb\udcff.mp4"}, None, "validate a\ufffdb\ufffd.mp4"),
        ("validate", {"video_id": "/"}, None, "validate /"),
        ("validate", {"video_id": ""}, None, "validate"),
        ("validate", {"video_id": ["a"], "video_ids": 7}, None, "validate ['a']"),  # wrong, which others say
    ],
)
def test_a_run_is_called_after_its_video(
    job_type: str, parameters: dict[str, Any], file_name: str | None, name: str
) -> None:
    assert run_name(job_type, parameters, file_name) == name


def test_a_long_name_is_cut_and_says_so() -> None:
    name = run_name("compile_quad", {"video_ids": [f"{'long ' * 30}.mp4", "b", "c", "d"]})
    assert name.startswith("compile_quad long long")
    assert name.endswith("… +3")
    assert len(name) <= len("compile_quad  +3") + LONGEST


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("brave-lion", False),  # Prefect's own
        ("reencode 0f8fad5b…", False),  # ours, without the file's name
        ("reencode chaplin.mp4", True),  # it is called as it shall be
        ("for Anna", True),
        ("Night-shift", True),
        ("one-two-three", True),
        ("retry", True),
    ],
)
def test_a_name_that_a_person_gave_is_known(name: str, chosen: bool) -> None:
    assert chosen_by_a_person(name, "reencode", {"video_id": ID}) is chosen


def test_which_video_names_a_run() -> None:
    assert first_video({"video_id": ID}) == ID
    assert first_video({"video_ids": ["b", "a"], "directory_type": "videos"}) == "b"
    assert first_video({"directory_type": "videos"}) is None
