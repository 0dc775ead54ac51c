"""Do a job's parameters fit its type? Asked where a run ended before it began (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def misfit(given: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """Why a flow cannot be called with these parameters, by their names; None where it can, or nobody can tell.

    Args:
        given: of the run.
        schema: of the deployment, as OpenAPI has it: ``properties`` by name, ``required`` names.

    Returns:
        One or two sentences, or None.
    """
    taken = schema.get("properties") or {}
    if not taken:
        return None
    names = ", ".join(sorted(taken))
    unknown = [name for name in given if name not in taken]
    if unknown:
        return f"There is no parameter {' or '.join(unknown)}; this job takes {names}."
    missing = [name for name in schema.get("required") or () if name not in given]
    if missing:
        return f"The parameter {' and '.join(missing)} must be given; this job takes {names}."
    return None
