"""The work pools as ``pools.yaml`` lists them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from prefect.workers.process import ProcessWorker
from pydantic import BaseModel, ConfigDict, Field


class Pool(BaseModel):
    """One work pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str
    limit: int = Field(ge=1)
    description: str


@lru_cache(maxsize=1)
def pools() -> tuple[Pool, ...]:
    """Every pool of a site, in the order of the file."""
    content = yaml.safe_load((Path(__file__).parent / "pools.yaml").read_text())
    return tuple(Pool(name=name, type=content["type"], **facts) for name, facts in content["pools"].items())


def job_template() -> dict[str, Any]:
    """Prefect's template of the process worker, with the job variable ``vram_mb`` added.

    The process worker runs a job without looking at it; it is kept so that an admin finds and edits it today where the
    admission of GPU memory will read it.
    """
    template: dict[str, Any] = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["vram_mb"] = {
        "type": "integer",
        "minimum": 0,
        "default": 0,
        "title": "VRAM (MB)",
        "description": "GPU memory a job takes, in MB.",
    }
    return template
