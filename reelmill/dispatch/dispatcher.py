"""The dispatcher: everything a face of Reelmill can ask of the queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import SyncPrefectClient, get_client

from reelmill.clock import SYSTEM, Clock
from reelmill.dispatch.audit import Audit, CatalogueTrail, Trail
from reelmill.dispatch.automations.notifications import Notifications
from reelmill.dispatch.automations.rules import Rules
from reelmill.dispatch.intake import Intake
from reelmill.dispatch.runs.job_views import JobViews
from reelmill.dispatch.server.connection import Connection, server_errors
from reelmill.dispatch.server.server_choice import chosen_server
from reelmill.dispatch.server.site_state import SiteState
from reelmill.dispatch.services.archive import archive_of
from reelmill.dispatch.services.batches import Batches
from reelmill.dispatch.services.blocks import Blocks
from reelmill.dispatch.services.bulk import Bulk
from reelmill.dispatch.services.health import Health
from reelmill.dispatch.services.jobs import Jobs
from reelmill.dispatch.services.lanes import Lanes
from reelmill.dispatch.services.nodes import Nodes
from reelmill.dispatch.services.numbers import Numbers
from reelmill.dispatch.services.pools import Pools
from reelmill.dispatch.site_transfer import SiteTransfer
from reelmill.dispatch.snapshot import SiteSnapshot
from reelmill.dispatch.tables.job_reader import JobReader
from reelmill.dispatch.totals.tally import JobTally


class Dispatcher:
    """The queue of one site, one service for each of its nouns.

    Args:
        client: of the site's Prefect server.
        clock: what time it is, and how it is waited.
        trail: where it is written down who did what; None: in the site's catalogue.
    """

    def __init__(self, client: SyncPrefectClient, clock: Clock = SYSTEM, trail: Trail | None = None):
        connection = Connection(client, clock)
        site = SiteState(connection)
        views = JobViews(connection, site)
        self.audit = Audit(trail or CatalogueTrail(str(client.api_url)), views.chains, clock)
        self.jobs = Jobs(connection, views, self.audit)
        self.intake = Intake(connection, views, self.audit)
        # What explains why a job waits is asked when one is read, and by then it is there.
        self.reader = JobReader(lambda: self.snapshot.waiting(), clock)
        tally = JobTally(self.reader)
        self.bulk = Bulk(connection, views, self.reader, tally, self.audit)
        self.batches = Batches(connection, self.bulk, self.audit)
        self.archive = archive_of(connection, self.reader, tally, self.audit)
        self.pools = Pools(connection, site, self.reader, self.audit)
        self.lanes = Lanes(connection, site, self.audit)
        self.nodes = Nodes(site)
        self.numbers = Numbers(connection, self.reader)
        self.blocks = Blocks(connection, self.audit)
        self.health = Health(connection, views)
        self.rules = Rules(connection, self.audit)
        self.notifications = Notifications(connection, self.audit)
        self.transfer = SiteTransfer(self.rules, self.blocks)
        self.snapshot = SiteSnapshot(connection, self.numbers, self.audit)


@contextmanager
def dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher on the Prefect server that ``PREFECT_API_URL`` names, on this node's site, or on the profile's.

    Example:
        >>> with dispatcher() as prefect:
        ...     [pool.name for pool in prefect.pools.all()]

    Yields:
        The dispatcher; its services are ``jobs``, ``bulk``, ``batches``, ``pools``, ``lanes``, ``nodes``, ``numbers``,
        ``blocks``, ``health``, ``rules``, ``notifications``, ``audit``, ``archive``, ``reader``, ``snapshot`` and
        ``transfer``.

    Raises:
        PlatformError: the server does not answer.
        UserError: it does not take our login.
    """
    with chosen_server(), server_errors(), get_client(sync_client=True) as client:
        yield Dispatcher(client)
