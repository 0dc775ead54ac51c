from __future__ import annotations

from workpools.pools import pools
from workpools.template import job_template


def test_the_pools_of_the_design() -> None:
    assert {pool.name: pool.limit for pool in pools()} == {"cpu": 5, "gpu_encode": 2, "gpu_ai": 1}
    assert {pool.type for pool in pools()} == {"reelmill"}


def test_vram_is_a_job_variable_an_admin_can_edit() -> None:
    variable = job_template()["variables"]["properties"]["vram_mb"]
    assert (variable["type"], variable["minimum"], variable["default"]) == ("integer", 0, 0)
