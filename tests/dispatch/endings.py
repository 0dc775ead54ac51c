"""Endings of jobs as plain data, and a reader of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reelmill.dispatch.tables.endings import Ending
from reelmill.queue.encode_labels import EncodeFigures
from reelmill.queue.job import JobStatus


def ending(**differs: Any) -> Ending:
    """The ending of a job that ran for a minute, just now."""
    now = datetime.now(UTC)
    plain = Ending(
        state_id=uuid.uuid4(), written=now, ended=now, type="validate", status=JobStatus.COMPLETED, seconds=60.0,
        waited=2.0, retries=0, dead_letter=False, encode=EncodeFigures(),
    )  # fmt: skip
    return replace(plain, **differs)


@dataclass
class KnownEndings:
    """Reads endings that are there."""

    present: list[Ending] = field(default_factory=list)

    def endings(self, after: datetime | None) -> Iterator[Ending]:
        """Those that were written after a moment."""
        return iter([one for one in self.present if after is None or one.written > after])

    def write_again(self, one: Ending, later: timedelta) -> None:
        """As a run is that was labelled or tagged after it had ended."""
        self.present.remove(one)
        self.present.append(replace(one, written=one.written + later))
