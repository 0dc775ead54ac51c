"""The command line on a site in memory, whose clock does a worker's work while somebody waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from typer.testing import CliRunner, Result

from flows.reencode import reencode
from flows.scan import scan
from flows.scenario import scenario
from flows.validate import validate
from reelmill.cli.main import app
from reelmill.cli.server import dispatcher_from
from reelmill.clock import FakeClock
from reelmill.dispatch import Dispatcher
from reelmill.dispatch.testing import MemorySite


class WorkingClock(FakeClock):
    """Whoever sleeps lets the work go on by one step."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self.steps: list[Callable[[], object]] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.steps:
            self.steps.pop(0)()

    def tick(self) -> datetime:
        """A millisecond later, at which nothing happens; returns that time."""
        super().sleep(0.001)
        return self.now()


class Shell:
    """``reelmill`` on a site in memory."""

    def __init__(self, site: MemorySite, prefect: Dispatcher, client: SyncPrefectClient, clock: WorkingClock):
        self.site, self.prefect, self.client, self.clock = site, prefect, client, clock

    def __call__(self, *arguments: str, code: int = 0, stdin: str = "") -> Result:
        result = CliRunner().invoke(app, [*arguments], input=stdin)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints for programs."""
        return json.loads(self(*arguments, "--output", "json", code=code).stdout)


@contextmanager
def shell() -> Iterator[Shell]:
    """A site on which four job types are deployed; nothing runs by itself."""
    clock = WorkingClock()
    site = MemorySite(clock)
    for flow, pool in ((validate, "cpu"), (scan, "cpu"), (scenario, "cpu"), (reencode, "gpu_encode")):
        site.deploy(flow.name, pool=pool, schema=flow.parameters.model_dump())
    with site.client() as client, site.dispatcher() as prefect, dispatcher_from(site.dispatcher):
        yield Shell(site, prefect, client, clock)
