from __future__ import annotations

from typing import Any

import pytest

from reelmill.queue.job_variables import form_defaults, merged, retry_limit


def test_a_form_gives_the_defaults_it_has() -> None:
    form = {"vram_mb": {"default": 0, "type": "integer"}, "max_retries": {"type": "integer"}}
    assert form_defaults({"variables": {"properties": form}}) == {"vram_mb": 0}
    assert form_defaults({}) == {}


def test_the_nearest_layer_wins_and_an_empty_field_changes_nothing() -> None:
    assert merged({"max_retries": 4, "vram_mb": 1}, {"max_retries": 5}, {"max_retries": None}) == {
        "max_retries": 5,
        "vram_mb": 1,
    }
    assert merged(None, {}) == {}


@pytest.mark.parametrize(
    ("variables", "limit"),
    [
        pytest.param({}, 5, id="the setting"),
        pytest.param({"max_retries": 1}, 1, id="the job"),
        pytest.param({"max_retries": 0}, 0, id="none at all"),
        pytest.param({"max_retries": "2"}, 2, id="as text"),
        pytest.param({"max_retries": "often"}, 5, id="no number"),
    ],
)
def test_retries_are_counted_by_the_job_else_by_the_setting(variables: dict[str, Any], limit: int) -> None:
    assert retry_limit(variables, 5) == limit
