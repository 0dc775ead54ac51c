"""A run as the server has it, and a moment to view it at, for tests to vary."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from reelmill.queue.job import RunFacts

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

RUN = RunFacts(
    id=uuid.uuid4(),
    name="quiet-otter",
    type="reencode",
    state_type="SCHEDULED",
    state_name="Scheduled",
    message=None,
    scheduled=NOW - timedelta(minutes=1),
    expected=NOW - timedelta(minutes=1),
    parameters={"video_id": "7"},
    pool="gpu_encode",
    lane="batch-low",
    tags=("gpu_encode",),
    labels={},
    variables={"vram_mb": 4000},
    attempt=0,
    created=NOW - timedelta(minutes=1),
    started=None,
    ended=None,
)
