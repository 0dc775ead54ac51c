from __future__ import annotations

from typing import Any

import pytest
from prefect.workers.base import BaseWorker
from pydantic import ValidationError

from workpools.template import WORKER_TYPE, JobConfiguration, JobVariables, job_template
from workpools.worker import ReelmillWorker


def _form() -> dict[str, Any]:
    properties: dict[str, Any] = job_template()["variables"]["properties"]
    return properties


def test_vram_is_a_whole_number_from_0_on_the_form() -> None:
    field = _form()["vram_mb"]
    assert (field["title"], field["type"], field["minimum"], field["default"]) == ("VRAM (MB)", "integer", 0, 0)
    assert field["description"] == "GPU memory a job takes, in MB; it starts where that is free."


def test_retries_are_a_whole_number_from_0_on_the_form_or_left_empty() -> None:
    field = _form()["max_retries"]
    assert (field["title"], field["type"], field["minimum"]) == ("Retries", "integer", 0)
    assert "default" not in field
    assert "empty: the node's setting" in field["description"]


def test_the_form_asks_for_nothing_that_a_job_has_no_use_for() -> None:
    assert list(_form()) == ["env", "vram_mb", "max_retries"]


def test_every_field_of_the_form_reaches_the_job() -> None:
    assert job_template()["job_configuration"] == {name: "{{ " + name + " }}" for name in _form()}


def test_prefects_own_template_of_the_worker_is_ours() -> None:
    assert ReelmillWorker.get_default_base_job_template() == job_template()


def test_prefect_finds_the_worker_by_its_entry_point() -> None:
    assert BaseWorker.get_worker_class_from_type(WORKER_TYPE) is ReelmillWorker


@pytest.mark.parametrize("model", [JobVariables, JobConfiguration])
@pytest.mark.parametrize("field", ["vram_mb", "max_retries"])
def test_less_than_nothing_is_refused(model: type[JobVariables | JobConfiguration], field: str) -> None:
    assert getattr(model.model_validate({field: 0}), field) == 0
    with pytest.raises(ValidationError):
        model.model_validate({field: -1})


def test_a_job_that_says_nothing_takes_no_memory_and_the_machines_retries() -> None:
    job = JobConfiguration()
    assert (job.vram_mb, job.max_retries) == (0, None)
