"""Who steers a job, and how its log and its states name them (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: Through what somebody steers a job.
Origin = Literal["api", "cli", "python", "web", "worker"]

#: What the message of a cancelled job begins with.
_CANCELLED: Final = "Cancelled by "


@dataclass(frozen=True)
class Actor:
    """Somebody who steers a job or the site, and why."""

    name: str  # alice@nas
    reason: str = ""
    origin: Origin = "python"

    def did(self, what: str) -> str:
        """A line of the job's log: ``cancelled by alice@nas: the wrong preset``.

        Args:
            what: was done.

        Returns:
            The line, which is also the message of a state once it begins with a capital letter.
        """
        line = f"{what} by {self.name}" + (f": {self.reason}" if self.reason else "")
        return "".join(each if each.isprintable() else " " for each in line)  # a reason forges no further lines


#: Prefect's UI and command line set a state without a name.
UNNAMED: Final = Actor("somebody in the Prefect UI or its command line")


def cancelled_by(message: str | None) -> str | None:
    """Who cancelled a job, as its state has it: ``Cancelled by alice@nas``.

    Args:
        message: of its state.

    Returns:
        The sentence; None where nobody gave a name.
    """
    return message if message is not None and message.startswith(_CANCELLED) else None
