from __future__ import annotations

from fractions import Fraction

import pytest

from reelmill.ffmpeg.process.cost import cost_of, efficiency, with_vmaf
from reelmill.ffmpeg.process.progress import Progress
from reelmill.ffmpeg.process.run import ProcessResult
from reelmill.hardware.energy import NOT_MEASURABLE, Energy

MB = 1_000_000


@pytest.mark.parametrize(
    ("bytes_in", "bytes_out", "cpu", "vmaf", "worth"),
    [
        (10 * MB, 4 * MB, 24.0, 100.0, 2.0),  # 48 Mbit in 24 s, and perfect
        (10 * MB, 4 * MB, 24.0, 94.0, 1.0),  # one noticeable difference
        (10 * MB, 4 * MB, 12.0, 94.0, 2.0),
        (10 * MB, 11 * MB, 12.0, 99.0, 0.0),  # it grew: nothing saved, and that is no guess
        (10 * MB, 4 * MB, 24.0, None, None),
        (None, 4 * MB, 24.0, 94.0, None),
        (10 * MB, None, 24.0, 94.0, None),
        (10 * MB, 4 * MB, 0.0, 94.0, None),
    ],
)
def test_efficiency(
    bytes_in: int | None, bytes_out: int | None, cpu: float, vmaf: float | None, worth: float | None
) -> None:
    assert efficiency(bytes_in, bytes_out, cpu, vmaf) == worth


def test_a_ruined_frame_is_no_saving() -> None:
    decent, ruined = efficiency(100 * MB, 40 * MB, 10, 95), efficiency(100 * MB, 1 * MB, 10, 60)
    assert decent is not None
    assert ruined is not None
    assert decent > 30 * ruined


def test_what_was_not_measured_is_none() -> None:
    finished = ProcessResult(seconds=2.0, cpu_seconds=3.0, last=Progress(), stderr_tail=())
    cost = cost_of(finished, Energy(None, NOT_MEASURABLE), Fraction(10), bytes_in=10 * MB, bytes_out=4 * MB)
    assert (cost.speed, cost.joules, cost.vmaf, cost.efficiency) == (5.0, None, None, None)
    assert cost.joules_source == "not measurable here"
    later = with_vmaf(cost, 100.0)
    assert (later.vmaf, later.efficiency) == (100.0, 16.0)
