"""Who did what: every change is written down in the site's catalogue once it is done, and read from there.

What was done stays done where it cannot be written down: the catalogue may be away, or not known here (a notebook with
nothing but ``PREFECT_API_URL``). Then a warning names what is missing; a job's own log has it in any case.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from reelmill.catalogue import audit
from reelmill.catalogue.audit import AuditPage
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import AuditEntry
from reelmill.clock import Clock
from reelmill.dispatch.runs.control import SteeredJob, this_user
from reelmill.dispatch.runs.job_chains import JobChains
from reelmill.dispatch.server.connection import translates_errors
from reelmill.errors import ReelmillError, UserError
from reelmill.queue.actor import Actor
from reelmill.queue.job import Job
from reelmill.settings import get_settings
from reelmill.site_discovery import names_this_site

_LOG: Final = logging.getLogger(__name__)
_UNKNOWN: Final = (
    "the catalogue of this site is not known here: `export REELMILL_DATABASE_URL=` with what "
    "`reelmill login --database` prints there"
)


class Trail(Protocol):
    """Where entries are kept."""

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries, all or none.

        Raises:
            ReelmillError, SQLAlchemyError: they cannot be kept.
        """

    def entries(self, job_ids: Collection[uuid.UUID] | None, since: datetime | None, page: int, size: int) -> AuditPage:
        """See ``reelmill.catalogue.audit.entries``."""


class CatalogueTrail:
    """The table in the site's catalogue.

    Args:
        api_url: of the site's Prefect server. Another node's catalogue is known by the setting ``database_url`` alone;
            without it, the one here is that of this node's site.
    """

    def __init__(self, api_url: str):
        self._api_url = api_url

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """See ``Trail.record``."""
        self._require_known()
        with session() as opened:
            audit.record(opened, entries)

    def entries(self, job_ids: Collection[uuid.UUID] | None, since: datetime | None, page: int, size: int) -> AuditPage:
        """See ``Trail.entries``."""
        self._require_known()
        with session() as opened:
            return audit.entries(opened, job_ids=job_ids, since=since, page=page, size=size)

    def _require_known(self) -> None:
        if get_settings().database_url is None and not names_this_site(self._api_url):
            raise UserError(_UNKNOWN)


class Audit:
    """Writes down what was done, and lists it."""

    def __init__(self, trail: Trail, chains: JobChains, clock: Clock):
        self._trail, self._chains, self._clock = trail, chains, clock

    def record(self, action: str, by: Actor, job_id: uuid.UUID | None = None, **details: Any) -> None:
        """Write down what somebody has done; nothing fails where that cannot be.

        Args:
            action: what; of what is no job with its noun first, such as ``pool.drain``.
            by: who.
            job_id: public id of the job it was done to; None: it is not about one job.
            **details: such as the lane; plain values.
        """
        self._record(action, by, [job_id], details)

    def record_each(self, action: str, by: Actor, job_ids: Iterable[uuid.UUID], **details: Any) -> None:
        """Write down what somebody has done to many jobs: an entry for each, in one statement.

        Args:
            action: what.
            by: who.
            job_ids: public ids of the jobs.
            **details: the same for all.
        """
        self._record(action, by, list(job_ids), details)

    def steer(
        self, action: str, act: Callable[[uuid.UUID, Actor], SteeredJob], job_id: uuid.UUID, by: Actor | None
    ) -> SteeredJob:
        """Do something to a job, and write that down if it has changed something.

        Args:
            action: what is done.
            act: does it.
            job_id: of the job.
            by: who wants that; None: whoever runs this process.

        Returns:
            The job.
        """
        who = by or this_user()
        steered = act(job_id, who)
        if steered.changed:
            self.record(action, who, steered.public_id)
        return steered

    def record_submitted(self, job_type: str, jobs: Sequence[Job], folded: Collection[uuid.UUID], by: Actor) -> None:
        """Write down that jobs were handed in: an entry for each, and one for all where there are several.

        Args:
            job_type: theirs.
            jobs: one for each that was asked for, the same one for the same work.
            folded: ids of those that were under way already.
            by: who wants them.
        """
        ids = {job.id: job.public_id for job in jobs}
        new = ids.keys() - folded
        if len(jobs) > 1:
            self.record("submit", by, type=job_type, asked=len(jobs), new=len(new))
        self.record_each("submit", by, [ids[one] for one in new], type=job_type)
        self.record_each("submit", by, [ids[one] for one in ids.keys() - new], type=job_type, folded=True)

    @translates_errors
    def entries(
        self,
        job_id: uuid.UUID | Collection[uuid.UUID] | None = None,
        *,
        since: datetime | None = None,
        page: int = 1,
        size: int = 50,
    ) -> AuditPage:
        """Who did what, the newest first.

        Args:
            job_id: only what was done to this job, by its public id or that of any of its runs; where all of these are
                known already, they, so that the server is not asked.
            since: only of that moment and later.
            page: 1 is the first.
            size: entries on a page, 1 to 200.

        Returns:
            The entries, and how many there are.

        Raises:
            UserError: there is no such page, or the site's catalogue is not known here.
            PlatformError: the database or the server is away.
        """
        ids = self._ids(job_id) if isinstance(job_id, uuid.UUID) else job_id
        return self._trail.entries(ids, since, page, size)

    def _ids(self, job_id: uuid.UUID) -> set[uuid.UUID]:
        """Every id that the job was recorded by; one that was cleared away is known by that which is given."""
        try:
            run = self._chains.present(job_id)
        except UserError:
            return {job_id}
        return {job_id, run.id, *(found.id for found in self._chains.before(run))}

    def _record(self, action: str, by: Actor, job_ids: Sequence[uuid.UUID | None], details: dict[str, Any]) -> None:
        now = self._clock.now()
        entries = [
            AuditEntry(
                at=now,
                actor=by.name,
                origin=by.origin,
                action=action,
                job_id=job_id,
                reason=by.reason or None,
                details=details,
            )
            for job_id in job_ids
        ]
        if not entries:
            return
        try:
            self._trail.record(entries)
        except (ReelmillError, SQLAlchemyError) as error:
            _LOG.warning("done, but missing from the audit: %s by %s; %s", _named(entries), by.name, error)


def _named(entries: Sequence[AuditEntry]) -> str:
    """What was done, for a warning: ``cancel of the job 0190… and 3 more``."""
    first, *more = entries
    what = f"of the job {first.job_id}" if first.job_id is not None else str(first.details)
    return f"{first.action} {what}" + (f" and {len(more)} more" if more else "")
