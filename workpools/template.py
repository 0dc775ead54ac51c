"""The job variables that an admin edits in the Prefect UI, and what becomes of them in a run."""

from __future__ import annotations

from typing import Annotated, Any, Final

from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorkerResult
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

WORKER_TYPE = "reelmill"

#: Of every worker of Prefect; a run that is forked from its worker has no use for them.
_UNUSED: Final = ("name", "labels", "command")


class JobVariables(BaseVariables):
    """The job variables of a pool of this type.

    The server holds every new run against this form, and checks the form itself, too: that was two thirds of what a
    run costs it to create. So the form is as small as it can be: no field without a use, no choice of two types.
    """

    env: dict[str, str | SkipJsonSchema[None]] = Field(
        default_factory=dict, title="Environment", description="Environment variables of a job."
    )
    vram_mb: int = Field(
        default=0, ge=0, title="VRAM (MB)", description="GPU memory a job takes, in MB; it starts where that is free."
    )
    max_retries: Annotated[int, Field(ge=0)] | SkipJsonSchema[None] = Field(
        default_factory=lambda: None,
        title="Retries",
        description="How often a failed job is tried again, after 2, 4, 8 … minutes; empty: the node's setting.",
    )


class JobConfiguration(BaseJobConfiguration):
    """The same, of one run."""

    vram_mb: int = Field(default=0, ge=0)
    max_retries: int | None = Field(default=None, ge=0)


class Result(BaseWorkerResult):
    """Always of status 0: the worker settles a run's state itself, see ``attempt.py``."""


def job_template() -> dict[str, Any]:
    """What Prefect keeps with each pool to draw its form from."""
    form = JobVariables.model_json_schema()["properties"]
    fields = JobConfiguration.json_template()
    for name in _UNUSED:
        del form[name], fields[name]
    return {"job_configuration": fields, "variables": {"type": "object", "properties": form}}
