"""A queue in memory with job types as they are really deployed, and the reader of its jobs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.utilities.callables import parameter_schema

from blocks import MediaLibrary, TranscoderSettings
from blocks.stored import SiteBlock
from flows.compile_quad import compile_quad
from flows.reencode import reencode
from flows.validate import validate
from reelmill.dispatch import Dispatcher, JobFilter, Progress, Statistics
from reelmill.dispatch.tables.job_lines import LogPage
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.tables.job_values import JobDetail, JobList
from reelmill.dispatch.tables.timeline import StateRow, TimelineSegment, timeline
from reelmill.dispatch.testing import MemorySite
from reelmill.errors import UserError
from reelmill.queue.result_key import RESULT_DATA


def memory_site() -> MemorySite:
    """``validate`` and ``compile_quad`` in the pool cpu, ``reencode`` in gpu_encode and cpu; nobody saved a block."""
    site = MemorySite()
    site.deploy("validate", pool="cpu", schema=_schema(validate))
    site.deploy("compile_quad", pool="cpu", schema=_schema(compile_quad))
    site.deploy("reencode", pool="gpu_encode", schema=_schema(reencode), variables={"vram_mb": 2000})
    site.deploy("reencode", pool="cpu", schema=_schema(reencode), variables={"vram_mb": 0})
    for kind in (MediaLibrary, TranscoderSettings):
        configure(site, kind)
    return site


def configure(site: MemorySite, kind: type[SiteBlock]) -> None:
    """Register a kind of block as ``reelmill deploy`` does."""
    site.configure(
        kind.get_block_type_slug(),
        kind.get_block_type_name(),
        description=kind.get_description() or "",
        schema=kind.model_json_schema(),
    )


@cache  # 90 ms each
def _schema(flow: Flow[..., Any]) -> dict[str, object]:
    return parameter_schema(flow.fn).model_dump_for_openapi()


class MemoryReader(JobReader):
    """Reads what ``JobReader`` does, by way of a dispatcher: there are no tables in memory."""

    def __init__(self, prefect: Dispatcher, client: SyncPrefectClient):
        super().__init__(prefect.snapshot.waiting)
        self._prefect, self._client = prefect, client

    def page(
        self, job_filter: JobFilter | None = None, *, page: int = 1, size: int = 20, before: str | None = None
    ) -> JobList:
        if before is not None:
            raise UserError("There are no cursors in memory.")
        found = self._prefect.jobs.search(job_filter, page=page, size=size)
        return JobList(found.jobs, page, size, found.total, found.pages, None)

    def read(self, job_id: uuid.UUID) -> JobDetail:
        job = self._prefect.jobs.read(job_id)
        progress = self.progress([job.id]).get(job.id)
        return JobDetail(job, progress, self.timeline(job_id), None, job.replaces, job.replaced_by)

    def run_ids(self, job_id: uuid.UUID) -> list[uuid.UUID]:
        job = self._prefect.jobs.read(job_id)
        return [job.public_id, job.id]

    def progress(self, job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Progress]:
        return self._prefect.jobs.progress(job_ids)

    def timeline(self, job_id: uuid.UUID) -> list[TimelineSegment]:
        states = self._client.read_flow_run_states(job_id)
        rows = [StateRow(job_id, s.type.value, s.name or "", s.timestamp, s.message) for s in states]
        return timeline(rows, self._clock.now())

    def log(self, job_id: uuid.UUID, after: str | None = None, limit: int = 1000) -> LogPage:
        if after is not None and not after.isdecimal():
            raise UserError(f"{after!r} is no cursor.")
        lines, start = self._prefect.jobs.log(job_id, None), int(after or 0)
        page = lines[start : start + limit]
        return LogPage(page, str(start + len(page)), start + len(page) >= len(lines))

    def log_tail(self, job_id: uuid.UUID, limit: int = 100) -> LogPage:
        lines = self._prefect.jobs.log(job_id, None)
        return LogPage(lines[-limit:], str(len(lines)), True)

    def result(self, job_id: uuid.UUID) -> dict[str, Any] | None:
        own = {"artifacts": {"type": {"any_": [RESULT_DATA]}}, "flow_runs": {"id": {"any_": [str(job_id)]}}}
        found = self._client.request("POST", "/artifacts/filter", json=own).json()
        return found[0]["data"] if found else None

    def statistics(self, days: int = 7) -> Statistics:
        return self._prefect.numbers.statistics(days)
