"""The icon of each job type, of Material Icons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ICONS: Final[Mapping[str, str]] = {
    "clip_generate": "content_cut",
    "compile_gif": "gif_box",
    "compile_mega": "movie_filter",
    "compile_quad": "grid_view",
    "compile_random": "shuffle",
    "digest": "summarize",
    "duplicates_report": "difference",
    "highlight_generate": "auto_awesome",
    "move_to_library": "drive_file_move",
    "public_scan": "travel_explore",
    "reencode": "movie",
    "scan": "search",
    "scenario": "speed",
    "scene_extract": "theaters",
    "tag_generation": "sell",
    "thumbnail_generate": "image",
    "validate": "fact_check",
}


def type_icon(job_type: str) -> str:
    """The icon of a job type; one of their own that people add has that of a job."""
    return _ICONS.get(job_type, "work")
