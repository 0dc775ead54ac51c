"""What was done is written down in the site's catalogue; where that cannot be, it stays done and a warning names it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Running

from flows.validate import validate
from reelmill.clock import SYSTEM
from reelmill.dispatch import Actor, Dispatcher
from reelmill.dispatch.audit import CatalogueTrail
from reelmill.dispatch.runs.control import CANCELLED_LINE
from reelmill.dispatch.testing import MemorySite
from reelmill.dispatch.testing.memory_server import MemoryServer
from reelmill.dispatch.testing.memory_trail import MemoryTrail
from reelmill.errors import PlatformError, UserError
from reelmill.queue.job import JobStatus
from reelmill.settings import get_settings
from tests.refusals import refused

_ANN = Actor("ann@nas", "the wrong preset", "api")


@pytest.fixture
def prefect() -> Iterator[Dispatcher]:
    """A queue in memory that writes down in a catalogue what is done."""
    site = MemorySite()
    site.deploy("validate", pool="cpu", schema=validate.parameters.model_dump())
    with site.client() as client:
        yield Dispatcher(client, trail=CatalogueTrail("http://memory/api/"))


def _submit(prefect: Dispatcher) -> uuid.UUID:
    return prefect.jobs.submit("validate", {"video_id": str(uuid.uuid4())}, _ANN).id


def test_entries_are_in_the_catalogue(catalogue: str, prefect: Dispatcher) -> None:
    job_id = _submit(prefect)
    prefect.jobs.cancel(job_id, _ANN)
    (cancel, submit) = prefect.audit.entries(job_id).entries
    assert (cancel.action, cancel.actor, cancel.origin, cancel.reason) == ("cancel", "ann@nas", "api", _ANN.reason)
    assert (submit.action, submit.details) == ("submit", {"type": "validate"})
    prefect.bulk.clear([job_id])
    assert [entry.action for entry in prefect.audit.entries(job_id).entries] == ["clear", "cancel", "submit"]


def test_what_was_done_before_the_server_went_away_is_written_down() -> None:
    server, trail = MemoryServer(SYSTEM), MemoryTrail()
    server.add_pool("cpu")
    server.add_deployment("validate", "cpu", {}, {})

    def respond(request: httpx.Request) -> httpx.Response:
        if b'"CANCELLING"' in request.content and request.url.path.endswith("/bulk_set_state"):
            return httpx.Response(500, json={"detail": "away"}, request=request)
        return server.respond(request)

    transport = httpx.MockTransport(respond)
    with SyncPrefectClient("http://memory/api", httpx_settings={"transport": transport}) as client:
        prefect = Dispatcher(client, trail=trail)
        waiting, running = (prefect.jobs.submit("validate", force=True).id for _ in range(2))
        client.set_flow_run_state(running, Running(), force=True)
        with refused(PlatformError):
            prefect.bulk.cancel([waiting, running], _ANN)
        assert prefect.jobs.read(waiting).status is JobStatus.CANCELLED
        assert [line.text for line in prefect.jobs.log(waiting)] == [_ANN.did("cancelled"), CANCELLED_LINE]
    entries = trail.entries([waiting, running], None, 1, 50).entries
    assert [(entry.action, entry.job_id) for entry in entries if entry.actor == _ANN.name] == [("cancel", waiting)]


def test_without_a_catalogue_the_deed_is_done_and_a_warning_names_it(
    prefect: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = _submit(prefect)
    caplog.clear()
    assert prefect.jobs.cancel(job_id, _ANN).status is JobStatus.CANCELLED
    (warning,) = (record for record in caplog.records if record.name == "reelmill.dispatch.audit")
    assert warning.levelno == logging.WARNING
    for word in (f"cancel of the job {job_id}", "ann@nas", "REELMILL_DATABASE_URL"):
        assert word in warning.getMessage()
    assert not get_settings().data_dir.exists()  # no catalogue was made for it
    with refused(UserError):
        prefect.audit.entries()


def test_while_the_database_is_away_the_deed_is_done_and_a_warning_names_it(
    prefect: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    get_settings.cache_clear()
    job_id = _submit(prefect)
    assert prefect.jobs.read(job_id).status is JobStatus.PENDING
    assert f"submit of the job {job_id}" in caplog.text
    assert "does not answer" in caplog.text
