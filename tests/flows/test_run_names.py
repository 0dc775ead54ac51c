"""What Prefect calls the runs of a site: after their video, unless a person has named them."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from deployments.site import Site
from reelmill.dispatch import dispatcher
from reelmill.operations.context import Workbench
from reelmill.storage.media_root import MediaRoot
from tests.clips import clip
from tests.operations.library import add

pytestmark = pytest.mark.site


def test_runs_made_by_prefect_are_called_after_their_video(on_site: Site) -> None:
    bench = Workbench(root=MediaRoot(on_site.settings.media_root))
    video = str(add(bench, clip(bench.root.folder("inbox") / "chaplin.mp4", seconds=1)).id)
    with get_client(sync_client=True) as client, dispatcher() as prefect:
        jobs = [
            *prefect.jobs.wait([_run(client, {"video_id": video})]),
            *prefect.jobs.wait([_run(client, {"video_id": "chaplin.mp4"})]),
            *prefect.jobs.wait([_run(client, {"video_id": video}, name="for Anna")]),
        ]
        submitted = prefect.jobs.submit("validate", {"video_id": video, "depth": "full"})
        assert submitted.name == f"validate {video[:8]}…"
        jobs += prefect.jobs.wait([submitted.id])
    assert [(job.name, str(job.status)) for job in jobs] == [
        ("validate chaplin.mp4", "completed"),
        ("validate chaplin.mp4", "completed"),
        ("for Anna", "completed"),
        ("validate chaplin.mp4", "completed"),
    ]


def _run(client: SyncPrefectClient, parameters: dict[str, Any], name: str | None = None) -> Any:
    """As the UI, a schedule or an automation makes one."""
    deployment = client.read_deployment_by_name("validate/validate").id
    return client.create_flow_run_from_deployment(deployment, parameters=parameters, name=name).id
