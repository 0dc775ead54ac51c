"""``reelmill pool`` on a site in memory."""

from __future__ import annotations

import pytest

from reelmill.errors import UserError
from tests.cli.queue_in_memory import shell


def test_pools_and_lanes_are_paused_and_resumed() -> None:
    with shell() as reelmill:
        reelmill.prefect.jobs.submit("validate", {"video_id": "a"}, queue="idle")

        def states() -> dict[str, tuple[bool, list[str]]]:
            pools = reelmill.json("pool", "list")["pools"]
            return {
                pool["name"]: (pool["drained"], [lane["name"] for lane in pool["lanes"] if lane["paused"]])
                for pool in pools
            }

        assert states() == {"cpu": (False, []), "gpu_encode": (False, [])}
        assert reelmill.json("pool", "drain", "cpu") == {"pool": "cpu", "lane": None, "state": "drained"}
        assert reelmill.json("pool", "pause", "gpu_encode", "--lane", "idle")["state"] == "paused"
        assert states() == {"cpu": (True, []), "gpu_encode": (False, ["idle"])}
        assert "cpu         drained" in reelmill("pool", "list").stdout
        lanes = reelmill("pool", "list", "--lanes").stdout.splitlines()
        assert len(lanes) == 21
        assert lanes[10].split() == ["cpu", "idle", "10", "1", "paused"]
        reelmill("pool", "resume", "cpu")
        reelmill("pool", "resume", "gpu_encode", "--lane", "idle")
        assert states() == {"cpu": (False, []), "gpu_encode": (False, [])}


@pytest.mark.parametrize("arguments", [["drain", "tape"], ["pause", "cpu", "--lane", "slow"]])
def test_what_is_not_there_is_named(arguments: list[str]) -> None:
    with shell() as reelmill:
        error = reelmill("pool", *arguments, code=1).exception
    assert isinstance(error, UserError)
    assert f"'{arguments[-1]}'" in str(error)
