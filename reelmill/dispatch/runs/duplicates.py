"""When two jobs are the same work: pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from reelmill.queue.job_type import JobType

#: What the tag begins with that the same work carries.
TAG: Final = "same-"
#: What that tag ends with on a job that was put off: those fold with each other alone.
LATER: Final = "-later"

#: What job types are whose deployment was made by a version that did not declare it.
_UNDECLARED: Final = {
    "scenario": JobType(repeats=True),
    "compile_random": JobType(repeats=True, unless_given=("seed",)),
    "compile_quad": JobType(repeats=True, unless_given=("seed", "video_ids")),
    "compile_mega": JobType(repeats=True, unless_given=("seed", "video_ids")),
}


def declared(job_type: str, schema: Mapping[str, Any]) -> JobType:
    """What a job type declares of itself, whichever version deployed it.

    Args:
        job_type: its own name.
        schema: of its flow's parameters, as its deployment has it.

    Returns:
        The declaration, without the folder.
    """
    return JobType.from_schema(schema) or _UNDECLARED.get(job_type, JobType())


def complete_parameters(
    schema: Mapping[str, Any], preset: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """A job's parameters with the defaults of its flow and of its deployment filled in.

    Args:
        schema: of the flow's parameters.
        preset: what the deployment sets.
        given: what was submitted.

    Returns:
        All parameters, by name.
    """
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    defaults = {name: about["default"] for name, about in properties.items() if "default" in about}
    return {**defaults, **preset, **given}


def work_tag(job_type: str, parameters: Mapping[str, Any], declared: JobType) -> str | None:
    """The tag that every job doing this work carries; None for work that is never the same twice.

    Args:
        job_type: its own name.
        parameters: all of them: see ``complete_parameters``.
        declared: see ``declared``.

    Returns:
        ``same-`` and a hash of type and parameters.
    """
    if declared.is_new_work(parameters):
        return None
    return TAG + digest([job_type, parameters])[:12]


def digest(value: Any) -> str:
    """A hash of plain values, the same for equal ones."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
