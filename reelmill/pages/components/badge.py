"""The status of a job: a word, a colour and an icon, so that none of them is needed alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nicegui import ui

from reelmill.pages.components.text import Text
from reelmill.queue.job import JobStatus

#: The icon of each status, of Material Icons.
STATUS_ICONS: Final[Mapping[str, str]] = {
    JobStatus.PENDING: "schedule",
    JobStatus.QUEUED: "hourglass_top",
    JobStatus.RUNNING: "play_circle",
    JobStatus.COMPLETED: "check_circle",
    JobStatus.FAILED: "error",
    JobStatus.CANCELLED: "block",
    JobStatus.PAUSED: "pause_circle",
}


def status_badge(status: JobStatus) -> None:
    """Show the status of a job."""
    with ui.element("span").classes(f"rm-badge rm-{status}"):
        ui.icon(STATUS_ICONS[status]).props('aria-hidden="true"')
        Text("span", status)
