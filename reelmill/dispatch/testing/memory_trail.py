"""The audit of a site in memory: a list."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from reelmill.catalogue.audit import AuditPage, check_page
from reelmill.catalogue.models import AuditEntry


class MemoryTrail:
    """Keeps entries as the catalogue's table does."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries."""
        self._entries += entries

    def entries(self, job_ids: Collection[uuid.UUID] | None, since: datetime | None, page: int, size: int) -> AuditPage:
        """See ``reelmill.catalogue.audit.entries``."""
        check_page(page, size)
        chosen = [
            entry
            for entry in self._entries[::-1]
            if (job_ids is None or entry.job_id in job_ids) and (since is None or entry.at >= since)
        ]
        return AuditPage(chosen[(page - 1) * size : page * size], page, -(-len(chosen) // size), len(chosen))
