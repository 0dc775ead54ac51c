"""What a run is called: its job type and what it is about, such as ``reencode chaplin.mp4`` (pure)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

#: Parameters that say what a job is about; the first that a job has names its run.
_VIDEO: Final = "video_id"
_VIDEOS: Final = "video_ids"
_OTHERS: Final = ("directory_type", "name")

#: Characters of what a job is about; more than a list of runs shows.
LONGEST: Final = 60

#: As Prefect and its UI call a run that nobody has named: two words.
_GENERATED: Final = re.compile("[a-z]+-[a-z]+")


def run_name(job_type: str, parameters: Mapping[str, Any], file_name: str | None = None) -> str:
    """Name a run.

    Example:
        >>> run_name("reencode", {"video_id": "library/videos/chaplin.mp4"})
        'reencode chaplin.mp4'
        >>> run_name("compile_quad", {"video_ids": ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]})
        'compile_quad a.mp4 +3'

    Args:
        job_type: the canonical name.
        parameters: of the run, checked or not.
        file_name: of the first video, where it is known; else what the parameters call that video.

    Returns:
        One line; a long file name is cut.
    """
    videos = _videos(parameters)
    if videos:
        more = f" +{len(videos) - 1}" if len(videos) > 1 else ""
        return f"{job_type} {_shown(file_name or _short(videos[0]))}{more}"
    others = (parameters.get(name) for name in _OTHERS)
    about = next((value for value in others if isinstance(value, str) and value), None)
    return job_type if about is None else f"{job_type} {_shown(about)}"


def first_video(parameters: Mapping[str, Any]) -> str | None:
    """What the parameters call the video that a run is named after; None where it is named after none."""
    return next(iter(_videos(parameters)), None)


def chosen_by_a_person(name: str, job_type: str, parameters: Mapping[str, Any]) -> bool:
    """Whether somebody has named a run: it is called neither as Prefect does, nor as we do without its file's name.

    Args:
        name: of the run.
        job_type: the canonical name.
        parameters: of the run.

    Returns:
        False where it may get its full name. Two small words joined by a hyphen are taken for Prefect's.
    """
    return _GENERATED.fullmatch(name) is None and name != run_name(job_type, parameters)


def _videos(parameters: Mapping[str, Any]) -> Sequence[str]:
    one, many = parameters.get(_VIDEO), parameters.get(_VIDEOS)
    given = [one] if one else many if isinstance(many, list | tuple) else []
    return [video for video in map(str, given) if video]


def _short(video: str) -> str:
    """An id's beginning, else the last part of a path."""
    try:
        return f"{str(uuid.UUID(video))[:8]}…"
    except ValueError:
        return PurePosixPath(video).name or video


def _shown(text: str) -> str:
    """On one line, and cut; what has no glyph (a byte that is no UTF-8, a line's end) is shown as missing."""
    line = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"
