"""The folder of real clips: what its table says of each file."""

from __future__ import annotations

import csv
from typing import Final

from tests.conftest import REAL_MEDIA

#: What each file that is no video must be called: the error, and a word of its reason.
REFUSED: Final = {
    "WrongFile.mp4": "cannot be opened as a video",
    "broken.mp4": "cannot be opened as a video",
    "no_moov.mp4": "cannot be opened as a video",
    "text_renamed.mp4": "cannot be opened as a video",
    "download_error.mp4": "cannot be opened as a video",
    "zero_bytes.mp4": "is empty",
    "photo_renamed.mp4": "is an image",
    "video_without_video_stream.mp4": "only audio",
}


def rows() -> list[dict[str, str]]:
    """The table of them, a dictionary a file; empty where they are absent."""
    if not (REAL_MEDIA / "files.csv").is_file():
        return []
    with (REAL_MEDIA / "files.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
