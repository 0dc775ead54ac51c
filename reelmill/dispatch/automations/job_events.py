"""The event of a job that has failed for good: emitted by the worker that settled it, once no retry is left (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun
from prefect.events import Event, Resource

#: Emitted once for each job that ends in failure, not for each try of it, as the server's own events are.
FAILED: Final = "reelmill.job.failed"

#: Label: true where the job is out of retries, false where a retry would not have helped.
DEAD_LETTER: Final = "reelmill.dead-letter"


def failed_event(run: FlowRun, labels: Mapping[str, Any], message: str, *, dead_letter: bool) -> Event:
    """The event of a job that has failed for good.

    Args:
        run: the job's.
        labels: what was found out about the failure, as they are put on the run.
        message: the reason.
        dead_letter: whether it is out of retries.

    Returns:
        The event, not sent yet.
    """
    resource = {
        "prefect.resource.id": f"prefect.flow-run.{run.id}",
        "prefect.resource.name": run.name,
        DEAD_LETTER: "true" if dead_letter else "false",
    }
    payload = {"message": message, "dead_letter": dead_letter, "tags": run.tags, **labels}
    return Event(event=FAILED, resource=Resource(resource), payload=payload)
