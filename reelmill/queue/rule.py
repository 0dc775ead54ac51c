"""A rule: which jobs are done for each new video of a folder (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reelmill.errors import WrongParameter

_NAME: Final = re.compile(r"[\w][\w .-]{0,59}")


@dataclass(frozen=True)
class RuleJob:
    """A job that a rule does for a video.

    Args:
        type: name of the job type.
        parameters: of its flow, but for the video.
        pool: which of its deployments; empty: the one that a job submitted without a pool gets.
    """

    type: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pool: str = ""

    def __str__(self) -> str:
        given = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        where = f" in {self.pool}" if self.pool else ""
        return f"{self.type}{f' ({given})' if given else ''}{where}"


@dataclass(frozen=True)
class Rule:
    """What is done for each new, valid video of a directory type.

    Args:
        name: by which people know it.
        directory_type: the folder that it is about.
        jobs: in the order in which they are submitted; they may run in any.
        on: whether it does anything.
    """

    name: str
    directory_type: str
    jobs: tuple[RuleJob, ...]
    on: bool = False

    @property
    def where(self) -> str:
        """The filter that chooses the videos it would do its jobs for, were they new; jobs leave out invalid ones."""
        return f'directory_type = "{self.directory_type}"'


def check_rule_name(name: str) -> None:
    """Refuse a name that cannot be typed back.

    Raises:
        WrongParameter: it is empty, too long or holds strange characters.
    """
    if not _NAME.fullmatch(name):
        raise WrongParameter(
            f"{name!r} is no name for a rule or notification: letters, digits, spaces, dots and dashes, at most 60.",
            "name",
            name,
        )
