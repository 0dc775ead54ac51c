"""A job's result card as an artifact on the server: where it is found, and what it is without its images (pure)."""

from __future__ import annotations

import re
import uuid
from typing import Final

#: What the keys of all result cards begin with, and of nothing else.
RESULT: Final = "result-"

#: Type of the artifact that is a job's result as data, for programs.
RESULT_DATA: Final = "result"

#: Type of the artifact that has every item of a job's result, for whoever goes through them page by page.
RESULT_ITEMS: Final = "result-items"

#: An image within the markdown itself, on a line of its own or in a cell.
_IMAGE: Final = re.compile(r"!\[(?:\\.|[^\]\\])*\]\(data:[^)]*\)\n*")


def result_key(job_id: uuid.UUID) -> str:
    """The key of the artifact that is a job's result card; each of the job's runs makes a new version of it."""
    return f"{RESULT}{job_id}"


def without_images(markdown: str) -> str:
    """A result card for where images cannot be shown."""
    return _IMAGE.sub("", markdown)
