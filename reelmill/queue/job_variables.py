"""Job variables: the values that a job hands its worker, from the pool's form, its deployment and the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: GPU memory that a job takes, in MB.
VRAM: Final = "vram_mb"

#: How often a failed job is tried again.
MAX_RETRIES: Final = "max_retries"


def form_defaults(template: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of a pool's form, which an admin may have edited.

    Args:
        template: the pool's base job template.

    Returns:
        The default of each variable that has one.
    """
    form: Mapping[str, Mapping[str, Any]] = template.get("variables", {}).get("properties", {})
    return {name: field["default"] for name, field in form.items() if "default" in field}


def merged(*layers: Mapping[str, Any] | None) -> dict[str, Any]:
    """The variables of a job; a later layer wins, and what it leaves empty (None) stands as before.

    Args:
        layers: of the pool's form, of the deployment, of the run.

    Returns:
        One value for each variable that any layer sets.
    """
    return {name: value for layer in layers for name, value in (layer or {}).items() if value is not None}


def retry_limit(variables: Mapping[str, Any], default: int) -> int:
    """How often a job may be retried: the one rule for its worker and for whoever shows the job.

    Args:
        variables: of the job, ``merged``.
        default: the setting ``max_retries``, where no variable gives a number.

    Returns:
        0 or more.
    """
    return whole_number(variables.get(MAX_RETRIES), default)


def whole_number(value: object, default: int) -> int:
    """A whole number that an admin may have typed, as text too; the default for anything else."""
    if isinstance(value, (int, float)):
        return int(value)
    return int(value) if isinstance(value, str) and value.isdecimal() else default
