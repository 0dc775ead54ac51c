"""When two jobs are the same work: pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

#: What the tag begins with that the same work carries.
TAG: Final = "same-"

#: The load test is meant to be handed in many times over.
_NEVER_THE_SAME: Final = frozenset({"scenario"})

#: Without a seed and without chosen videos each of these picks anew.
_PICKS: Final = frozenset({"compile_random", "compile_quad", "compile_mega"})


def whole(schema: Mapping[str, Any], preset: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A job's parameters with the defaults of its flow and of its deployment filled in.

    Args:
        schema: of the flow's parameters.
        preset: what the deployment sets.
        given: what was handed in.
    """
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    defaults = {name: about["default"] for name, about in properties.items() if "default" in about}
    return {**defaults, **preset, **given}


def same(job_type: str, parameters: Mapping[str, Any]) -> str | None:
    """The tag that every job doing this work carries; None for work that is never the same twice.

    Args:
        job_type: its own name.
        parameters: as ``whole`` answers.
    """
    if job_type in _NEVER_THE_SAME:
        return None
    if job_type in _PICKS and parameters.get("seed") is None and not parameters.get("video_ids"):
        return None
    text = json.dumps([job_type, parameters], sort_keys=True, default=str)
    return TAG + hashlib.sha256(text.encode()).hexdigest()[:12]
