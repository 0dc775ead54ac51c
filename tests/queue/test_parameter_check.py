from __future__ import annotations

from reelmill.queue.parameter_check import misfit

_SCHEMA = {"properties": {"video_id": {}, "crf": {}}, "required": ["video_id"]}


def test_what_does_not_fit_is_named() -> None:
    assert misfit({"video_id": "a", "crf": 1}, _SCHEMA) is None
    assert misfit({"video_id": "a", "crv": 1, "x": 2}, _SCHEMA) == (
        "There is no parameter crv or x; this job takes crf, video_id."
    )
    assert misfit({"crf": 1}, _SCHEMA) == "The parameter video_id must be given; this job takes crf, video_id."


def test_without_a_schema_every_parameter_fits() -> None:
    assert misfit({"a": 1}, {}) is None
