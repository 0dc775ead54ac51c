"""For tests of programs that hand jobs to Reelmill: a site in memory, without a server, a database or workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings

from reelmill.clock import SYSTEM, Clock
from reelmill.dispatch.dispatcher import Dispatcher
from reelmill.dispatch.testing.memory_server import MemoryServer
from reelmill.dispatch.testing.memory_trail import MemoryTrail


class MemorySite:
    """A queue in memory that the real dispatcher works on.

    Nothing runs there: what a worker would do, a test does with Prefect's own client.

    Args:
        clock: of the server and of its dispatchers; with a ``FakeClock`` nobody waits.

    Example:
        >>> site = MemorySite()
        >>> site.deploy("validate", pool="cpu", schema={"properties": {"video_id": {"type": "string"}}})
        >>> with site.dispatcher() as prefect, site.client() as client:
        ...     job = prefect.jobs.submit("validate", {"video_id": "a"})
        ...     _ = client.set_flow_run_state(job.id, Completed(), force=True)
        ...     str(prefect.jobs.read(job.id).status)
        'completed'
    """

    def __init__(self, clock: Clock = SYSTEM):
        self._clock, self._server, self._trail = clock, MemoryServer(clock), MemoryTrail()

    def deploy(
        self,
        job_type: str,
        *,
        pool: str = "cpu",
        schema: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        """Deploy a job type; its pool is made with the ten lanes where there is none of that name.

        Args:
            job_type: what jobs are submitted as.
            pool: name of the pool.
            schema: of the flow's parameters, as OpenAPI has it; None: the job type takes none.
            variables: job variables of the deployment, such as ``vram_mb``.
        """
        if pool not in self._server.pools:
            self._server.add_pool(pool)
        self._server.add_deployment(job_type, pool, dict(schema or {}), dict(variables or {}))

    def configure(self, name: str, title: str, *, description: str = "", schema: Mapping[str, Any]) -> None:
        """Register a kind of block; until somebody changes one of its values, the defaults of its schema hold.

        Args:
            name: slug of the kind; those of a site begin with ``reelmill-``.
            title: as people call it.
            description: what it is for.
            schema: of its values, as OpenAPI has it.
        """
        self._server.blocks.add(name, title, description, schema)

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """Prefect's own client, for what a worker or a person in Prefect's UI would do."""
        transport = httpx.MockTransport(self._server.respond)
        with (
            # The client sends events to the server that the settings name, and starts one where they name none.
            temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}),
            SyncPrefectClient("http://memory/api", httpx_settings={"transport": transport}) as client,
        ):
            yield client

    @contextmanager
    def dispatcher(self) -> Iterator[Dispatcher]:
        """The dispatcher of this site."""
        with self.client() as client:
            yield Dispatcher(client, self._clock, self._trail)
