"""Which deployment a job type's runs are made from."""

from __future__ import annotations

import uuid

import pytest
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Failed

from reelmill.dispatch.server.deployments import REPLACED, preferred
from reelmill.dispatch.testing import MemorySite
from reelmill.errors import UnknownName, UserError
from reelmill.queue.job import JobStatus
from tests.refusals import refused


def _deployment(name: str, pool: str | None, *tags: str) -> DeploymentResponse:
    return DeploymentResponse(
        id=uuid.uuid4(), name=name, flow_id=uuid.uuid4(), work_pool_name=pool, tags=list(tags), labels={}
    )


@pytest.mark.parametrize(
    ("deployments", "pool", "name"),
    [
        ([("reencode-cpu", "cpu"), ("reencode", "gpu_encode")], None, "reencode"),
        ([("reencode-cpu", "cpu"), ("reencode", "gpu_encode")], "cpu", "reencode-cpu"),
        ([("reencode", "gpu_encode")], "cpu", None),
        ([("cpu", "cpu"), ("gpu_encode", "gpu_encode")], None, "gpu_encode"),  # of an older version
        ([("gpu_encode", "gpu_encode", REPLACED), ("reencode", "gpu_encode")], None, "reencode"),
        ([("gpu_encode", "gpu_encode", REPLACED), ("reencode-cpu", "cpu")], None, "gpu_encode"),
        ([("for Anna", "gpu_encode"), ("reencode", "gpu_encode")], None, "reencode"),
        ([("for Anna", "night")], None, "for Anna"),
        ([("reencode-cpu", "cpu"), ("reencode", "night")], None, "reencode"),  # an admin has moved it
        ([("reencode-cpu", "cpu"), ("for Anna", "night")], None, "reencode-cpu"),
        ([("served", None), ("reencode-cpu", "cpu")], None, "reencode-cpu"),
        ([("served", None)], None, None),
        ([], None, None),
    ],
)
def test_flow_and_pool_find_it_whatever_its_name(
    deployments: list[tuple[str, ...]], pool: str | None, name: str | None
) -> None:
    for order in (deployments, deployments[::-1]):
        found = preferred([_deployment(*one) for one in order], "reencode", pool)
        assert (found.name if found else None) == name


def test_the_name_of_a_deployment_is_no_job_type() -> None:
    site = MemorySite()
    site.deploy("reencode", pool="gpu_encode")
    with site.dispatcher() as prefect:
        with refused(UnknownName, name="reencode/gpu_encode"):
            prefect.jobs.submit("reencode/gpu_encode")
        with refused(UnknownName, name="reencode"):
            prefect.jobs.submit("reencode", pool="cpu")


def test_a_job_is_named_as_it_is_submitted() -> None:
    site, video = MemorySite(), "0f8fad5b-d9cb-469f-a165-70867728950e"
    schema = {"properties": {"video_id": {"type": "string"}, "directory_type": {"type": "string", "default": "videos"}}}
    site.deploy("validate", schema=schema)
    with site.dispatcher() as prefect:
        named = prefect.jobs.submit("validate", {"video_id": video}, file_names={video: "chaplin.mp4"})
        unnamed = prefect.jobs.submit("validate", {"video_id": f"1{video[1:]}"})
        default = prefect.jobs.submit("validate", {})
    assert [job.name for job in (named, unnamed, default)] == [
        "validate chaplin.mp4",
        "validate 1f8fad5b…",
        "validate videos",
    ]


def test_a_job_whose_deployment_is_gone_is_not_sent_back() -> None:
    site = MemorySite()
    site.deploy("validate")
    with site.dispatcher() as prefect, site.client() as client:
        job = prefect.jobs.submit("validate")
        client.set_flow_run_state(job.id, Failed(), force=True)
        client.delete_deployment(client.read_deployment_by_name("validate/validate").id)
        with refused(UserError):
            prefect.jobs.retry(job.id)
        assert prefect.jobs.read(job.id).status is JobStatus.FAILED
