"""The folder of real clips: what its table says of each file."""

from __future__ import annotations

import csv
from typing import Final

from reelmill.troubles import Flaw
from tests.conftest import REAL_MEDIA

#: What each file that is no video must be called: the error, and a word of its reason.
REFUSED: Final = {
    "WrongFile.mp4": Flaw.UNKNOWN_FORMAT,
    "broken.mp4": Flaw.UNKNOWN_FORMAT,
    "no_moov.mp4": Flaw.UNKNOWN_FORMAT,
    "text_renamed.mp4": Flaw.UNKNOWN_FORMAT,
    "download_error.mp4": Flaw.UNKNOWN_FORMAT,
    "zero_bytes.mp4": Flaw.EMPTY,
    "photo_renamed.mp4": Flaw.IMAGE,
    "video_without_video_stream.mp4": Flaw.AUDIO_ONLY,
}


def rows() -> list[dict[str, str]]:
    """The table of them, a dictionary a file; empty where they are absent."""
    if not (REAL_MEDIA / "files.csv").is_file():
        return []
    with (REAL_MEDIA / "files.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
