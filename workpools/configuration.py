"""What a job tells its worker: the job variables an admin edits in the Prefect UI, and what becomes of them."""

from __future__ import annotations

from typing import Any

from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorkerResult
from pydantic import Field

WORKER_TYPE = "reelmill"


class JobVariables(BaseVariables):
    """The job variables of a pool of this type."""

    vram_mb: int = Field(
        default=0, ge=0, title="VRAM (MB)", description="GPU memory a job takes, in MB; it starts where that is free."
    )
    max_retries: int | None = Field(
        default=None,
        ge=0,
        title="Retries",
        description="How often a failed job is tried again, after 2, 4, 8 … minutes; empty: the machine's setting.",
    )


class JobConfiguration(BaseJobConfiguration):
    """The same, of one run."""

    vram_mb: int = Field(default=0, ge=0)
    max_retries: int | None = Field(default=None, ge=0)


class Result(BaseWorkerResult):
    """Always of status 0: the worker settles a run's state itself, see ``attempt.py``."""


def job_template() -> dict[str, Any]:
    """What Prefect keeps with each pool to draw its form from."""
    variables = JobVariables.model_json_schema()
    variables.pop("title", None)
    return {"job_configuration": JobConfiguration.json_template(), "variables": variables}
